package easybroker_test

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canaryKey = "k3y-canary"

// inquiry is full of data that must never appear in an error.
var inquiry = easybroker.ContactRequest{
	PropertyID: "EB-XXXX01", Name: "Ana Canary", Email: "ana@canary.example", Phone: "5559090909",
	Message: "Busco casa, soy canary", Source: "casas.mx", RemoteID: 1516,
}

func account(url string) easybroker.Account {
	return easybroker.Account{URL: url + "/v1", Key: secret.New(canaryKey), Country: "MX", API: easybroker.Partner}
}

const timeout = 15 * time.Second

// client returns a client whose connections are closed at the end of the test.
func client(t *testing.T, opt easybroker.Options) *easybroker.Client {
	t.Helper()
	opt.Timeout = cmp.Or(opt.Timeout, timeout)
	c := easybroker.New(opt)
	t.Cleanup(c.CloseIdle)
	return c
}

// kind names the end of a call as the caller sees it.
func kind(err error) string {
	var (
		notSent    *easybroker.NotSentError
		unanswered *easybroker.UnansweredError
		unreadable *easybroker.UnreadableError
		status     *easybroker.StatusError
	)
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &notSent):
		return "not sent"
	case errors.As(err, &unanswered):
		return "unanswered"
	case errors.As(err, &unreadable):
		return "unreadable"
	case errors.As(err, &status):
		return "status"
	}
	return fmt.Sprintf("unknown: %T", err)
}

// requireSilent looks for the canaries in every format of the error.
func requireSilent(t *testing.T, err error) {
	t.Helper()
	for _, e := range []error{err, fmt.Errorf("wrapped: %w", err), errors.Unwrap(err)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			text := fmt.Sprintf(verb, e)
			for _, canary := range []string{canaryKey, fmt.Sprintf("%x", canaryKey), "canary", "5559090909", "EB-XXXX01", "/v1/", "happened_after"} {
				require.NotContains(t, text, canary, verb)
			}
		}
	}
}

const (
	good      = "HTTP/1.1 200 OK\nContent-Length: 23\nX-Request-Id: a-1_b.2\n\n{\"status\":\"successful\"}"
	jsonShort = "HTTP/1.1 200 OK\nContent-Length: 40\n\n{\"status\":"
)

func body(status int, s string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\nContent-Length: %d\n\n%s", status, len(s), s)
}

func chunked(n int) string {
	chunk := strings.Repeat(" ", 1<<10)
	return "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n" + strings.Repeat("400\n"+chunk+"\n", n) + "0\n\n"
}

func gzipped(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(`{"status":"successful"}`))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(b.Len()) + "\r\n\r\n" + b.String()
}

