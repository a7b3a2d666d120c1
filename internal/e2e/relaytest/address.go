package relaytest

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// ports lie below those that the system gives to outgoing connections, so that
// nobody else takes one between the asking and the listening.
var ports atomic.Int32

// FreeAddr is an address of this machine where nobody listens.
func FreeAddr(t testing.TB) string {
	t.Helper()
	const first, span = 12_000, 18_000
	for range span {
		n := (int(ports.Add(1)) + os.Getpid()*37) % span
		addr := fmt.Sprintf("127.0.0.1:%d", first+n)
		if isFree(addr) {
			return addr
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// isFree tries the address. A child that is forked meanwhile would hold its
// socket open until it runs its program, so we fork none.
func isFree(addr string) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ln, err := net.Listen("tcp", addr)
	return err == nil && ln.Close() == nil
}
