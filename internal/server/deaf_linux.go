package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// deafen lets the system drop, without an answer, whoever wants to connect from
// now on: he tries again after a second, and is refused, or meets the next
// process. To close the listener would cut off those who wait to be accepted.
// Where it cannot be done, that is what happens.
func deafen(ln net.Listener) {
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