// Each row is one way in which a call ends at a server that did get the request.
// Whatever it does, it sees the request once.
func TestEveryEndingOfARequestThatLeft(t *testing.T) {
	gz := gzipped(t)
	tests := map[string]struct {
		act  func(net.Conn, int) bool
		want string
		is   error
	}{
		"a good answer":                           {act: say(good), want: "taken"},
		"a 201":                                   {act: say(body(201, `{"id":7}`)), want: "taken"},
		"empty errors are none":                   {act: say(body(200, `{"status":"successful","error":null,"errors":[]}`)), want: "taken"},
		"a good answer after a 100":               {act: say("HTTP/1.1 100 Continue\n\n" + good), want: "taken"},
		"a good answer that closes":               {act: sayAndClose(good), want: "taken"},
		"no answer in time":                       {act: silence, want: "unanswered", is: context.DeadlineExceeded},
		"a head that never ends":                  {act: say("HTTP/1.1 200 OK\nX-Slow: "), want: "unanswered", is: context.DeadlineExceeded},
		"closed after the request":                {act: sayAndClose(""), want: "unanswered", is: io.EOF},
		"reset after the request":                 {act: reset, want: "unanswered"},
		"cut in the status line":                  {act: sayAndClose("HTTP/1.1 2"), want: "unanswered"},
		"cut in the head":                         {act: sayAndClose("HTTP/1.1 200 OK\nContent-Le"), want: "unanswered"},
		"not HTTP":                                {act: sayAndClose("X-Authorization: " + canaryKey + " " + inquiry.Email + "\n\n"), want: "unanswered"},
		"a header line that is none":              {act: sayAndClose("HTTP/1.1 200 OK\n" + canaryKey + " " + inquiry.Email + "\n\n"), want: "unanswered"},
		"a status that is no number":              {act: sayAndClose("HTTP/1.1 abc OK\n\n"), want: "unanswered"},
		"status 099":                              {act: sayAndClose("HTTP/1.1 099 Odd\nContent-Length: 0\n\n"), want: "unanswered"},
		"status 600":                              {act: say(body(600, "")), want: "unanswered"},
		"status 101":                              {act: sayAndClose("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: x\n\n"), want: "unanswered"},
		"endless interim answers":                 {act: sayAndClose(strings.Repeat("HTTP/1.1 103 Early Hints\nX: "+strings.Repeat("x", 9000)+"\n\n", 20)), want: "unanswered"},
		"a head that is too large":                {act: sayAndClose("HTTP/1.1 200 OK\nX: " + strings.Repeat("x", 80<<10) + "\n\n"), want: "unanswered"},
		"a 204":                                   {act: say("HTTP/1.1 204 No Content\n\n"), want: "unreadable"},
		"a 202":                                   {act: say(body(202, `{"status":"successful"}`)), want: "unreadable"},
		"an empty 200":                            {act: say(body(200, "")), want: "unreadable"},
		"blanks":                                  {act: say(body(200, "   ")), want: "unreadable"},
		"HTML":                                    {act: say(body(200, "<html>"+inquiry.Email+"</html>")), want: "unreadable"},
		"broken JSON":                             {act: say(body(200, `{"status":`)), want: "unreadable"},
		"two JSON values":                         {act: say(body(200, `{}{}`)), want: "unreadable"},
		"a JSON array":                            {act: say(body(200, `[]`)), want: "unreadable"},
		"a JSON null":                             {act: say(body(200, `null`)), want: "unreadable"},
		"an error inside":                         {act: say(body(200, `{"error":"no `+inquiry.Email+`"}`)), want: "unreadable"},
		"errors inside":                           {act: say(body(201, `{"Errors":{"email":[]}}`)), want: "unreadable"},
		"a body that is cut":                      {act: sayAndClose(jsonShort), want: "unreadable"},
		"a body that stops":                       {act: say(jsonShort), want: "unreadable"},
		"a body over the cap":                     {act: say(body(200, `{"a":"`+strings.Repeat("x", 64<<10)+`"}`)), want: "unreadable"},
		"endless chunks":                          {act: say(chunked(80)), want: "unreadable"},
		"a compressed body that was not asked":    {act: func(c net.Conn, _ int) bool { _, err := io.WriteString(c, gz); return err == nil }, want: "unreadable"},
		"a redirect":                              {act: say("HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/" + canaryKey + "\nContent-Length: 0\n\n"), want: "status"},
		"a redirect to nowhere":                   {act: say("HTTP/1.1 307 X\nLocation: http://%zz\nContent-Length: 0\n\n"), want: "status"},
		"a 401":                                   {act: say(body(401, `{"error":"Your API key is invalid"}`)), want: "status"},
		"a 422 that quotes the visitor":           {act: say(body(422, `{"errors":["Email `+inquiry.Email+` `+canaryKey+`"]}`)), want: "status"},
		"a 500 with HTML that is cut":             {act: sayAndClose("HTTP/1.1 500 X\nContent-Length: 900\n\n<html>"), want: "status"},
		"a 503 with a body that never ends":       {act: say("HTTP/1.1 503 X\nContent-Length: 900\n\n<html>"), want: "status"},
		"a refusal that closes before it is read": {act: sayAndClose(body(413, "")), want: "status"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, tt.act)
			c := client(t, easybroker.Options{Timeout: 300 * time.Millisecond})
			receipt, err := c.Create(t.Context(), account(server.url), inquiry)
			require.Equal(t, tt.want, kind(err), "%v", err)
			require.Len(t, server.requests(), 1)
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
			if err != nil {
				require.Zero(t, receipt)
				requireSilent(t, err)
			}
		})
	}
}

func TestTheRequestIsExactlyWhatEasyBrokerDocuments(t *testing.T) {
	tests := map[string]struct {
		api       easybroker.API
		cr        easybroker.ContactRequest
		uri, body string
		country   []string
	}{
		"a partner's, in full": {
			easybroker.Partner, inquiry, "/v1/integration_partners/contact_requests",
			`{"property_id":"EB-XXXX01","name":"Ana Canary","email":"ana@canary.example","phone":"5559090909",
			"message":"Busco casa, soy canary","source":"casas.mx","remote_id":1516}`, []string{"MX"},
		},
		"empty fields are left out": {
			easybroker.Partner, easybroker.ContactRequest{PropertyID: "EB-1", RemoteID: 1<<53 - 1},
			"/v1/integration_partners/contact_requests", `{"property_id":"EB-1","remote_id":9007199254740991}`, []string{"MX"},
		},
		"an account's has no remote_id": {
			easybroker.Plain, easybroker.ContactRequest{Email: "a@b.mx", Message: "<ñ>", RemoteID: 5},
			"/v1/contact_requests", `{"email":"a@b.mx","message":"<ñ>"}`, nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := serve(t, say(good))
			a := account(server.url)
			a.API = tt.api
			receipt, err := client(t, easybroker.Options{UserAgent: "ua/1"}).Create(t.Context(), a, tt.cr)
			require.NoError(t, err)
			require.Equal(t, easybroker.Receipt{Status: 200, RequestID: "a-1_b.2"}, receipt)
			got := server.requests()[0]
			require.Equal(t, "POST", got.method)
			require.Equal(t, tt.uri, got.uri)
			require.JSONEq(t, tt.body, got.body)
			require.Equal(t, tt.country, got.header["Country-Code"])
			require.Equal(t, []string{canaryKey}, got.header["X-Authorization"])
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			require.Equal(t, "application/json", got.header.Get("Accept"))
			require.Equal(t, "ua/1", got.header.Get("User-Agent"))
			for _, absent := range []string{"Idempotency-Key", "X-Idempotency-Key", "Accept-Encoding", "Cookie", "Authorization", "Referer"} {
				require.NotContains(t, got.header, absent)
			}
		})
	}
}

