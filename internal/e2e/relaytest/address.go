package relaytest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// FreeAddr is an address of this machine where nobody listens. Nobody else is given it
// soon, so that a relay of one test does not talk to the broker of another.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return ports.free(t)
}

// Packages are tested side by side, so each test process has a range of ports to itself:
// it listens at the first one for as long as it lives. All lie below those that the system
// gives to outgoing connections, so that nobody else takes one between the asking and the
// listening.
const (
	firstPort = 12_000
	portsEach = 600
	ranges    = 30
)

var ports portRange

type portRange struct {
	mu    sync.Mutex
	held  net.Listener // tells other test processes that the range is taken
	first int
	last  int // the port that was given last, counted from the first
}

func (r *portRange) free(t testing.TB) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.reserve(t)
	}
	for range portsEach {
		r.last = r.last%(portsEach-1) + 1
		if addr := portOf(r.first + r.last); isFree(addr) {
			return addr
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// reserve begins somewhere in the range: the process that had it before may have left
// clients.
func (r *portRange) reserve(t testing.TB) {
	t.Helper()
	for i := range ranges {
		r.first = firstPort + i*portsEach
		if ln, err := net.Listen("tcp", portOf(r.first)); err == nil {
			r.held, r.last = ln, rand.IntN(portsEach)
			return
		}
	}
	require.Fail(t, "no range of ports is free")
}

func portOf(n int) string { return fmt.Sprintf("127.0.0.1:%d", n) }

// isFree tries the address. A child that is forked meanwhile would hold its
// socket open until it runs its program, so we fork none.
func isFree(addr string) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ln, err := net.Listen("tcp", addr)
	return err == nil && ln.Close() == nil
}
