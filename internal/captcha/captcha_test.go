package captcha_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/captcha"
	"leadrelay/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	key   = "s3cret-canary"
	token = "t0ken-canary+/="
)

// verifier returns a verifier that calls the test's server.
func verifier(t *testing.T, p captcha.Provider, h http.Handler, timeout time.Duration) *captcha.Verifier {
	t.Helper()
	server := httptest.NewServer(h)
	transport := &http.Transport{}
	t.Cleanup(server.Close)
	t.Cleanup(transport.CloseIdleConnections)
	return captcha.New(p, secret.New(key), captcha.Options{URL: server.URL, Transport: transport, Timeout: timeout})
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestFieldName(t *testing.T) {
	var names []string
	for _, p := range captcha.Providers() {
		names = append(names, captcha.FieldName(p))
	}
	require.Equal(t, []string{"cf-turnstile-response", "h-captcha-response", "g-recaptcha-response"}, names)
}

func TestTheCall(t *testing.T) {
	for _, p := range captcha.Providers() {
		v := verifier(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			good := r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" && r.URL.RawQuery == "" &&
				r.FormValue("secret") == key && r.FormValue("response") == token && len(r.Form) == 2
			_, _ = fmt.Fprintf(w, `{"success":%t}`, good)
		}), 0)
		got, err := v.Verify(t.Context(), " "+token+"\n")
		require.NoError(t, err)
		require.Equal(t, captcha.Passed, got, p)
	}
}

func TestAnswers(t *testing.T) {
	const (
		t0, h, re = captcha.Turnstile, captcha.HCaptcha, captcha.ReCaptcha
		passed    = captcha.Passed
		refused   = captcha.Refused
		unknown   = captcha.Unknown
	)
	tests := map[string]struct {
		provider captcha.Provider
		status   int
		body     string
		want     captcha.Answer
	}{
		"Turnstile says yes":           {t0, 200, `{"success":true,"error-codes":[],"challenge_ts":"2026-11-24T12:00:00Z","hostname":"casas.mx","action":"","cdata":""}`, passed},
		"hCaptcha says yes":            {h, 200, `{"success":true,"challenge_ts":"2026-11-24T12:00:00Z","hostname":"casas.mx","credit":false}`, passed},
		"hCaptcha's risk is no score":  {h, 200, `{"success":true,"score":0.02,"score_reason":[]}`, passed},
		"reCAPTCHA v2 says yes":        {re, 200, `{"success":true,"hostname":"casas.mx"}`, passed},
		"reCAPTCHA v3 scores high":     {re, 200, `{"success":true,"score":0.5,"action":"submit"}`, passed},
		"reCAPTCHA v3 scores low":      {re, 200, `{"success":true,"score":0.4,"action":"submit"}`, refused},
		"a wrong token":                {t0, 200, `{"success":false,"error-codes":["invalid-input-response"]}`, refused},
		"a token used or too old":      {re, 200, `{"success":false,"error-codes":["timeout-or-duplicate"]}`, refused},
		"the same by hCaptcha":         {h, 200, `{"success":false,"error-codes":["expired-input-response","already-seen-response"]}`, refused},
		"a no without a reason":        {h, 200, `{"success":false}`, refused},
		"a refusal with status 400":    {t0, 400, `{"success":false,"error-codes":["invalid-input-response"]}`, refused},
		"a wrong secret":               {t0, 200, `{"success":false,"error-codes":["invalid-input-secret"]}`, unknown},
		"a missing secret":             {h, 400, `{"success":false,"error-codes":["missing-input-secret"]}`, unknown},
		"a wrong secret and token":     {re, 200, `{"success":false,"error-codes":["invalid-input-response","invalid-input-secret"]}`, unknown},
		"success and a wrong secret":   {re, 200, `{"success":true,"error-codes":["invalid-input-secret"]}`, unknown},
		"another site's key":           {h, 200, `{"success":false,"error-codes":["sitekey-secret-mismatch"]}`, unknown},
		"an internal error":            {t0, 200, `{"success":false,"error-codes":["internal-error"]}`, unknown},
		"a code that nobody knows":     {t0, 200, `{"success":false,"error-codes":["quota-exceeded"]}`, unknown},
		"a code that is none":          {t0, 200, `{"success":false,"error-codes":["` + token + key + `"]}`, unknown},
		"codes of another type":        {t0, 200, `{"success":false,"error-codes":{"a":1}}`, unknown},
		"nothing":                      {t0, 200, ``, unknown},
		"no verdict":                   {t0, 200, `{}`, unknown},
		"a verdict of null":            {t0, 200, `{"success":null}`, unknown},
		"a verdict of another type":    {t0, 200, `{"success":"true"}`, unknown},
		"a list":                       {t0, 200, `[true]`, unknown},
		"broken JSON":                  {t0, 200, `{"success":tr`, unknown},
		"two answers":                  {t0, 200, `{"success":true}{"success":false}`, unknown},
		"HTML":                         {t0, 200, `<html>` + token + key, unknown},
		"down":                         {t0, 503, `{"success":true}`, unknown},
		"too many":                     {t0, 429, `{"success":false,"error-codes":["invalid-input-response"]}`, unknown},
		"forbidden":                    {t0, 403, `{"success":false}`, unknown},
		"no content":                   {t0, 204, ``, unknown},
		"an answer of 64 KiB":          {t0, 200, `{"success":true}` + strings.Repeat(" ", 64<<10-16), passed},
		"an answer of more than that":  {t0, 200, `{"success":true}` + strings.Repeat(" ", 64<<10-15), unknown},
		"an answer of a megabyte more": {t0, 200, `{"success":true,"hostname":"` + strings.Repeat("a", 1<<20) + `"}`, unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := verifier(t, tt.provider, answers(tt.status, tt.body), 0).Verify(t.Context(), token)
			require.Equal(t, tt.want, got)
			requireQuiet(t, got, err)
		})
	}
}

