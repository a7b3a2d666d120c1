package main

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/alerts"
	"leadrelay/internal/config"
	"leadrelay/internal/console"
	"leadrelay/internal/courier"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/server"
	"leadrelay/internal/store"
)

// The doors by their names in the description.
const (
	publicName   = "The public door"
	operatorName = "The operator's door"
)

// doors are both doors of a relay in this process, over real sockets.
type doors struct {
	relay
	t        *testing.T
	client   *http.Client
	doc      *description
	handlers map[string]chi.Routes
	urls     map[string]string
	leads    map[string]string // remote ids, by what the questions call them, in braces
	shut     func() error      // closes the store, once
}

func openDoors(t *testing.T, env map[string]string) *doors {
	t.Helper()
	cfg, err := config.Load(env, config.Open)
	require.NoError(t, err)
	d := &doors{t: t, client: relaytest.NewClient(t), urls: map[string]string{}, leads: map[string]string{}}
	d.drain = new(server.Drain)
	d.examine = func(context.Context) ([]console.Finding, error) { return nil, nil }
	d.store, err = store.Open(t.Context(), string(cfg.Database))
	require.NoError(t, err)
	d.shut = sync.OnceValue(d.store.Close)
	t.Cleanup(func() { require.NoError(t, d.shut()) })
	d.token = secret.New(env["LEADRELAY_OPERATOR_TOKEN"])
	metrics, log := server.NewMetrics("test"), zerolog.Nop()
	d.gate = console.NewGate(d.token, d.store, server.Proxies(nil).Client, log)
	d.isEnding = d.drain.Begun
	d.reload = func(context.Context) (console.Reload, error) {
		return console.Reload{Sites: []string{"default"}, AtRestart: []string{}}, nil
	}
	d.courier = newCourier(cfg, d.store, newBroker(cfg), nil, metrics, log)
	d.auditor = courier.NewAuditor(d.courier, d.store)
	d.refusals = alerts.NewRefusals()
	d.alerts = newWatcher(cfg, d.relay, nil, log)
	d.handlers = map[string]chi.Routes{
		publicName:   publicDoor(cfg, d.relay, metrics, log).(chi.Routes),
		operatorName: operatorDoor(cfg, d.relay, metrics, log).(chi.Routes),
	}
	for name, handler := range d.handlers {
		s := httptest.NewServer(handler.(http.Handler))
		t.Cleanup(s.Close)
		d.urls[name] = s.URL
	}
	d.doc = d.describe()
	return d
}

// carry lets the courier carry until the test ends.
func (d *doors) carry() {
	d.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var carrying sync.WaitGroup
	carrying.Go(func() { _ = d.courier.Run(ctx) })
	d.t.Cleanup(func() { stop(); carrying.Wait() })
}

// watch watches for trouble until there is an alert, which the tests call {alert}.
func (d *doors) watch() {
	d.t.Helper()
	ctx, stop := context.WithCancel(d.t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { d.alerts.Run(ctx) })
	relaytest.Eventually(d.t, "an alert", func() bool { return len(d.alerts.Alerts()) > 0 })
	stop()
	watching.Wait()
	d.leads["{alert}"] = d.alerts.Alerts()[0].ID
}

// put keeps a lead that is an hour old and in the state, under a name for the tests.
func (d *doors) put(name string, state lead.State) {
	d.t.Helper()
	at := time.Now().Add(-time.Hour)
	l, err := lead.New(lead.Inquiry{Site: "default", PropertyID: "EB-1", Email: "ana@ejemplo.mx", Message: "Hola"}, "casas.mx", lead.DefaultRules(), at)
	require.NoError(d.t, err)
	if name == "erased" {
		l.Erase()
	}
	if l.State = state; state != lead.Queued {
		l.DueAt = time.Time{}
	}
	kept, err := d.store.Keep(d.t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(d.t, err)
	id := kept.RemoteID
	_, err = d.store.Amend(d.t.Context(), id, func(l *lead.Lead) error {
		if state == lead.Delivered {
			l.DeliveredAt = at
		}
		return nil
	})
	require.NoError(d.t, err)
	d.leads["{"+name+"}"] = id.String()
}

// putTest keeps a test inquiry, which the tests call {test}.
func (d *doors) putTest() {
	d.t.Helper()
	l, err := lead.New(lead.Inquiry{Site: "default", PropertyID: "EB-1", Email: "ana@ejemplo.mx", Message: "Hola"}, "casas.mx", lead.DefaultRules(), time.Now())
	require.NoError(d.t, err)
	l.MarkTest()
	kept, err := d.store.Keep(d.t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(d.t, err)
	d.leads["{test}"] = kept.RemoteID.String()
}

// settled reports whether no lead is on its way any more.
func (d *doors) settled() bool {
	counts, err := d.store.Counts(d.t.Context())
	require.NoError(d.t, err)
	return !slices.ContainsFunc(counts, func(c lead.Count) bool {
		return c.State == lead.Queued || c.State == lead.Sending || c.State == lead.Doubtful
	})
}

// question is a request, and what the answer must be beside its description.
type question struct {
	line   string // method, address
	status int
	body   string
	holds  string // stands in the answer
	header string // lines; without a type, a body is JSON
}

func (q question) request(t *testing.T, root string) *http.Request {
	t.Helper()
	method, target, _ := strings.Cut(q.line, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, root+target, strings.NewReader(q.body))
	require.NoError(t, err)
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for line := range strings.Lines(q.header) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			req.Header.Set(name, value)
		}
	}
	return req
}

func (d *doors) send(door string, q question) (*http.Request, *http.Response, []byte) {
	d.t.Helper()
	req := q.request(d.t, d.urls[door])
	resp, err := d.client.Do(req)
	require.NoError(d.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(d.t, err)
	require.Equal(d.t, "nosniff", resp.Header.Get("X-Content-Type-Options"), q.line)
	policy := resp.Header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "base-uri 'none'", "form-action ", "frame-ancestors 'none'"} {
		require.Contains(d.t, policy, directive, q.line) // of every answer: a browser may be led to any of them
	}
	return req, resp, body
}

// ask wants the answer as it is described, at each door where the address is.
func (d *doors) ask(doc *description, q question) {
	d.t.Helper()
	for _, text := range []*string{&q.line, &q.body, &q.holds} {
		*text = inBraces.ReplaceAllStringFunc(*text, func(name string) string { return cmp.Or(d.leads[name], name) })
	}
	route, _, err := doc.route(q.request(d.t, ""))
	require.NoError(d.t, err)
	if route.Operation.Security != nil && q.status != http.StatusUnauthorized && !strings.Contains(q.header, "Authorization: ") {
		q.header += "\nAuthorization: Bearer token-of-all-the-tests"
	}
	for _, door := range doorsOf(route.PathItem) {
		d.askAt(door, doc, q)
	}
}

func (d *doors) askAt(door string, doc *description, q question) {
	d.t.Helper()
	req, resp, body := d.send(door, q)
	require.Equal(d.t, q.status, resp.StatusCode, "%s: %s", q.line, body)
	require.NoError(d.t, doc.check(req, resp, body), "%s: %s", q.line, body)
	require.Contains(d.t, string(body), q.holds, q.line)
	if get, ok := strings.CutPrefix(q.line, "GET "); ok {
		_, head, _ := d.send(door, question{line: "HEAD " + get, header: q.header})
		require.Equal(d.t, q.status, head.StatusCode, q.line)
		require.Equal(d.t, resp.Header.Get("Content-Type"), head.Header.Get("Content-Type"), q.line)
	}
}
