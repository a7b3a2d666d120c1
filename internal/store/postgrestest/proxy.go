package postgrestest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fault is what happens to a message on its way to the server.
type Fault int

// The faults.
const (
	None      Fault = iota
	Cut             // the connection is cut instead
	CutAnswer       // the connection is cut when the server has answered, and the answer is lost
	Swallow         // neither side hears of the other any more
	Stall           // it arrives, and nothing after it: the sender stands still in the middle of a statement
)

// Proxy stands between a store and the server, and breaks what it is told to.
type Proxy struct {
	tb     testing.TB
	dir    string
	server string

	mu       sync.Mutex
	listener net.Listener
	rule     func(statement string) Fault
	conns    map[net.Conn]bool
	serving  sync.WaitGroup
}

// NewProxy returns a proxy in front of a database, and the address that leads to
// the database through it.
func NewProxy(tb testing.TB, database string) (*Proxy, string) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pgproxy") // a socket's path must be short
	require.NoError(tb, err)
	p := &Proxy{tb: tb, dir: dir, server: filepath.Join(folder(database), socket), conns: map[net.Conn]bool{}}
	p.Start()
	tb.Cleanup(func() {
		p.Stop()
		require.NoError(tb, os.RemoveAll(dir))
	})
	return p, strings.ReplaceAll(database, folder(database), dir)
}

// Start lets connections in again.
func (p *Proxy) Start() {
	path := filepath.Join(p.dir, socket)
	listener, err := net.Listen("unix", path)
	require.NoError(p.tb, err)
	for _, whose := range []string{p.dir, path} { // a standby connects, too
		_, err = account(whose)
		require.NoError(p.tb, err)
	}
	p.listener = listener
	p.serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.serving.Go(func() { p.serve(client) })
		}
	})
}

// Stop cuts all connections and refuses new ones.
func (p *Proxy) Stop() {
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}

// Break sets what happens to each statement, and forgets what was set before.
func (p *Proxy) Break(rule func(statement string) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule
}

// BreakOnce breaks the next statement that has the text.
func (p *Proxy) BreakOnce(text string, fault Fault) {
	var done bool
	p.Break(func(statement string) Fault {
		if done || !strings.Contains(statement, text) {
			return None
		}
		done = true
		return fault
	})
}

func (p *Proxy) fault(message []byte) Fault {
	const query, parse = 'Q', 'P'
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rule == nil || message[0] != query && message[0] != parse {
		return None
	}
	return p.rule(string(message[5:]))
}

func (p *Proxy) hold(conns ...net.Conn) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range conns {
			delete(p.conns, c)
			_ = c.Close()
		}
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("unix", p.server)
	if err != nil {
		_ = client.Close()
		return
	}
	defer p.hold(client, server)()
	answers := &answers{to: client}
	ended := make(chan struct{})
	p.serving.Go(func() {
		defer close(ended)
		_, _ = io.Copy(answers, server)
		if !answers.isSilent() {
			_ = client.Close()
		}
	})
	for isFirst := true; ; isFirst = false {
		message, err := read(client, isFirst)
		if err != nil {
			return
		}
		fault := None
		if !isFirst {
			fault = p.fault(message)
		}
		switch fault {
		case None:
		case Cut:
			return
		case CutAnswer:
			answers.set(Cut)
		case Swallow, Stall:
			answers.set(Swallow)
			if fault == Stall {
				_, _ = server.Write(message)
			}
			_, _ = io.Copy(io.Discard, client)
			<-ended // the server does not hear that the client has given up
			return
		}
		if _, err := server.Write(message); err != nil {
			return
		}
	}
}

// read reads a message. The first of a connection has no type.
func read(from io.Reader, isFirst bool) ([]byte, error) {
	header := make([]byte, 5)
	if isFirst {
		header = header[:4]
	}
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(header[len(header)-4:]))
	message := append(header, make([]byte, length-4)...)
	_, err := io.ReadFull(from, message[len(header):])
	return message, err
}

// answers are the server's.
type answers struct {
	to    net.Conn
	mu    sync.Mutex
	fault Fault
}

func (a *answers) set(f Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = f
}

func (a *answers) isSilent() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fault == Swallow
}

func (a *answers) Write(answer []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.fault {
	case Swallow:
		return len(answer), nil
	case Cut:
		return 0, errors.Join(errors.New("cut"), a.to.Close())
	default:
		return a.to.Write(answer)
	}
}
