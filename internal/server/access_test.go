package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/problem"
	"leadrelay/internal/server"
)

// withForms adds the routes of a public door: forms below a mount, and probes.
func withForms(level zerolog.Level) *stage {
	s := newStage(level)
	s.Get(server.HealthzPath, server.Healthz)
	s.Get(server.ReadyzPath, server.Healthz)
	forms := chi.NewRouter()
	forms.Get("/f/{site}", func(w http.ResponseWriter, r *http.Request) {
		zerolog.Ctx(r.Context()).UpdateContext(func(c zerolog.Context) zerolog.Context {
			return c.Str("site", "casas").Int("remote_id", 7)
		})
		_, _ = io.WriteString(w, "thanks")
	})
	forms.Get("/silent", func(http.ResponseWriter, *http.Request) {})
	forms.Get("/redirect", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusSeeOther) })
	forms.Handle("/full", problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return problem.NewTryAgain(1, io.ErrShortWrite)
	}))
	forms.Get("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	forms.NotFound(http.NotFound)
	s.Mount("/", forms)
	return s
}

func TestARequestIsOneWideLine(t *testing.T) {
	tests := map[string]struct {
		method, target string
		want           map[string]any // beside door, request_id, took and message
	}{
		"with what the handler added": {"GET", "/f/canary?email=canary", map[string]any{
			"level": "info", "method": "GET", "route": "/f/{site}", "status": 200., "bytes": 6., "site": "casas", "remote_id": 7.,
		}},
		"a handler that says nothing": {"GET", "/silent", map[string]any{
			"level": "info", "method": "GET", "route": "/silent", "status": 200., "bytes": 0.,
		}},
		"a redirect": {"GET", "/redirect?canary", map[string]any{
			"level": "info", "method": "GET", "route": "/redirect", "status": 303., "bytes": 0.,
		}},
		"an unknown path": {"GET", "/canary", map[string]any{
			"level": "info", "method": "GET", "route": "none", "status": 404., "bytes": 19.,
		}},
		"a method of nobody's": {"CANARY", "/f/casas", map[string]any{
			"level": "info", "method": "other", "route": "none", "status": 405., "bytes": 0.,
		}},
		"a wrong method": {"DELETE", "/f/casas", map[string]any{
			"level": "info", "method": "DELETE", "route": "none", "status": 405., "bytes": 0.,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := withForms(zerolog.InfoLevel)
			w := s.ask(tt.method, tt.target, "Referer", "https://canary.mx", "X-Canary", "canary", "User-Agent", "canary")
			line := s.log.only(t)
			require.NotContains(t, strings.ToLower(s.log.String()), "canary")
			require.Equal(t, w.Header().Get("X-Request-Id"), line["request_id"])
			require.Equal(t, "public", line["door"])
			require.Equal(t, "request", line["message"])
			require.GreaterOrEqual(t, line["took"], 0.)
			for _, name := range []string{"request_id", "door", "message", "took"} {
				delete(line, name)
			}
			require.Equal(t, tt.want, line)
		})
	}
}

// Our own failures are logged at every level of the log.
func TestOurOwnFailureIsAnError(t *testing.T) {
	s := withForms(zerolog.ErrorLevel)
	s.ask("GET", "/f/casas")
	require.Empty(t, s.log.all(t))
	s.ask("GET", "/full")
	line := s.log.only(t)
	require.Equal(t, "error", line["level"])
	require.Equal(t, "try_again", line["problem"])
	require.Equal(t, "short write", line["cause"])
}

func TestProbesAreForTheDebugger(t *testing.T) {
	s := withForms(zerolog.InfoLevel)
	s.ask("GET", server.HealthzPath)
	s.ask("GET", server.ReadyzPath)
	require.Empty(t, s.log.String())
	require.Len(t, s.series(t, "leadrelay_http_requests_total"), 2)

	s = withForms(zerolog.DebugLevel)
	s.ask("GET", server.HealthzPath)
	require.Equal(t, "debug", s.log.only(t)["level"])
}

func TestAnAbortedRequestHasItsLine(t *testing.T) {
	s := withForms(zerolog.InfoLevel)
	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { s.ask("GET", "/abort") })
	line := s.log.only(t)
	require.Equal(t, "/abort", line["route"])
	require.Zero(t, line["status"])
}

func TestRequestID(t *testing.T) {
	tests := map[string]struct {
		given string
		kept  bool
	}{
		"letters and digits":        {"Az09-_", true},
		"one character":             {"a", true},
		"as long as it may be":      {strings.Repeat("a", 64), true},
		"too long":                  {strings.Repeat("a", 65), false},
		"none":                      {"", false},
		"a line feed":               {"a\nb", false},
		"a carriage return":         {"a\r\nX-Evil: 1", false},
		"an end of a JSON text":     {`a","level":"fatal`, false},
		"a blank":                   {"a b", false},
		"NUL":                       {"a\x00", false},
		"an escape":                 {"a\x1b[2J", false},
		"a letter with an accent":   {"á", false},
		"a mark that turns writing": {"a\u202eb", false},
		"a dot":                     {"a.b", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := withForms(zerolog.InfoLevel)
			got := s.ask("GET", "/f/casas", "X-Request-Id", tt.given).Header().Get("X-Request-Id")
			require.Equal(t, got, s.log.only(t)["request_id"])
			if tt.kept {
				require.Equal(t, tt.given, got)
				return
			}
			require.Regexp(t, `^[0-9a-f]{16}$`, got)
		})
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	s := withForms(zerolog.InfoLevel)
	seen := map[string]bool{}
	for range 1000 {
		seen[s.ask("GET", "/silent").Header().Get("X-Request-Id")] = true
	}
	require.Len(t, seen, 1000)
}

// A reader of the log may take either of two equal names.
func TestNoNameStandsTwice(t *testing.T) {
	s := newStage(zerolog.InfoLevel)
	s.Get("/", func(_ http.ResponseWriter, r *http.Request) {
		problem.NewTryAgain(1, io.ErrShortWrite).Log(r.Context())
		panic("while it is explained")
	})
	require.Equal(t, http.StatusInternalServerError, s.ask("GET", "/").Code)
	all := s.log.all(t)
	require.Len(t, all, 2)
	require.Equal(t, "try_again", all[1]["problem"])
}

func TestWithoutARouterThereIsNoRoute(t *testing.T) {
	var log lines
	h := server.AccessLog(zerolog.New(&log), server.NewMetrics(""), "public")(http.HandlerFunc(server.Healthz))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	require.Equal(t, "none", log.only(t)["route"])
}
