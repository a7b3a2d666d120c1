package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

// BenchmarkDoor measures a door: a small post on a connection that is kept alive.
func BenchmarkDoor(b *testing.B) {
	d, err := server.ListenWithin(b.Context(), http.HandlerFunc(readAll), server.DefaultLimits())
	require.NoError(b, err)
	go func() { _ = d.Serve() }()
	defer func() { _ = d.Close() }()
	c, err := net.Dial("tcp", d.Addr())
	require.NoError(b, err)
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	b.ReportAllocs()
	for b.Loop() {
		_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789")
		require.NoError(b, err)
		resp, err := http.ReadResponse(in, nil)
		require.NoError(b, err)
		_ = resp.Body.Close()
	}
}
