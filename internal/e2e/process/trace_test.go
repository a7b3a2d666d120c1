package process

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
	"leadrelay/internal/tracing/tracingtest"
)

const (
	pageTrace   = "4bf92f3577b34da6a3ce929d0e0e4736"
	pageSpan    = "00f067aa0ba902b7"
	traceparent = "00-" + pageTrace + "-" + pageSpan + "-01"
)

// collect starts a collector, and returns the settings that name it. Spans are sent ten
// times a second.
func collect(t *testing.T, env map[string]string) *tracingtest.Collector {
	t.Helper()
	collector := new(tracingtest.Collector)
	server := httptest.NewServer(collector)
	t.Cleanup(server.Close)
	env["OTEL_EXPORTER_OTLP_ENDPOINT"], env["OTEL_BSP_SCHEDULE_DELAY"] = server.URL+"/", "100"
	return collector
}

// headersTo returns an address in front of EasyBroker's, and the headers of what has come
// that way.
func headersTo(t *testing.T, address string) (front string, names func() string) {
	t.Helper()
	var mu sync.Mutex
	var all strings.Builder
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		_ = r.Header.Write(&all)
		mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

// postTraced posts an inquiry as a script of the page does that somebody traces.
func postTraced(t *testing.T, p *relaytest.Process, words string) {
	t.Helper()
	answer := say(t, p.Public, http.MethodPost, "/f", []string{"Origin: https://casas.mx", "Traceparent: " + traceparent, "Tracestate: page=1", "Idempotency-Key: " + words},
		"property_id=EB-1&email=ana%40ejemplo.mx&message="+words)
	require.Contains(t, answer, "202 Accepted")
	require.NotContains(t, answer, pageTrace)
}

// One trace leads from the page to the confirmation, over a process that ends in between. A
// repeat leads to it. EasyBroker hears nothing of it.
func TestOneTraceOverARestart(t *testing.T) {
	t.Parallel()
	broker, address := relaytest.StartBroker(t)
	front, headers := headersTo(t, address)
	const nobody = "127.0.0.1:1"
	env := relaytest.Settings(t, nobody)
	env["LEADRELAY_ORIGINS"] = "https://casas.mx"
	env["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment.name=test"
	collector := collect(t, env)
	p := relaytest.Start(t, env, "serve").Started()
	postTraced(t, p, "Hola")
	relaytest.Eventually(t, "an attempt", func() bool { return len(collector.Named("POST /v1/integration_partners/contact_requests")) > 0 })
	id := p.Leads("").Leads[0].RemoteID
	p.End(syscall.SIGTERM, 0)
	require.Contains(t, p.Out.String(), `"message":"posts are traced"`)
	require.Empty(t, p.Err.String(), "the SDK writes nothing there")

	env["EASYBROKER_URL"] = "http://" + front + "/v1"
	p = relaytest.Start(t, env, "serve").Started()
	postTraced(t, p, "Hola")
	relaytest.Eventually(t, "it is confirmed", func() bool { return p.Story(int64(id)).State == lead.Confirmed })
	relaytest.Eventually(t, "the trace ends", func() bool { return len(collector.Named("confirmed")) == 1 })
	p.End(os.Interrupt, 0)
	require.NoError(t, collector.Err())
	require.Len(t, broker.Book(), 1)
	require.NotContains(t, strings.ToLower(headers()), "trace")
	require.Contains(t, p.Out.String(), `"trace_id":"`+pageTrace+`"`)

	posts := collector.Named("POST /f")
	require.Len(t, posts, 2)
	first, again := posts[0], posts[1]
	require.Equal(t, []string{first.ID}, again.Links)
	require.Equal(t, []string{pageSpan, pageSpan}, []string{first.ParentID, again.ParentID})
	sent := collector.Named("POST /v1/integration_partners/contact_requests")
	require.NotContains(t, sent[0].Attributes, "http.response.status_code")
	require.EqualValues(t, http.StatusOK, sent[len(sent)-1].Attributes["http.response.status_code"])
	relays := map[any]bool{}
	for _, s := range collector.Spans() {
		relays[s.Resource["service.instance.id"]] = true
		require.Equal(t, "test", s.Resource["deployment.environment.name"])
		require.Equal(t, pageTrace, s.TraceID)
		require.EqualValues(t, id, s.Attributes["leadrelay.remote_id"], s.Name)
		switch s.Name {
		case "POST /f":
		case "keep":
			require.Contains(t, []string{first.ID, again.ID}, s.ParentID)
		default: // the lead's own steps are the first post's
			require.Equal(t, first.ID, s.ParentID, s.Name)
		}
	}
	require.Len(t, relays, 2, "each process has an id of its own")
}

// A collector that is away, hangs, refuses, redirects or answers rubbish costs nobody
// anything, and the end of the process a few seconds at most.
func TestACollectorInTrouble(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"away":  nil,
		"hangs": hang,
		"refuses": func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		},
		"redirects": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
			return true
		},
		"rubbish": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(canary))
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker, address := relaytest.StartBroker(t)
			env := relaytest.Settings(t, address)
			collector := collect(t, env)
			collector.Answer(answer)
			if answer == nil {
				env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
			}
			p := relaytest.Start(t, env, "serve").Started()
			for _, words := range []string{"uno", "dos", "tres"} {
				code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", words)
				require.Equal(t, http.StatusAccepted, code)
			}
			p.Settled()
			require.Len(t, broker.Book(), 3)
			begun := time.Now()
			p.End(syscall.SIGTERM, 0)
			require.Less(t, time.Since(begun), 10*time.Second)
			require.LessOrEqual(t, strings.Count(p.Out.String(), "traces are lost"), 3)
			require.Contains(t, p.Out.String(), "traces are lost")
			require.NotContains(t, p.Out.String(), canary)
			require.Empty(t, p.Err.String())
			for _, r := range collector.Requests() {
				require.Equal(t, "/v1/traces", r.Path, "no redirect is followed")
			}
		})
	}
}