// requireQuiet checks that there is an error if and only if the answer is Unknown, and
// that it gives nothing away.
func requireQuiet(t *testing.T, got captcha.Answer, err error) {
	t.Helper()
	require.Equal(t, got == captcha.Unknown, err != nil)
	for e := err; e != nil; e = errors.Unwrap(e) {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e), "canary")
	}
}

func TestTheLogLearnsWhatIsWrong(t *testing.T) {
	for body, want := range map[string]string{
		`{"success":false,"error-codes":["invalid-input-secret"]}`:            "captcha: hcaptcha: it refuses our call: invalid-input-secret",
		`{"success":false,"error-codes":["bad-request","Ana","` + key + `"]}`: "captcha: hcaptcha: it refuses our call: bad-request, ?, ?",
		`no`: "captcha: hcaptcha: its answer is unreadable",
	} {
		_, err := verifier(t, captcha.HCaptcha, answers(200, body), 0).Verify(t.Context(), token)
		require.EqualError(t, err, want)
	}
}

func TestATokenThatIsNoneIsNotAskedAbout(t *testing.T) {
	var calls atomic.Int32
	v := verifier(t, captcha.Turnstile, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = io.WriteString(w, `{"success":true}`)
	}), 0)
	for _, none := range []string{"", " \n", strings.Repeat("a", 60<<10)} {
		got, err := v.Verify(t.Context(), none)
		require.NoError(t, err)
		require.Equal(t, captcha.Refused, got)
	}
	require.Zero(t, calls.Load())
}

func TestNoRedirectIsFollowed(t *testing.T) {
	var calls atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = io.WriteString(w, `{"success":true}`)
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		v := verifier(t, captcha.Turnstile, http.RedirectHandler(elsewhere.URL, status), 0)
		got, err := v.Verify(t.Context(), token)
		require.Equal(t, captcha.Unknown, got)
		require.EqualError(t, err, fmt.Sprintf("captcha: turnstile: status %d", status))
	}
	require.Zero(t, calls.Load())
}

// A small answer that grows when it is decompressed is too large.
func TestABombIsTooLarge(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 4<<20))
	require.NoError(t, z.Close())
	got, err := verifier(t, captcha.Turnstile, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}), 0).Verify(t.Context(), token)
	require.Equal(t, captcha.Unknown, got)
	require.ErrorContains(t, err, "too large")
}

