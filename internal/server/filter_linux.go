package server

import (
	"net"

	"golang.org/x/sys/unix"
)

// dropNewConnections makes the system ignore new connections. A client tries again
// after a second; it is then refused, or reaches the next process. Closing the
// listener instead would cut off connections that wait to be accepted. That happens
// if the filter cannot be set.
func dropNewConnections(ln net.Listener) {
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	withSocket(ln, func(fd int) {
		_ = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]})
	})
}

// waitToBeAccepted returns how many connections do.
func waitToBeAccepted(ln net.Listener) (n int) {
	withSocket(ln, func(fd int) {
		if info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO); err == nil {
			n = int(info.Unacked) // which of a listener is the length of its queue
		}
	})
	return n
}
