package server_test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/server"
)

var proxies = server.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:aa::/48"), netip.MustParsePrefix("fe80::/10")}

// client returns the client of a request as text.
func client(p server.Proxies, peer string, forwarded ...string) string {
	r := httptest.NewRequest("POST", "/f", nil)
	r.RemoteAddr = peer
	r.Header["X-Forwarded-For"] = forwarded
	for _, liar := range []string{"X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "Cf-Connecting-Ip", "Forwarded"} {
		r.Header.Set(liar, "203.0.113.99")
	}
	return p.Client(r).String()
}

func TestClient(t *testing.T) {
	const outside, proxy = "198.51.100.7:4711", "10.0.0.1:4711"
	tests := map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"nobody stands between":                  {outside, nil, "198.51.100.7"},
		"a peer that is no proxy lies":           {outside, []string{"203.0.113.1"}, "198.51.100.7"},
		"a peer that is no proxy claims a proxy": {outside, []string{"10.0.0.1"}, "198.51.100.7"},
		"a proxy tells":                          {proxy, []string{"203.0.113.1"}, "203.0.113.1"},
		"a client lies to a proxy":               {proxy, []string{"192.0.2.1, 203.0.113.1"}, "203.0.113.1"},
		"a client claims to be a proxy":          {proxy, []string{"10.9.9.9, 203.0.113.1"}, "203.0.113.1"},
		"two proxies":                            {proxy, []string{"192.0.2.1, 203.0.113.1, 10.0.0.2"}, "203.0.113.1"},
		"two proxies, each with a header":        {proxy, []string{"192.0.2.1", "203.0.113.1", "10.0.0.2"}, "203.0.113.1"},
		"a header of the client's own":           {proxy, []string{"10.0.0.3", "203.0.113.1"}, "203.0.113.1"},
		"only proxies":                           {proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"no blanks":                              {proxy, []string{"192.0.2.1,203.0.113.1"}, "203.0.113.1"},
		"many blanks":                            {proxy, []string{" \t203.0.113.1 \t"}, "203.0.113.1"},
		"a port":                                 {proxy, []string{"203.0.113.1:5000"}, "203.0.113.1"},
		"IPv6 with a port":                       {proxy, []string{"[2001:db8:1:2:3:4:5:6]:5000"}, "2001:db8:1:2::"},

		"a proxy that says nothing":   {proxy, nil, "10.0.0.1"},
		"an empty header":             {proxy, []string{""}, "10.0.0.1"},
		"commas":                      {proxy, []string{",,,"}, "10.0.0.1"},
		"unknown":                     {proxy, []string{"unknown"}, "10.0.0.1"},
		"garbage":                     {proxy, []string{"<script>"}, "10.0.0.1"},
		"garbage behind a client":     {proxy, []string{"203.0.113.1, x"}, "10.0.0.1"},
		"garbage before a client":     {proxy, []string{"x, 203.0.113.1"}, "203.0.113.1"},
		"garbage before a proxy":      {proxy, []string{"x, 10.0.0.2"}, "10.0.0.2"},
		"a network is no address":     {proxy, []string{"203.0.113.0/24"}, "10.0.0.1"},
		"a number is no address":      {proxy, []string{"3405803777"}, "10.0.0.1"},
		"an address with zeros":       {proxy, []string{"203.000.113.001"}, "10.0.0.1"},
		"a header of many kilobytes":  {proxy, []string{strings.Repeat("192.0.2.1,", 1000) + "203.0.113.1"}, "203.0.113.1"},
		"a chain of many proxies":     {proxy, []string{"203.0.113.1" + strings.Repeat(",10.0.0.2", 1000)}, "203.0.113.1"},
		"IPv6 counts by its /64":      {"[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2::"},
		"the same /64":                {"[2001:db8:1:2:ffff::1]:1", nil, "2001:db8:1:2::"},
		"the next /64":                {"[2001:db8:1:3:3:4:5:6]:1", nil, "2001:db8:1:3::"},
		"IPv4 written as IPv6":        {"[::ffff:198.51.100.7]:1", nil, "198.51.100.7"},
		"a proxy written as IPv6":     {"[::ffff:10.0.0.1]:1", []string{"203.0.113.1"}, "203.0.113.1"},
		"a client written as IPv6":    {proxy, []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		"a proxy with IPv6":           {"[2001:db8:aa::1]:1", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::"},
		"a peer with a zone":          {"[fe80::1%eth0]:1", nil, "fe80::"},
		"a proxy with a zone":         {"[fe80::1%eth0]:1", []string{"203.0.113.1"}, "203.0.113.1"},
		"a client with a zone":        {proxy, []string{"2001:db8:1:2:3:4:5:6%eth0"}, "2001:db8:1:2::"},
		"this machine":                {"[::1]:1", nil, "::"},
		"a socket without an address": {"@", []string{"203.0.113.1"}, "invalid IP"},
		"nothing at all":              {"", []string{"203.0.113.1"}, "invalid IP"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, client(proxies, tt.peer, tt.forwarded...))
		})
	}
}

func TestWithoutProxiesOnlyThePeerCounts(t *testing.T) {
	require.Equal(t, "10.0.0.1", client(nil, "10.0.0.1:1", "203.0.113.1"))
}

// A client cannot change its address by what it writes left of our proxy's entry.
func TestNoHeaderMakesAClientSomebodyElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hop := rapid.OneOf(rapid.String(), rapid.StringMatching(`(\d{1,3}\.){3}\d{1,3}`), rapid.StringMatching(`10\.0\.0\.\d`), rapid.Just(","))
		written := strings.Join(rapid.SliceOf(hop).Draw(t, "written"), ",")
		require.Equal(t, "203.0.113.1", client(proxies, "10.0.0.1:1", written, "203.0.113.1"))
		require.Equal(t, "203.0.113.1", client(proxies, "10.0.0.1:1", written+", 203.0.113.1"))
		require.Equal(t, "198.51.100.7", client(proxies, "198.51.100.7:1", written))
	})
}
