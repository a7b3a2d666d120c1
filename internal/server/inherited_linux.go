package server

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// InheritedSocket returns the socket that systemd opened for this process and keeps
// during restarts, as described in sd_listen_fds(3). It is nil if there is none. It
// can be called once. The error is an [ErrSocket].
func InheritedSocket(env map[string]string) (net.Listener, error) {
	const first = 3 // the first file descriptor after standard error
	n := env["LISTEN_FDS"]
	if env["LISTEN_PID"] != strconv.Itoa(os.Getpid()) || n == "" || n == "0" {
		return nil, nil
	}
	if n != "1" {
		return nil, fmt.Errorf("%w: LISTEN_FDS=%s, and one is wanted, for the public door: the .socket unit has one ListenStream", ErrSocket, n)
	}
	file := os.NewFile(first, "LISTEN_FDS")
	defer func() { _ = file.Close() }() // the listener has a copy, which no child process inherits
	if listens, err := unix.GetsockoptInt(first, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
		return nil, fmt.Errorf("%w: it does not listen: the .socket unit has a ListenStream, and no Accept=yes", ErrSocket)
	}
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSocket, err)
	}
	if _, ok := ln.(*net.TCPListener); !ok {
		return nil, fmt.Errorf("%w: it is no TCP socket: ListenStream is an address and a port, such as 127.0.0.1:8080", ErrSocket)
	}
	return ln, nil
}
