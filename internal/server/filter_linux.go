package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// dropNewConnections makes the system ignore new connections. A client tries again
// after a second; it is then refused, or reaches the next process. Closing the
// listener instead would cut off connections that wait to be accepted. That happens
// if the filter cannot be set.
func dropNewConnections(ln net.Listener) {
	socket, ok := ln.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]})
	})
}
