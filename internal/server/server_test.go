package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a door with the middleware around its handlers.
type stage struct {
	*chi.Mux
	log     *lines
	metrics *server.Metrics
	drain   *server.Drain
}

func newStage(level zerolog.Level) *stage {
	s := &stage{Mux: chi.NewRouter(), log: new(lines), metrics: server.NewMetrics("v1.2.3"), drain: new(server.Drain)}
	s.Use(server.AccessLog(zerolog.New(s.log).Level(level), s.metrics, "public"), server.Recover, s.drain.Middleware)
	return s
}

// ask sends a request. The headers are names and values in turn.
func (s *stage) ask(method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// series returns the lines of a metric.
func (s *stage) series(t *testing.T, name string) (found []string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.metrics.Handler(func(*http.Request) []string { return nil }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// lines is a log that can be read at any time.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// all returns the lines of the log. Every line must be one object without a repeated
// name.
func (l *lines) all(t *testing.T) (read []map[string]any) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		read = append(read, readLine(t, line))
	}
	return read
}

// only returns the only line of the log.
func (l *lines) only(t *testing.T) map[string]any {
	t.Helper()
	all := l.all(t)
	require.Len(t, all, 1)
	return all[0]
}

func readLine(t *testing.T, line string) map[string]any {
	t.Helper()
	in := json.NewDecoder(strings.NewReader(line))
	token, err := in.Token()
	require.NoError(t, err, line)
	require.Equal(t, json.Delim('{'), token)
	read := map[string]any{}
	for in.More() {
		name, err := in.Token()
		require.NoError(t, err, line)
		require.NotContains(t, read, name, "twice in %s", line)
		var value any
		require.NoError(t, in.Decode(&value), line)
		read[name.(string)] = value
	}
	_, err = in.Token()
	require.NoError(t, err, line)
	_, err = in.Token()
	require.ErrorIs(t, err, io.EOF, line)
	return read
}

// Whoever has a token of some sites sees the series that name them, and no other site.
func TestMetricsOfSomeSites(t *testing.T) {
	m := server.NewMetrics("v1.2.3")
	for _, site := range []string{"casas", "lofts", "casas-2"} {
		m.Accepted(site)
		m.Refused(site, 422, "lead")
	}
	keys := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "leadrelay_credential_state", Help: "x"}, []string{"sites", "state"})
	keys.WithLabelValues("casas,lofts", "held").Set(1)
	keys.WithLabelValues("lofts", "working").Set(1)
	m.Register(keys)
	see := func(sites []string) string {
		w := httptest.NewRecorder()
		m.Handler(func(*http.Request) []string { return sites }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		return w.Body.String()
	}
	text := see([]string{"casas"})
	require.Contains(t, text, `leadrelay_leads_accepted_total{site="casas"} 1`)
	require.Contains(t, text, `leadrelay_credential_state{sites="casas",state="held"} 1`)
	require.NotContains(t, text, "lofts")
	require.NotContains(t, text, "casas-2")
	require.NotContains(t, text, "go_")
	require.Empty(t, see([]string{}))
	require.Contains(t, see(nil), `sites="casas,lofts"`)
	require.Contains(t, see(nil), "go_goroutines")
}
