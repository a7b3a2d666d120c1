package mx_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"leadrelay/internal/mx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	a, aaaa, mail = dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeMX

	servfail = dnsmessage.RCodeServerFailure
	refused  = dnsmessage.RCodeRefused
)

// has returns a zone with the names.
func has(names ...string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}

func TestWhatDNSSaysOfADomain(t *testing.T) {
	known := zone{
		mail: map[string][]string{
			"casas.mx.": {"mx1.casas.mx.", "mx2.casas.mx."}, "null.mx.": {"."}, "half.mx.": {".", "mx.half.mx."},
			"xn--and-6ma2c.mx.": {"mx.casas.mx."}, "odd.mx.": {"a b."},
		},
		v4:   has("old.mx.", "null.mx.", "aaaafails.mx.", "odd.mx."),
		v6:   has("new.mx."),
		text: has("text.mx."),
		mute: has("mute.mx."),
		lame: has("lame.mx."),
		rcode: map[question]dnsmessage.RCode{
			{"fails.mx.", mail}: servfail, {"refuses.mx.", mail}: refused,
			{"afails.mx.", a}: servfail, {"aaaafails.mx.", aaaa}: servfail, {"aaaaalone.mx.", aaaa}: servfail, {"arefused.mx.", a}: refused, {"aaaarefused.mx.", aaaa}: refused,
		},
	}
	tests := map[string]struct {
		domain string
		want   mx.Answer
	}{
		"mail servers":                             {"casas.mx", mx.Takes},
		"an address alone":                         {"old.mx", mx.Takes},
		"an address of the new kind":               {"new.mx", mx.Takes},
		"no such domain":                           {"robot.mx", mx.NoMail},
		"a domain for something else":              {"text.mx", mx.NoMail},
		"a null MX, though there is an address":    {"null.mx", mx.NoMail},
		"a null MX beside a server":                {"half.mx", mx.Takes},
		"a server that cannot be read":             {"odd.mx", mx.Unknown},
		"a failure":                                {"fails.mx", mx.Unknown},
		"a refusal":                                {"refuses.mx", mx.Unknown},
		"silence":                                  {"mute.mx", mx.Unknown},
		"a server that is not in charge":           {"lame.mx", mx.Unknown},
		"no MX, and a failure for addresses":       {"afails.mx", mx.Unknown},
		"the same for those of the new kind":       {"aaaaalone.mx", mx.Unknown},
		"an address, and a failure for the others": {"aaaafails.mx", mx.Takes},
		"no MX, and a refusal for addresses":       {"arefused.mx", mx.Unknown},
		"the same for those of the new kind only":  {"aaaarefused.mx", mx.Unknown},
		"a domain in Spanish":                      {"ñandú.mx", mx.Takes},
		"the same as it is in DNS":                 {"xn--and-6ma2c.mx", mx.Takes},
		"in capitals":                              {"CASAS.mx", mx.Takes},
		"another in Spanish":                       {"ñandués.mx", mx.NoMail},
		"letters that no domain may have":          {"\u0301.mx", mx.Unknown},
		"a label that is too long when translated": {strings.Repeat("ñ", 60) + ".mx", mx.Unknown},
		"no domain":                                {"", mx.Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, resolver := serve(t, known)
			patience := time.Minute
			if tt.domain == "mute.mx" {
				patience = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			require.Equal(t, tt.want, mx.LookUp(ctx, resolver, tt.domain))
		})
	}
}

// A machine's search domains must not be asked: *.example.com may well exist.
func TestADomainIsAskedAboutAsItStands(t *testing.T) {
	s, resolver := serve(t, zone{})
	require.Equal(t, mx.NoMail, mx.LookUp(t.Context(), resolver, "robot.mx"))
	require.Equal(t, []question{{"robot.mx.", mail}, {"robot.mx.", a}, {"robot.mx.", aaaa}, {"com.", dnsmessage.TypeNS}}, s.questions())

	s, resolver = serve(t, zone{mail: map[string][]string{"casas.mx.": {"mx.casas.mx."}}})
	require.Equal(t, mx.Takes, mx.LookUp(t.Context(), resolver, "casas.mx"))
	require.Equal(t, []question{{"casas.mx.", mail}}, s.questions(), "one question is enough")
}

// Some resolvers say of every name that it does not exist.
func TestAResolverThatKnowsNothingOfTheWorldIsNotBelieved(t *testing.T) {
	_, resolver := serve(t, zone{apart: true, mail: map[string][]string{"casa.lan.": {"mx.casa.lan."}}})
	require.Equal(t, mx.Unknown, mx.LookUp(t.Context(), resolver, "robot.mx"))
	require.Equal(t, mx.Takes, mx.LookUp(t.Context(), resolver, "casa.lan"))
}

func TestWithoutAResolverNothingIsKnown(t *testing.T) {
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", closed.LocalAddr().String())
	}}
	require.Equal(t, mx.Unknown, mx.LookUp(t.Context(), resolver, "casas.mx"))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, mx.Unknown, mx.LookUp(ctx, resolver, "casas.mx"))
}
