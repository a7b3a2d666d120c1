package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/notify"
)

// Whatever the largest lead has in it, a receiver gets all of it in less than the 20 kB that
// the docs promise.
func TestTheLargestLeadFitsIntoAHook(t *testing.T) {
	longest := 0
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			longest = max(longest, len(body))
		}
	}))
	defer s.Close()
	secrets, err := notify.ParseSecrets("whsec_" + strings.Repeat("MfKQ", 8))
	require.NoError(t, err)
	hook := notify.Hook{URL: s.URL, Secrets: secrets, View: func(l lead.Lead) any { return console.View(l) }}
	send := hook.Sender("leadrelay/test")
	for _, character := range []string{"x", `"`, "<", "&", "\\", "\t", "ñ", "房", "🏠", "\u2028", "\u00a0"} {
		for _, length := range []int{10, 1500, 2000, 3000, 4000, 5000} {
			extra := make([]lead.Pair, 128)
			for i := range extra {
				extra[i] = lead.Pair{Name: fmt.Sprint("campo ", i), Value: strings.Repeat(character, 400)}
			}
			q := lead.Inquiry{
				Site: strings.Repeat("s", 63), PropertyID: strings.Repeat("E", 64), Email: "a@x.mx", Name: strings.Repeat("ñ", 200), Phone: strings.Repeat("5", 15),
				Message: "Hola" + strings.Repeat(character, length-4), Extra: extra, Context: map[string]string{},
			}
			for i := range 10 {
				q.Context[fmt.Sprint("utm_", i)] = strings.Repeat(character, 400)
			}
			l, err := lead.New(q, "casas.mx", lead.DefaultRules(), time.Now())
			if err != nil {
				continue // its message is too long to be taken
			}
			l.RemoteID, l.Reason = 1<<52, lead.Quote(lead.ReasonRefused, strings.Repeat(character, 500))
			d := lead.Delivery{RemoteID: l.RemoteID, Channel: lead.HookChannel("casas", s.URL), Notice: lead.NoticeReceived, At: time.Now(), ID: "msg_1", Lead: l}
			require.True(t, send(t.Context(), d, time.Now()).Taken, "%q × %d", character, length)
		}
	}
	t.Log(longest, "bytes at most")
	require.Greater(t, longest, 12_000, "these were large leads")
	require.Less(t, longest, 20_000)
}
