package server

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// ErrSocket is that of a socket which systemd should not have passed.
var ErrSocket = errors.New("systemd's socket")

// ListenOn opens a door on a socket of [Lent]. It is not closed with the door:
// whoever comes afterwards waits in it for the next process.
func ListenOn(socket net.Listener, proxies Proxies, h http.Handler) *Door {
	d := newDoor(socket, proxies, h, usual)
	d.lent = true
	return d
}

// leave accepts nobody any more, and cuts nobody off: a connection either has
// been accepted, or stays in the socket. To filter it, as deafen does, would make
// the next process deaf, too.
func leave(socket net.Listener) {
	if s, ok := socket.(*net.TCPListener); ok {
		_ = s.SetDeadline(time.Unix(1, 0)) // long over
	}
}
