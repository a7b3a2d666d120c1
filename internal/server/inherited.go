package server

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// ErrSocket is returned if systemd passed a socket that we cannot use.
var ErrSocket = errors.New("systemd's socket")

// ListenOn opens a door on a socket of [InheritedSocket]. The socket stays open if
// the door is closed: new connections wait in it for the next process.
func ListenOn(socket net.Listener, proxies Proxies, h http.Handler) *Door {
	d := newDoor(socket, proxies, h, defaultLimits)
	d.inherited = true
	return d
}

// stopAccepting stops accepting and cuts no connection off: one that is not accepted
// stays in the socket. A filter as in dropNewConnections would stay in place for the
// next process.
func stopAccepting(socket net.Listener) {
	if s, ok := socket.(*net.TCPListener); ok {
		_ = s.SetDeadline(time.Unix(1, 0)) // in the past
	}
}
