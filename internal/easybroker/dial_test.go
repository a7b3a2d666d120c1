package easybroker_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/easybroker"
)

// A connection that replaces the network is watched like the network.
func TestADialedConnectionIsWatched(t *testing.T) {
	tests := map[string]struct {
		dial func(far net.Conn) error
		want string
	}{
		"nobody answers":              {func(net.Conn) error { return errors.New("refused") }, "not sent"},
		"it breaks after the request": {func(far net.Conn) error { go swallow(far); return nil }, "unanswered"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := client(t, easybroker.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				return near, tt.dial(far)
			}})
			_, err := c.Create(t.Context(), account("http://127.0.0.1:1"), inquiry)
			require.Equal(t, tt.want, kind(err))
		})
	}
}

// swallow reads a little and hangs up.
func swallow(far net.Conn) {
	_, _ = io.ReadFull(far, make([]byte, 100))
	_ = far.Close()
}
