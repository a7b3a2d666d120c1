package mx_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/mx"
)

// dnsName matches the names that net.Resolver looks up. It says of any other, without
// asking, that it does not exist.
var dnsName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){2,}$`)

func FuzzAbsolute(f *testing.F) {
	for _, domain := range []string{
		"casas.mx", "ñandú.mx", "xn--and-6ma2c.mx", "xn--.mx", "xn--a.mx", "a--b.mx", "1.2a", "1.\u00aa", "a.\u0661\u0661b", "faß.de", "\u0301.mx", "א1.com", "1א.com",
		"a.\u115f\u115f", "ﬁ.ﬂ", "a。b.mx", "\u2064\u1806.aa", "İ.mx", strings.Repeat("ñ", 60) + ".mx", strings.Repeat("a.", 120) + "mx",
	} {
		f.Add(domain)
	}
	f.Fuzz(func(t *testing.T, domain string) {
		q := lead.Inquiry{PropertyID: "EB-1", Email: "ana@" + domain, Message: "Hola"}
		l, err := lead.New(q, "casas.mx", lead.DefaultRules(), time.Now())
		if err != nil {
			return
		}
		_, domain, _ = strings.Cut(l.Email, "@")
		name, ok := mx.Absolute(domain)
		if !ok {
			return
		}
		require.Regexp(t, dnsName, name)
		require.LessOrEqual(t, len(name), 254)
		require.NotEmpty(t, strings.Trim(name, "0123456789."))
	})
}
