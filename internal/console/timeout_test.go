package console_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// slow is a courier that takes minutes.
type slow struct {
	rider
	takes time.Duration
}

func (s *slow) Replay(ctx context.Context, _ lead.Filter, _ bool) ([]lead.Replayed, int, error) {
	select {
	case <-time.After(s.takes):
		return nil, 0, nil
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// one is a listener with a single connection.
type one struct{ conns chan net.Conn }

func (l one) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l one) Close() error   { return nil }
func (l one) Addr() net.Addr { return &net.TCPAddr{} }

// A door gives a request seconds, but a replay of ten thousand leads takes minutes.
func TestALongReplayMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := console.New(nil, &slow{takes: 10 * time.Minute}, nil, gate(token), http.HandlerFunc(metrics))
		server := &http.Server{Handler: api, ReadTimeout: 40 * time.Second, WriteTimeout: time.Minute}
		ours, theirs := net.Pipe()
		l := one{make(chan net.Conn, 1)}
		l.conns <- theirs
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()

		_, err := ours.Write([]byte("POST /api/v1/replays HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer " + token +
			"\r\nContent-Length: 16\r\nConnection: close\r\n\r\n" + `{"site":"casas"}`))
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(ours), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, ours.Close())
		close(l.conns)
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
}

// stuck is a store whose queries last until they are canceled.
type stuck struct{ finder }

func (stuck) List(ctx context.Context, _ lead.Filter) ([]lead.Lead, bool, error) {
	<-ctx.Done()
	return nil, false, ctx.Err()
}

func (stuck) Find(ctx context.Context, _ lead.RemoteID) (lead.Lead, []lead.Attempt, error) {
	<-ctx.Done()
	return lead.Lead{}, nil, ctx.Err()
}

func (stuck) Reports(ctx context.Context, _ int) ([][]byte, int, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func TestAQuestionThatTakesTooLongIsGivenUp(t *testing.T) {
	for _, target := range []string{"/api/v1/leads?q=zzzz", "/api/v1/leads", "/api/v1/leads/7", "/api/v1/reconciliations"} {
		synctest.Test(t, func(t *testing.T) {
			d := &desk{t: t, Handler: console.New(stuck{}, nil, nil, gate(token), http.HandlerFunc(metrics))}
			begun := time.Now()
			w := d.askAs("Bearer "+token, "GET", target)
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Equal(t, 5*time.Second, time.Since(begun))
			require.Equal(t, "5", w.Header().Get("Retry-After"))
			require.Contains(t, w.Body.String(), `"too_slow"`)
		})
	}
}

// A replay whose search takes too long does nothing, and says so.
func TestAReplayWhoseSearchIsGivenUp(t *testing.T) {
	d := newDesk(t)
	d.courier.fails = fmt.Errorf("list leads: %w", context.DeadlineExceeded)
	w := d.order(http.MethodPost, "/api/v1/replays", `{"q":"zzzz"}`)
	d.refused(w, http.StatusServiceUnavailable, problem.TooSlow)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
}

// slowReader is a client that stops reading its answer.
type slowReader struct {
	http.ResponseWriter
	taken chan struct{} // closed when it reads the rest
}

func (s slowReader) Write(p []byte) (int, error) {
	<-s.taken
	return s.ResponseWriter.Write(p)
}

// An answer keeps its leads in memory as long as the client reads. Only a few are read
// at once.
func TestSlowReadersHoldFewPages(t *testing.T) {
	for target, most := range map[string]int{"/api/v1/leads": 4, "/api/v1/leads?q=a": 2, "/api/v1/reconciliations": 4} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			taken := make(chan struct{})
			var all sync.WaitGroup
			for range most {
				all.Go(func() {
					w := slowReader{httptest.NewRecorder(), taken}
					r := httptest.NewRequest(http.MethodGet, target, nil)
					r.Header.Set("Authorization", "Bearer "+token)
					d.ServeHTTP(w, r)
				})
			}
			synctest.Wait()
			begun := time.Now()
			d.refused(d.get(target), http.StatusServiceUnavailable, problem.TooSlow)
			require.Equal(t, 5*time.Second, time.Since(begun))
			require.Equal(t, http.StatusNotFound, d.get("/api/v1/leads/7").Code, "one lead is another matter")
			close(taken)
			all.Wait()
			require.Equal(t, http.StatusOK, d.get(target).Code)
			d.close()
		})
	}
}
