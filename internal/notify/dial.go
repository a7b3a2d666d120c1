package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"leadrelay/internal/loopback"
)

// ErrPrivate is about a hook whose name leads into a network that nobody outside can reach.
var ErrPrivate = errors.New("its address is in a private network; allow_private: true would allow it")

// newClient returns a client that follows no redirect, asks no proxy, and connects only to
// addresses that a hook may have. They are checked when the connection is made, so that a
// name which points elsewhere by then is no way round. An address of this machine is allowed
// if the setting itself says so.
func newClient(address string, allowPrivate bool) *http.Client {
	u, err := url.Parse(address)
	isLocal := err == nil && loopback.IsHost(u.Hostname())
	dialer := &net.Dialer{Timeout: patience, Control: func(_, address string, _ syscall.RawConn) error {
		ip, err := netip.ParseAddrPort(address)
		switch {
		case err != nil:
			return ErrPrivate
		case isLocal && ip.Addr().Unmap().IsLoopback(), allowPrivate && mayBeAllowed(ip.Addr()), isPublic(ip.Addr()):
			return nil
		}
		return ErrPrivate
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: patience, MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost: 1, MaxConnsPerHost: atOnce, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Reach connects to a hook as if to send something, and sends nothing. It returns the host,
// and until when its certificate is good, if it has one.
func Reach(ctx context.Context, address string, allowPrivate bool) (host string, until time.Time, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", time.Time{}, errors.New("the address is none") // which may have a secret
	}
	port := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	dial := newClient(address, allowPrivate).Transport.(*http.Transport).DialContext //nolint:forcetypeassert // as we made it
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)))
	if err != nil {
		return u.Host, time.Time{}, err
	}
	defer func() { _ = conn.Close() }()
	if u.Scheme != "https" {
		return u.Host, time.Time{}, nil
	}
	secure := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return u.Host, time.Time{}, err
	}
	return u.Host, secure.ConnectionState().PeerCertificates[0].NotAfter, nil
}

// mayBeAllowed reports whether the setting can allow an address that is not public. Those
// of a link are none: a cloud keeps its machines' secrets there.
func mayBeAllowed(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsPrivate() || ip.IsLoopback() || shared.Contains(ip)
}

var (
	shared = netip.MustParsePrefix("100.64.0.0/10")
	// special are networks that are no one machine's on the internet. In the last four there
	// is an address of IPv4, which may be any.
	special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "100::/64", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16")
)

func prefixes(all ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(all))
	for i, s := range all {
		parsed[i] = netip.MustParsePrefix(s)
	}
	return parsed
}

// isPublic reports whether anybody on the internet could connect to the address.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}
