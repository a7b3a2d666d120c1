package site_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/site"
)

func TestAnAddressIsReadAsBrowsersWriteIt(t *testing.T) {
	tests := map[string]struct{ written, want, host string }{
		"a host":                           {"https://leads.casas.mx", "https://leads.casas.mx", "leads.casas.mx"},
		"a slash at its end":               {"https://leads.casas.mx/", "https://leads.casas.mx", "leads.casas.mx"},
		"in upper case":                    {"HTTPS://Leads.Casas.MX", "https://leads.casas.mx", "leads.casas.mx"},
		"the usual port written out":       {"https://leads.casas.mx:443", "https://leads.casas.mx", "leads.casas.mx"},
		"another port":                     {"https://leads.casas.mx:8443", "https://leads.casas.mx:8443", "leads.casas.mx"},
		"plain http":                       {"http://leads.casas.mx:80", "http://leads.casas.mx", "leads.casas.mx"},
		"a path":                           {"https://casas.mx/leads", "https://casas.mx/leads", "casas.mx"},
		"a long path":                      {"https://casas.mx/mx/v1.2/Leads_~x/", "https://casas.mx/mx/v1.2/Leads_~x", "casas.mx"},
		"a path that only looks like ours": {"https://casas.mx/forms", "https://casas.mx/forms", "casas.mx"},
		"this machine":                     {"http://localhost:8080", "http://localhost:8080", "localhost"},
		"an IPv6 number":                   {"http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080", "2001:db8::1"},
		"a name with an ñ, encoded":        {"https://xn--caada-pta.mx", "https://xn--caada-pta.mx", "xn--caada-pta.mx"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := site.ParseAddress(test.written)
			require.NoError(t, err)
			require.Equal(t, test.want, a.String())
			require.Equal(t, test.host, a.Host())
			require.False(t, a.IsZero())
			again, err := site.ParseAddress(a.String())
			require.NoError(t, err)
			require.Equal(t, a, again)
		})
	}
}

func TestAnAddressMayHaveLetters(t *testing.T) {
	a, err := site.ParseAddress("https://leads.cañada.mx/x")
	require.NoError(t, err)
	require.Equal(t, "https://leads.xn--caada-pta.mx/x", a.String())
}

func TestAnAddressThatCannotBeIsRefused(t *testing.T) {
	tests := map[string]struct{ written, why string }{
		"no scheme":                    {"leads.lofts.mx", "wants an address"},
		"another scheme":               {"ftp://leads.casas.mx", "wants an address"},
		"no host":                      {"https:///leads", "wants an address"},
		"a wildcard":                   {"https://*.casas.mx", "wants an address"},
		"a user":                       {"https://ana@leads.casas.mx", "wants an address"},
		"a query":                      {"https://leads.casas.mx/?x=1", "wants an address"},
		"a fragment":                   {"https://leads.casas.mx/#x", "wants an address"},
		"a port that is none":          {"https://leads.casas.mx:https", "wants an address"},
		"an ñ in the path":             {"https://casas.mx/cañada", "in the path"},
		"a blank":                      {"https://leads casas.mx", "wants an address"},
		"a quotation mark in the path": {`https://casas.mx/"leads`, "in the path"},
		"an escape in the path":        {"https://casas.mx/%66", "in the path"},
		"a path that climbs":           {"https://casas.mx/leads/../x", "in the path"},
		"an empty segment":             {"https://casas.mx/a//b", "in the path"},
		"a path of the relay's own":    {"https://casas.mx/f", "the relay's own"},
		"one below it":                 {"https://casas.mx/f/casas", "the relay's own"},
		"the assets' path":             {"https://casas.mx/assets", "the relay's own"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := site.ParseAddress(test.written)
			require.ErrorContains(t, err, test.why)
			require.NotContains(t, err.Error(), test.written)
			require.True(t, a.IsZero())
		})
	}
}

func TestAnAddressWithoutAPath(t *testing.T) {
	a, err := site.ParseRootAddress("https://ops.casas.mx:8443/")
	require.NoError(t, err)
	require.Equal(t, "https://ops.casas.mx:8443", a.String())
	for _, path := range []string{"/console", "/f", "/a//b"} {
		_, err = site.ParseRootAddress("https://casas.mx" + path)
		require.ErrorContains(t, err, "no path", path)
	}
	_, err = site.ParseRootAddress("casas.mx")
	require.ErrorContains(t, err, "wants an address")
}
