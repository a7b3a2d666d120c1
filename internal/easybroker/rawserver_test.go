package easybroker_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// rawServer answers with raw bytes. net/http's server would not send wrong ones.
type rawServer struct {
	url  string
	act  func(conn net.Conn, n int) (again bool)
	mu   sync.Mutex
	seen []seen
	all  bytes.Buffer // every byte that arrived
}

// seen is one whole request as it arrived.
type seen struct {
	method, uri, body string
	header            http.Header
}

// serve starts a server that calls act for each whole request. They are counted
// from 1. The connection stays open as long as act returns true.
func serve(t *testing.T, act func(conn net.Conn, n int) (again bool)) *rawServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &rawServer{url: "http://" + ln.Addr().String(), act: act}
	var all sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			mu.Unlock()
			all.Go(func() { s.talk(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return s
}

func (s *rawServer) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	br := bufio.NewReader(io.TeeReader(conn, recorder{s}))
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.seen = append(s.seen, seen{r.Method, r.RequestURI, string(body), r.Header})
		n := len(s.seen)
		s.mu.Unlock()
		if !s.act(conn, n) {
			return
		}
	}
}

type recorder struct{ s *rawServer }

func (r recorder) Write(p []byte) (int, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.s.all.Write(p)
}

func (s *rawServer) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.seen...)
}

func (s *rawServer) bytes() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// say sends text and keeps the connection.
func say(text string) func(net.Conn, int) bool {
	return func(conn net.Conn, _ int) bool {
		_, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n"))
		return err == nil
	}
}

// sayAndClose sends text and closes.
func sayAndClose(text string) func(net.Conn, int) bool {
	return func(conn net.Conn, n int) bool {
		say(text)(conn, n)
		return false
	}
}

// silence sends nothing and waits until the client hangs up.
func silence(net.Conn, int) bool { return true }

// reset resets the connection.
func reset(conn net.Conn, _ int) bool {
	_ = conn.(*net.TCPConn).SetLinger(0)
	return false
}