// The gem sends the header with every call of a partner if it is true, and never
// sends false.
func TestUsePartnerCodeIsAHeaderOfPartners(t *testing.T) {
	partnerList := say(body(200, `{"pagination":{"total":0,"next_page":null},"content":[]}`))
	for name, tt := range map[string]struct {
		api  easybroker.API
		use  bool
		want []string
	}{
		"a partner who uses the code":  {easybroker.Partner, true, []string{"true"}},
		"a partner who does not":       {easybroker.Partner, false, nil},
		"an account, which has no use": {easybroker.Plain, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, partnerList)
			a := account(server.url)
			a.API, a.UsePartnerCode = tt.api, tt.use
			c := client(t, easybroker.Options{})
			_, err := c.Create(t.Context(), a, inquiry)
			require.NoError(t, err)
			_, err = c.List(t.Context(), a, easybroker.Query{})
			require.NoError(t, err)
			for _, got := range server.requests() {
				require.Equal(t, tt.want, got.header["Use-Partner-Code"], got.method)
			}
		})
	}
}

func TestARedirectShowsTheKeyToNobody(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		elsewhere := serve(t, say(good))
		server := serve(t, say(fmt.Sprintf("HTTP/1.1 %d X\nLocation: %s/v1/integration_partners/contact_requests\nContent-Length: 0\n\n", status, elsewhere.url)))
		c := client(t, easybroker.Options{})
		_, err := c.Create(t.Context(), account(server.url), inquiry)
		var se *easybroker.StatusError
		require.ErrorAs(t, err, &se)
		require.Equal(t, status, se.Status)
		_, err = c.List(t.Context(), account(server.url), easybroker.Query{})
		require.ErrorAs(t, err, &se)
		require.Empty(t, elsewhere.bytes())
		require.Len(t, server.requests(), 2)
	}
}

func TestCookiesAreNotKept(t *testing.T) {
	server := serve(t, say("HTTP/1.1 200 OK\nSet-Cookie: a=b\nContent-Length: 2\n\n{}"))
	c := client(t, easybroker.Options{})
	for range 2 {
		_, err := c.Create(t.Context(), account(server.url), inquiry)
		require.NoError(t, err)
	}
	require.Empty(t, server.requests()[1].header["Cookie"])
}

func TestWhatAStatusErrorTells(t *testing.T) {
	text := `{"errors":{"remote_id":["has already been taken"],"name":["k3y-canary\u0007"]}}`
	server := serve(t, say("HTTP/1.1 422 X\nRetry-After: 7\nX-Request-Id: r-1\nContent-Length: "+strconv.Itoa(len(text))+"\n\n"+text))
	_, err := client(t, easybroker.Options{}).Create(t.Context(), account(server.url), inquiry)
	var se *easybroker.StatusError
	require.ErrorAs(t, err, &se)
	require.Equal(t, &easybroker.StatusError{
		Status: 422, RetryAfter: 7 * time.Second, NamesRemoteID: true, RequestID: "r-1",
		Reason: "name: •••; remote_id: has already been taken",
	}, se)
}

// A wrong address is answered by whoever is there, and not in EasyBroker's JSON.
func TestA404OfSomebodyElse(t *testing.T) {
	for text, want := range map[string]string{
		"404 page not found":             "easybroker: status 404, and not in EasyBroker's JSON: is EASYBROKER_URL right?",
		"":                               "easybroker: status 404, and not in EasyBroker's JSON: is EASYBROKER_URL right?",
		`{"error":"Property not found"}`: "easybroker: status 404",
	} {
		server := serve(t, say("HTTP/1.1 404 X\nContent-Length: "+strconv.Itoa(len(text))+"\n\n"+text))
		_, err := client(t, easybroker.Options{}).Create(t.Context(), account(server.url), inquiry)
		require.EqualError(t, err, want)
	}
}

func TestARequestIDFromOutsideIsKeptOnlyWhenItIsHarmless(t *testing.T) {
	for value, want := range map[string]string{
		"a-B_9.": "a-B_9.", "": "", "a b": "", "ñ": "", "<b>": "", strings.Repeat("x", 64): strings.Repeat("x", 64), strings.Repeat("x", 65): "",
	} {
		server := serve(t, say("HTTP/1.1 200 OK\nX-Request-Id: "+value+"\nContent-Length: 2\n\n{}"))
		receipt, err := client(t, easybroker.Options{}).Create(t.Context(), account(server.url), inquiry)
		require.NoError(t, err)
		require.Equal(t, want, receipt.RequestID)
	}
}

// A transport from outside has no watched connections, so it proves nothing.
func TestAStrangeTransportProvesNothing(t *testing.T) {
	fail := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New(canaryKey) })
	_, err := client(t, easybroker.Options{Transport: fail}).Create(t.Context(), account("https://x.mx"), inquiry)
	require.Equal(t, "unanswered", kind(err))
	requireSilent(t, err)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