func TestAVerifierThatHangs(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"before its answer": func(_ http.ResponseWriter, r *http.Request) { hang(r) },
		"in the middle": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"success":`)
			_ = http.NewResponseController(w).Flush()
			hang(r)
		},
	}
	for name, h := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := verifier(t, captcha.Turnstile, h, 50*time.Millisecond).Verify(t.Context(), token)
			require.Equal(t, captcha.Unknown, got)
			require.EqualError(t, err, "captcha: turnstile: it did not answer in time")
		})
	}
}

// The body of such an answer is the connection itself, and would not end.
func TestASwitchOfProtocolsIsNotAwaited(t *testing.T) {
	v := verifier(t, captcha.Turnstile, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
	}), time.Minute)
	got, err := v.Verify(t.Context(), token)
	require.Equal(t, captcha.Unknown, got)
	require.EqualError(t, err, "captcha: turnstile: status 101")
}

// hang reads the request, so that the server notices when the client goes.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// silent is a network without any answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestThreeSecondsAreAllItGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		v := captcha.New(captcha.HCaptcha, secret.New(key), captcha.Options{Transport: silent{}})
		got, err := v.Verify(t.Context(), token)
		require.Equal(t, captcha.Unknown, got)
		require.EqualError(t, err, "captcha: hcaptcha: it did not answer in time")
		require.Equal(t, 3*time.Second, time.Since(begun))
	})
}

func TestAVisitorWhoLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := captcha.New(captcha.HCaptcha, secret.New(key), captcha.Options{Transport: silent{}}).Verify(ctx, token)
	require.Equal(t, captcha.Unknown, got)
	require.ErrorIs(t, err, context.Canceled)
}

// A raw server does what no HTTP library would.
func TestABrokenVerifierIsNotQuoted(t *testing.T) {
	for name, answer := range map[string]string{
		"it hangs up":            "",
		"it speaks another way":  token + key + "\r\n\r\n",
		"a head that is none":    "HTTP/1.1 200 OK\r\n" + key + "\r\n\r\n",
		"it ends too early":      "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"success\":true}",
		"chunks that are none":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + key + "\r\n",
		"gzip that is none":      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 13\r\n\r\ns3cret-canary",
		"a status that is none":  "HTTP/1.1 abc OK\r\n\r\n",
		"a status nobody has":    "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
		"a head without end":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 2<<20),
		"a switch of protocols":  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"only early hints":       "HTTP/1.1 103 Early Hints\r\n\r\n",
		"an answer without end.": "HTTP/1.0 200 OK\r\n\r\n" + strings.Repeat(" ", 65<<10),
	} {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{DisableKeepAlives: true}
			v := captcha.New(captcha.Turnstile, secret.New(key), captcha.Options{URL: rawServer(t, answer), Transport: transport})
			got, err := v.Verify(t.Context(), token)
			require.Equal(t, captcha.Unknown, got)
			requireQuiet(t, got, err)
		})
	}
}

// In a flood of tokens against a slow verifier few calls wait, and no others do. When
// they have ended, there is room again.
func TestAFloodOfTokens(t *testing.T) {
	const posts, most = 1200, 32
	var now, atMost atomic.Int32
	answer := make(chan struct{})
	v := verifier(t, captcha.Turnstile, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for n := now.Add(1); ; {
			if most := atMost.Load(); n <= most || atMost.CompareAndSwap(most, n) {
				break
			}
		}
		<-answer
		now.Add(-1)
		_, _ = io.WriteString(w, `{"success":false}`)
	}), time.Minute)
	token := strings.Repeat("a", 12_000)
	var all sync.WaitGroup
	var refused, unasked atomic.Int32
	for range posts {
		all.Go(func() {
			got, err := v.Verify(t.Context(), token)
			switch {
			case got == captcha.Refused && err == nil:
				refused.Add(1)
			case got == captcha.Unknown && err != nil && err.Error() == "captcha: turnstile: too many calls wait for their answers":
				unasked.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return now.Load() == most && unasked.Load() == posts-most }, time.Minute, time.Millisecond)
	close(answer)
	all.Wait()
	require.EqualValues(t, most, atMost.Load())
	require.EqualValues(t, most, refused.Load())
	got, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, captcha.Refused, got)
}

// A flood on one site does not affect the captchas of others, unless there are many such
// sites.
func TestFloodsOfTokensOnManySites(t *testing.T) {
	const sites, room, each = 4, 3, 40
	hold := make(chan struct{})
	var now atomic.Int32
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now.Add(1)
		<-hold
		_, _ = io.WriteString(w, `{"success":true}`)
	})
	var all sync.WaitGroup
	for i := range sites {
		v := verifier(t, captcha.HCaptcha, h, time.Minute)
		for range each {
			all.Go(func() { _, _ = v.Verify(t.Context(), token) })
		}
		require.Eventually(t, func() bool { return now.Load() == int32(32*min(i+1, room)) }, time.Minute, time.Millisecond)
	}
	close(hold)
	all.Wait()
}

// rawServer answers the first connection with these bytes.
func rawServer(t *testing.T, answer string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 64<<10))
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return "http://" + listener.Addr().String()
}

func TestAVerifierThatIsNotThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	for _, url := range []string{"http://" + listener.Addr().String(), "://"} {
		v := captcha.New(captcha.ReCaptcha, secret.New(key), captcha.Options{URL: url, Transport: &http.Transport{}})
		got, err := v.Verify(t.Context(), token)
		require.Equal(t, captcha.Unknown, got)
		require.EqualError(t, err, "captcha: recaptcha: it cannot be reached, or the connection broke")
	}
}
