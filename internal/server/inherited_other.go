//go:build !linux

package server

import "net"

// InheritedSocket returns nil: there is no systemd on this system.
func InheritedSocket(map[string]string) (net.Listener, error) { return nil, nil }
