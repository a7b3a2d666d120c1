//go:build !linux

package server

import "net"

// Lent returns nil: there is no systemd here.
func Lent(map[string]string) (net.Listener, error) { return nil, nil }
