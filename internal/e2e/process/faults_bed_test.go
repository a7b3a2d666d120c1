package process

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// ward is a relay with the settings that it has by default, and a site with a key and an
// EasyBroker of its own for each fault of one that answers.
type ward struct {
	t       *testing.T
	p       *relaytest.Process
	env     map[string]string
	session *http.Cookie
}

// asIfByDefault are the settings of a test without those that make it short.
func asIfByDefault(t *testing.T, broker string) map[string]string {
	t.Helper()
	env := relaytest.Settings(t, broker)
	for _, name := range []string{"TIMEOUT", "SETTLE", "SCHEDULE", "RATE", "PROBE", "CONCURRENCY"} {
		delete(env, "LEADRELAY_COURIER_"+name)
	}
	return env
}

// openWard starts the relay, with one site for each fault that an EasyBroker can have.
func openWard(t *testing.T, all []fault) *ward {
	t.Helper()
	brokers := map[string]http.Handler{}
	var file strings.Builder
	file.WriteString("sites:\n")
	for _, f := range all {
		if f.broker == nil {
			continue
		}
		id := strings.ToLower(f.id)
		brokers["key-of-"+id] = f.broker(t)
		_, _ = fmt.Fprintf(&file, "  %s: {source: casas.mx, easybroker: {api_key: key-of-%s}}\n", id, id)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b := brokers[r.Header.Get("X-Authorization")]; b != nil {
			b.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections() // some of them never end
		s.Close()
	})
	env := asIfByDefault(t, s.Listener.Addr().String())
	delete(env, "LEADRELAY_SOURCE")
	delete(env, "EASYBROKER_API_KEY")
	env["LEADRELAY_CONFIG"] = t.TempDir() + "/leadrelay.yaml"
	require.NoError(t, os.WriteFile(env["LEADRELAY_CONFIG"], []byte(file.String()), 0o600))
	return startWard(t, env)
}

func startWard(t *testing.T, env map[string]string) *ward {
	t.Helper()
	return (&ward{t: t, env: env, p: relaytest.Start(t, env, "serve").Started()}).login()
}

func (w *ward) login() *ward {
	w.t.Helper()
	resp, err := w.p.Client.PostForm("http://"+w.p.Operator+"/login", url.Values{"token": {w.p.Token}})
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	require.Len(w.t, resp.Cookies(), 1)
	w.session = resp.Cookies()[0]
	return w
}

// posts sends inquiries about so many properties to a site, and returns the last one's number.
func (w *ward) posts(site string, n int) (last int64) {
	w.t.Helper()
	for i := range n {
		form := url.Values{"property_id": {fmt.Sprintf("EB-%d", i+1)}, "email": {"ana@ejemplo.mx"}, "message": {"Hola"}}
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+w.p.Public+"/f/"+site, strings.NewReader(form.Encode()))
		require.NoError(w.t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", "application/json")
		resp, err := w.p.Client.Do(req)
		require.NoError(w.t, err)
		var a relaytest.Accepted
		decode(w.t, resp, http.StatusAccepted, &a)
		last = a.RemoteID
	}
	return last
}

var (
	tags   = regexp.MustCompile(`(?s)<(style|script|svg)\b.*?</(style|script|svg)>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// page is what a person reads on a page of the console, in English.
func (w *ward) page(path string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.p.Operator+path, nil)
	require.NoError(w.t, err)
	req.AddCookie(w.session)
	req.Header.Set("Accept-Language", "en")
	resp, err := w.p.Client.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(string(text), " ")), " ")
}

// overview is what a person reads first.
func (w *ward) overview() string { return w.page("/") }

// alerts are the causes and remedies of what is open.
func (w *ward) alerts() string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.p.Operator+"/api/v1/alerts", nil)
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "Bearer "+w.p.Token)
	req.Header.Set("Accept-Language", "en")
	resp, err := w.p.Client.Do(req)
	require.NoError(w.t, err)
	var all struct {
		Alerts []struct{ Cause, Remedy string }
	}
	decode(w.t, resp, http.StatusOK, &all)
	var text strings.Builder
	for _, a := range all.Alerts {
		_, _ = fmt.Fprintln(&text, a.Cause+". "+a.Remedy)
	}
	return text.String()
}

// decode reads an answer.
func decode(t *testing.T, resp *http.Response, status int, into any) {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, status, resp.StatusCode)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(into))
}

// says runs a command to its end, and returns what it says.
func says(t *testing.T, env map[string]string, args ...string) string {
	t.Helper()
	p := relaytest.Start(t, env, args...)
	select {
	case <-p.Done:
	case <-time.After(relaytest.Patience):
		require.Fail(t, "it does not end", p.Output())
	}
	return p.Output()
}

// doctor is what doctor says of a relay that may run or not.
func doctor(t *testing.T, env map[string]string) string {
	t.Helper()
	return says(t, env, "doctor")
}

// doctor is what doctor says of this relay, which has taken any free ports.
func (w *ward) doctor() string {
	w.t.Helper()
	env := map[string]string{"LEADRELAY_ADDR": w.p.Public, "LEADRELAY_OPERATOR_ADDR": w.p.Operator}
	for name, value := range w.env {
		if env[name] == "" {
			env[name] = value
		}
	}
	return doctor(w.t, env)
}

// misbehaving is a pretend EasyBroker with faults.
func misbehaving(f fakebroker.Faults) func(*testing.T) http.Handler {
	return func(t *testing.T) http.Handler {
		t.Helper()
		b := fakebroker.New(fakebroker.Options{Faults: f})
		t.Cleanup(b.Close)
		return b.Handler()
	}
}

// troubled is a pretend EasyBroker whose POSTs all have the trouble.
func troubled(trouble fakebroker.Trouble) func(*testing.T) http.Handler {
	trouble.On = http.MethodPost
	return misbehaving(fakebroker.Faults{Trouble: []fakebroker.Trouble{trouble}})
}

func answering(status int) func(*testing.T) http.Handler {
	return troubled(fakebroker.Trouble{Do: "status", Status: status})
}

// raw is an EasyBroker that answers a POST with these bytes, one at a time with a pause
// after each, and whose list is empty.
func raw(answer string, pause time.Duration) func(*testing.T) http.Handler {
	return func(*testing.T) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				_, _ = io.WriteString(w, `{"pagination":{"total":0,"next_page":null},"content":[]}`)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			conn, both, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			writeSlowly(both.Writer, answer, pause)
		})
	}
}

func writeSlowly(w *bufio.Writer, text string, pause time.Duration) {
	for _, b := range []byte(text) {
		if w.WriteByte(b) != nil || w.Flush() != nil {
			return
		}
		time.Sleep(pause)
	}
}

// watches waits until the relay has seen to its alerts twice, in a database of a server.
func (w *ward) watches() {
	w.t.Helper()
	db, err := sql.Open("pgx", w.env["LEADRELAY_DATABASE"])
	require.NoError(w.t, err)
	defer func() { _ = db.Close() }()
	var first, until string
	relaytest.Eventually(w.t, "it watches", func() bool {
		err := db.QueryRowContext(w.t.Context(), `SELECT until::text FROM alert_turn WHERE holder <> ''`).Scan(&until)
		if err == nil && first == "" {
			first = until
		}
		return err == nil && first != until
	})
}
