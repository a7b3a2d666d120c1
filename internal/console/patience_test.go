package console_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// slow is a courier that reads long lists.
type slow struct {
	rider
	takes time.Duration
}

func (s *slow) Replay(ctx context.Context, _ lead.Filter, _ bool) ([]lead.Replayed, error) {
	select {
	case <-time.After(s.takes):
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// one is a listener with one connection.
type one struct{ conns chan net.Conn }

func (l one) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l one) Close() error   { return nil }
func (l one) Addr() net.Addr { return &net.TCPAddr{} }

// The door gives a request seconds, and ten thousand leads take minutes.
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

// stuck is a store that finds nothing before a question is over.
type stuck struct{ finder }

func (stuck) List(ctx context.Context, _ lead.Filter) ([]lead.Lead, bool, error) {
	<-ctx.Done()
	return nil, false, ctx.Err()
}

func (stuck) Find(ctx context.Context, _ lead.RemoteID) (lead.Lead, []lead.Attempt, error) {
	<-ctx.Done()
	return lead.Lead{}, nil, ctx.Err()
}

func TestAQuestionThatTakesTooLongIsGivenUp(t *testing.T) {
	for _, target := range []string{"/api/v1/leads?q=zzzz", "/api/v1/leads/7"} {
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
