package intake_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/tracing"
	"leadrelay/internal/tracing/tracingtest"
)

const (
	pageTrace   = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + pageTrace + "-00f067aa0ba902b7-01"
)

// traced is a door whose posts are traced.
type traced struct {
	*relay
	tracer    *tracing.Tracer
	collector *tracingtest.Collector
}

func newTraced(t *testing.T) *traced {
	t.Helper()
	collector := new(tracingtest.Collector)
	server := httptest.NewServer(collector)
	t.Cleanup(server.Close)
	d := &traced{newRelay(t), tracing.New(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL}, "test", zerolog.Nop()), collector}
	t.Cleanup(d.tracer.Close)
	d.open(intake.New(sites(t), d.keeper, intake.Options{
		Trace: func(parent lead.Trace, route, siteID string) intake.Trace {
			return d.tracer.Post(parent, route, siteID)
		},
	}))
	return d
}

// spans returns what was sent of a name, and the door is done.
func (d *traced) spans(t *testing.T, name string) []tracingtest.Span {
	t.Helper()
	d.tracer.Close()
	require.NoError(t, d.collector.Err())
	return d.collector.Named(name)
}

// Only a page of the site's own list says which trace a post belongs to.
func TestWhoseTraceparentIsTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		site    string
		headers []string
		goesOn  bool
	}{
		"the site's own":                   {"casas", []string{"Origin", "https://casas.mx", "Traceparent", traceparent}, true},
		"a subdomain's, in its spelling":   {"casas", []string{"Origin", "https://www.casas.mx", "traceparent", traceparent}, true},
		"nobody's":                         {"casas", []string{"Traceparent", traceparent}, false},
		"the relay's own page":             {"casas", []string{"Origin", "http://example.com", "Traceparent", traceparent}, false},
		"a site's with no list":            {"default", []string{"Origin", "http://example.com", "Traceparent", traceparent}, false},
		"a page without an origin":         {"casas", []string{"Origin", "null", "Sec-Fetch-Mode", "navigate", "Traceparent", traceparent}, false},
		"two":                              {"casas", []string{"Origin", "https://casas.mx", "Traceparent", traceparent, "Traceparent", traceparent}, false},
		"two pages'":                       {"casas", []string{"Origin", "https://casas.mx", "Origin", "https://casas.mx", "Traceparent", traceparent}, false},
		"none":                             {"casas", []string{"Origin", "https://casas.mx"}, false},
		"rubbish":                          {"casas", []string{"Origin", "https://casas.mx", "Traceparent", "canary"}, false},
		"the site's own, and a tracestate": {"casas", []string{"Origin", "https://casas.mx", "Traceparent", traceparent, "Tracestate", "v=canary", "Baggage", "email=canary"}, true},
		"a foreign page's":                 {"casas", []string{"Origin", "https://evil.mx", "Traceparent", traceparent}, false},
		"another site's":                   {"casas", []string{"Origin", "https://homes.example", "Traceparent", traceparent}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTraced(t)
			w := d.ask("POST", "/f/"+tt.site, wholeForm, append(tt.headers, "Content-Type", formType)...)
			if w.Code < 400 {
				l := d.one(t)
				require.Equal(t, tt.goesOn, l.Trace.ID() == pageTrace)
				require.Contains(t, d.log.String(), `"trace_id":"`+l.Trace.ID()+`"`)
			}
			server := d.spans(t, "POST /f/{site}")
			require.Len(t, server, 1)
			require.Equal(t, tt.goesOn, server[0].TraceID == pageTrace)
			require.Contains(t, d.log.String(), server[0].TraceID)
			for _, r := range d.collector.Requests() {
				require.NotContains(t, r.Body, "canary")
			}
		})
	}
}

// Each post is a span, whatever it is answered, and nothing else is.
func TestWhatIsTraced(t *testing.T) {
	for name, tt := range map[string]struct {
		method, path, body string
		fails              error
		status             int64
		span, site         string // empty for none
	}{
		"a form":               {"POST", "/f/casas", wholeForm, nil, 303, "POST /f/{site}", "casas"},
		"a slash at the end":   {"POST", "/f/casas/", wholeForm, nil, 303, "POST /f/{site}", "casas"},
		"the only site":        {"POST", "/f", wholeForm, nil, 303, "POST /f", "default"},
		"wrong fields":         {"POST", "/f/casas", "email=canary", nil, 422, "POST /f/{site}", "casas"},
		"a disk that is full":  {"POST", "/f/casas", wholeForm, errors.New("canary"), 503, "POST /f/{site}", "casas"},
		"a site there is not":  {"POST", "/f/canary", wholeForm, nil, 404, "POST /f/{site}", ""},
		"a page there is not":  {"POST", "/f/casas/canary", wholeForm, nil, 404, "", ""},
		"a form that is shown": {"GET", "/f/casas", "", nil, 200, "", ""},
		"a preflight":          {"OPTIONS", "/f/casas", "", nil, 204, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTraced(t)
			d.keeper.fails = tt.fails
			w := d.ask(tt.method, tt.path, tt.body, "Content-Type", formType, "Accept", "text/html")
			require.EqualValues(t, tt.status, w.Code)
			spans := d.spans(t, tt.span)
			if tt.span == "" {
				require.Empty(t, d.collector.Spans())
				require.NotContains(t, d.log.String(), "trace_id")
				return
			}
			require.Len(t, spans, 1)
			require.Equal(t, tt.status, spans[0].Attributes["http.response.status_code"])
			require.Equal(t, tt.site != "", spans[0].Attributes["leadrelay.site"] == tt.site)
			for _, r := range d.collector.Requests() {
				require.NotContains(t, r.Body, "canary")
			}
		})
	}
}

// The page's answer has no trace in it, and neither has what is not traced.
func TestATraceIsNotAnswered(t *testing.T) {
	d := newTraced(t)
	w := d.post(jsonType, wholeJSON, "Origin", "https://casas.mx", "Traceparent", traceparent)
	require.Equal(t, http.StatusAccepted, w.Code)
	text, err := json.Marshal(w.Header())
	require.NoError(t, err)
	require.NotContains(t, string(text)+w.Body.String(), pageTrace)

	untraced := newRelay(t)
	untraced.post(jsonType, wholeJSON, "Origin", "https://casas.mx", "Traceparent", traceparent)
	require.Empty(t, untraced.one(t).Trace)
	require.NotContains(t, untraced.log.String(), "trace_id")
}

// A post that panics is a span, too, and the panic goes on.
func TestATraceOfAPanic(t *testing.T) {
	d := newTraced(t)
	door := intake.New(sites(t), panicking{}, intake.Options{
		Trace: func(parent lead.Trace, route, siteID string) intake.Trace {
			return d.tracer.Post(parent, route, siteID)
		},
	})
	require.Panics(t, func() { ask(door, "POST", "/f/casas", wholeJSON, "Content-Type", jsonType) })
	spans := d.spans(t, "POST /f/{site}")
	require.Len(t, spans, 1)
	require.EqualValues(t, 500, spans[0].Attributes["http.response.status_code"])
}

type panicking struct{ intake.Keeper }

// A page that is traced asks whether it may send its headers.
func TestAPreflightAllowsATrace(t *testing.T) {
	d := newRelay(t)
	for origin, allowed := range map[string]bool{"https://casas.mx": true, "https://evil.mx": false} {
		w := d.ask("OPTIONS", "/f/casas", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,traceparent,tracestate")
		names := w.Header().Get("Access-Control-Allow-Headers")
		require.Equal(t, allowed, strings.Contains(names, "traceparent") && strings.Contains(names, "tracestate"))
	}
}
