// Package mx finds out whether the domain of an e-mail address takes mail. That takes a
// moment, so it happens after the visitor has been answered. A lead that is spam because
// of this sign is quarantined before it goes out.
//
// Only certain answers count. If a resolver is down, slow or confused, or there are too
// many lookups, the lead goes out like any other. No domain and nothing that a resolver
// says is logged.
package mx

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"golang.org/x/net/idna"
)

// Answer is what is known about a domain.
type Answer string

// The answers.
const (
	Takes   Answer = "takes mail"
	NoMail  Answer = "takes no mail"
	Unknown Answer = "unknown" // it could not be found out
)

// Resolver is the part of [net.Resolver] that is needed.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupNS(ctx context.Context, name string) ([]*net.NS, error)
}

// lookUp looks up a domain as it is in an e-mail address. A domain takes no mail if it
// says so (RFC 7505), does not exist, or has neither a mail server nor an address:
// without the one the other counts (RFC 5321, section 5.1).
func lookUp(ctx context.Context, r Resolver, domain string) Answer {
	name, ok := absolute(domain)
	if !ok {
		return Unknown
	}
	servers, err := r.LookupMX(ctx, name)
	switch {
	case err == nil && len(servers) == 1 && servers[0].Host == ".":
		return NoMail
	case len(servers) > 0:
		return Takes
	case err != nil && !isAbsent(err):
		return Unknown
	}
	// One kind at a time. Asked for both, a resolver may answer with the absence of one
	// if the other cannot be looked up.
	for _, kind := range []string{"ip4", "ip6"} {
		addresses, err := r.LookupNetIP(ctx, kind, name)
		switch {
		case len(addresses) > 0:
			return Takes
		case !isAbsent(err):
			return Unknown
		}
	}
	if !seesInternet(ctx, r) {
		return Unknown
	}
	return NoMail
}

// seesInternet reports whether the resolver finds what surely exists. In a network that
// reaches the internet only through a proxy, a resolver may say that no name exists.
func seesInternet(ctx context.Context, r Resolver) bool {
	servers, err := r.LookupNS(ctx, "com.")
	return err == nil && len(servers) > 0
}

var ascii = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// absolute returns the domain as DNS knows it, with the dot at its end that keeps the
// machine's search domains out. ok is false if the domain cannot be written like that. A
// resolver would say that such a domain does not exist.
func absolute(domain string) (name string, ok bool) {
	name, err := ascii.ToASCII(domain)
	return name + ".", err == nil && name != ""
}

// isAbsent reports whether the error says that a name, or the record that was asked for,
// certainly does not exist.
func isAbsent(err error) bool {
	var failed *net.DNSError
	return errors.As(err, &failed) && failed.IsNotFound
}
