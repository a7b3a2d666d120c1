package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

// withProbes adds the probes. The store fails with the error in fails.
func withProbes(fails *error) *stage {
	s := newStage(zerolog.InfoLevel)
	ready := server.Readyz(func(context.Context) error { return *fails }, s.drain)
	s.Get(server.HealthzPath, server.Healthz)
	s.Head(server.HealthzPath, server.Healthz)
	s.Get(server.ReadyzPath, ready)
	s.Head(server.ReadyzPath, ready)
	s.Post("/f", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	return s
}

func TestProbes(t *testing.T) {
	disk := errors.New("disk full")
	tests := map[string]struct {
		path   string
		fails  error
		drains bool
		status int
		body   string
	}{
		"it lives":                              {server.HealthzPath, nil, false, 200, "ok\n"},
		"it lives though the store fails":       {server.HealthzPath, disk, false, 200, "ok\n"},
		"it lives while it drains":              {server.HealthzPath, nil, true, 200, "ok\n"},
		"it is ready":                           {server.ReadyzPath, nil, false, 200, "ready\n"},
		"it is not ready when the store fails":  {server.ReadyzPath, disk, false, 503, "the store cannot be written\n"},
		"it is not ready while it drains":       {server.ReadyzPath, nil, true, 503, "stopping\n"},
		"it is not ready for whatever of these": {server.ReadyzPath, disk, true, 503, "stopping\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := withProbes(&tt.fails)
			if tt.drains {
				s.drain.Begin()
			}
			d := open(t, s, quick())
			for method, want := range map[string]string{http.MethodGet: tt.body, http.MethodHead: ""} {
				resp := d.get(t, method, tt.path)
				require.Equal(t, tt.status, resp.StatusCode)
				require.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
				require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
				require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.Equal(t, want, string(body))
			}
			require.Equal(t, http.StatusMethodNotAllowed, d.get(t, http.MethodPost, tt.path).StatusCode)
		})
	}
}

func TestReadinessFailsLoudlyAndRecovers(t *testing.T) {
	var fails error
	s := withProbes(&fails)
	require.Equal(t, 200, s.ask("GET", server.ReadyzPath).Code)
	require.Empty(t, s.log.String())

	fails = errors.New("disk full")
	w := s.ask("GET", server.ReadyzPath)
	require.Equal(t, 503, w.Code)
	require.NotContains(t, w.Body.String(), "disk full")
	line := s.log.only(t)
	require.Equal(t, "error", line["level"])
	require.Equal(t, "not ready", line["message"])
	require.Equal(t, "disk full", line["error"])

	fails = nil
	require.Equal(t, 200, s.ask("GET", server.ReadyzPath).Code)
}

// A store that hangs must not hang the probe, because a load balancer may give up
// before it learns what is wrong.
func TestReadinessDoesNotWaitLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(zerolog.InfoLevel)
		s.Get(server.ReadyzPath, server.Readyz(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, s.drain))
		begun := time.Now()
		require.Equal(t, 503, s.ask("GET", server.ReadyzPath).Code)
		require.Equal(t, 2*time.Second, time.Since(begun))
	})
}

func TestADrainTurnsNobodyAway(t *testing.T) {
	s := withProbes(new(error))
	require.False(t, s.drain.Begun())
	require.Empty(t, s.ask("POST", "/f").Header().Get("Connection"))
	s.drain.Begin()
	require.True(t, s.drain.Begun())
	require.Equal(t, 503, s.ask("GET", server.ReadyzPath).Code)
	w := s.ask("POST", "/f")
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Equal(t, "close", w.Header().Get("Connection"))
}

// A connection that is kept alive is closed after the next answer, so that it is not
// closed while the client sends another request.
func TestADrainEndsKeptConnections(t *testing.T) {
	s := withProbes(new(error))
	d := open(t, s, quick())
	c := dial(t, d.Addr())
	c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	require.False(t, c.answer().Close)
	s.drain.Begin()
	c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	require.Contains(t, c.rest(), "Connection: close")
}

// A drain ends if no request has come for a moment, and in any case at its limit.
func TestADrainEndsWithWhatComes(t *testing.T) {
	const ms = time.Millisecond
	tests := map[string]struct{ most, asks, every, ends time.Duration }{
		"nobody asks":           {5 * time.Second, 0, 0, 250 * ms},
		"they ask for a while":  {5 * time.Second, 900 * ms, 100 * ms, 1250 * ms},
		"they ask all the time": {5 * time.Second, time.Minute, 100 * ms, 5 * time.Second},
		"a drain of no time":    {0, time.Minute, 100 * ms, 0},
		"a very short one":      {100 * ms, time.Minute, 10 * ms, 100 * ms},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, begun := new(server.Drain), time.Now()
				h := d.Middleware(http.HandlerFunc(ok))
				d.Begin()
				over := make(chan struct{})
				go func() {
					for next := tt.every / 2; next > 0 && next < tt.asks; next += tt.every {
						select {
						case <-time.After(time.Until(begun.Add(next))):
							h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
						case <-over:
							return
						}
					}
				}()
				d.Wait(tt.most)
				close(over)
				require.Equal(t, tt.ends, time.Since(begun))
			})
		})
	}
}
