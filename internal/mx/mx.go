// Package mx finds out whether the domain of a mail address takes mail. That
// takes a moment, so it is done after the visitor has been answered: a lead that
// this sign makes spam is set apart before it goes out.
//
// Only what is sure counts. A resolver that is down, slow or confused says
// nothing, and a question that nobody has time for is not asked: the lead then
// goes out like any other. No domain and nothing that a resolver says is
// written into a log.
package mx

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"golang.org/x/net/idna"
)

// Answer is what is known of a domain.
type Answer string

// The answers.
const (
	Takes   Answer = "takes mail"
	NoMail  Answer = "takes no mail"
	Unknown Answer = "unknown" // nobody could say
)

// Resolver is the part of a [net.Resolver] that is needed.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupNS(ctx context.Context, name string) ([]*net.NS, error)
}

// ask asks about a domain as it stands in an address. There is no mail where
// the domain says so (RFC 7505), is not there, or has neither a mail server nor
// an address: without the one the other counts (RFC 5321, section 5.1).
func ask(ctx context.Context, r Resolver, domain string) Answer {
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
	// One kind at a time: asked for both, a resolver may take the absence of the
	// one for the answer where the other cannot be looked up.
	for _, kind := range []string{"ip4", "ip6"} {
		addresses, err := r.LookupNetIP(ctx, kind, name)
		switch {
		case len(addresses) > 0:
			return Takes
		case !isAbsent(err):
			return Unknown
		}
	}
	if !seesTheWorld(ctx, r) {
		return Unknown
	}
	return NoMail
}

// seesTheWorld reports whether the resolver knows what is surely there. In a
// network that reaches the world through a proxy alone, a resolver may say of
// every name that it does not exist.
func seesTheWorld(ctx context.Context, r Resolver) bool {
	servers, err := r.LookupNS(ctx, "com.")
	return err == nil && len(servers) > 0
}

var ascii = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// absolute is the domain as DNS knows it, with the dot at its end that keeps
// the machine's own search domains out. A domain that cannot be written so is
// none to ask about: a resolver would say that it is not there.
func absolute(domain string) (name string, ok bool) {
	name, err := ascii.ToASCII(domain)
	return name + ".", err == nil && name != ""
}

// isAbsent reports that a name, or what was asked of it, is surely not there.
func isAbsent(err error) bool {
	var failed *net.DNSError
	return errors.As(err, &failed) && failed.IsNotFound
}
