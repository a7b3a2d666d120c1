// Package loopback tells this machine's own addresses from others: what goes there may go
// without TLS.
package loopback

import "net/netip"

// IsHost reports whether the host of an address is this machine: localhost, or a loopback
// address. No name is looked up.
func IsHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
