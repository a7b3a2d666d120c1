//go:build !linux

package server

import "net"

func dropNewConnections(net.Listener) {}

func waitToBeAccepted(net.Listener) int { return 0 }
