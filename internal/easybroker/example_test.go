package easybroker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/secret"
)

func ExampleClient() {
	broker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Authorization") != "a-key" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"status":"successful"}`)
	}))
	defer broker.Close()

	client := easybroker.New(easybroker.Options{Timeout: 15 * time.Second})
	defer client.CloseIdle()
	account := easybroker.Account{URL: broker.URL, Key: secret.New("a-key"), Country: "MX", API: easybroker.Partner}
	inquiry := easybroker.ContactRequest{
		PropertyID: "EB-XXXX01", Email: "ana@ejemplo.mx", Message: "Me interesa", Source: "casas.mx", RemoteID: 1516,
	}

	receipt, err := client.Create(context.Background(), account, inquiry)
	fmt.Println(receipt.Status, err)

	account.Key = secret.New("an-old-key")
	_, err = client.Create(context.Background(), account, inquiry)
	if refused, ok := errors.AsType[*easybroker.StatusError](err); ok {
		fmt.Println("refused with", refused.Status)
	}

	broker.Close()
	client.CloseIdle()
	_, err = client.Create(context.Background(), account, inquiry)
	var notSent *easybroker.NotSentError
	fmt.Println("surely not sent:", errors.As(err, &notSent))
	// Output:
	// 200 <nil>
	// refused with 401
	// surely not sent: true
}
