package server_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

// unit is a socket that outlives the doors on it, like that of systemd.
type unit struct {
	*os.File
	addr string
}

func listening(t *testing.T) unit {
	t.Helper()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // systemd's sockets are not multipath
	ln, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	file, err := ln.(*net.TCPListener).File()
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	t.Cleanup(func() { _ = file.Close() })
	return unit{file, ln.Addr().String()}
}

// open opens a door on the socket and returns a function that closes it.
func (u unit) open(t *testing.T, h http.Handler) (closeDoor func()) {
	t.Helper()
	socket, err := net.FileListener(u.File)
	require.NoError(t, err)
	d := server.ListenOn(socket, nil, h)
	served := make(chan error, 1)
	go func() { served <- d.Serve() }()
	return sync.OnceFunc(func() {
		require.NoError(t, d.Close())
		require.NoError(t, <-served)
	})
}

// A connection that is made while no door is open waits in the socket for the next.
func TestALentSocketOutlivesItsDoor(t *testing.T) {
	u := listening(t)
	u.open(t, http.HandlerFunc(ok))()
	c := dial(t, u.addr)
	c.send(getOK)
	defer u.open(t, http.HandlerFunc(ok))()
	require.Equal(t, http.StatusOK, c.answer().StatusCode)
}

// While doors are closed and opened, no connection is refused or cut off.
func TestALentSocketRefusesNobody(t *testing.T) {
	u := listening(t)
	var asked atomic.Int64
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); readAll(w, r) })
	over := make(chan struct{})
	var visitors sync.WaitGroup
	for range 16 {
		visitors.Go(func() {
			c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			for {
				select {
				case <-over:
					return
				default:
				}
				resp, err := c.Post("http://"+u.addr, "text/plain", strings.NewReader("Hola"))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	for range 10 {
		closeDoor := u.open(t, h)
		before := asked.Load()
		require.Eventually(t, func() bool { return asked.Load() > before+100 }, patience, time.Millisecond)
		closeDoor()
	}
	closeDoor := u.open(t, h)
	close(over)
	visitors.Wait()
	closeDoor()
}
