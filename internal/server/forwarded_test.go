package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// through returns a post from a peer with both forwarding headers.
func through(peer string, older, newer []string) *http.Request {
	r := from(peer)
	r.Header["X-Forwarded-For"], r.Header["Forwarded"] = older, newer
	return r
}

func TestForwarded(t *testing.T) {
	const outside, proxy = "198.51.100.7:4711", "10.0.0.1:4711"
	tests := map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"a peer that is no proxy lies":         {outside, []string{"for=203.0.113.1"}, "198.51.100.7"},
		"a proxy tells":                        {proxy, []string{"for=203.0.113.1"}, "203.0.113.1"},
		"in capitals":                          {proxy, []string{"FOR=203.0.113.1;Proto=https"}, "203.0.113.1"},
		"quoted":                               {proxy, []string{`for="203.0.113.1"`}, "203.0.113.1"},
		"among other words":                    {proxy, []string{"by=203.0.113.43;for=203.0.113.1;host=relay.mx;proto=https"}, "203.0.113.1"},
		"blanks":                               {proxy, []string{" proto=http ; for = 203.0.113.1 "}, "203.0.113.1"},
		"a port":                               {proxy, []string{`for="203.0.113.1:5000"`}, "203.0.113.1"},
		"a hidden port":                        {proxy, []string{`for="203.0.113.1:_port"`}, "203.0.113.1"},
		"IPv6":                                 {proxy, []string{`for="[2001:db8:1:2:3:4:5:6]"`}, "2001:db8:1:2::"},
		"IPv6 with a port":                     {proxy, []string{`for="[2001:db8:1:2:3:4:5:6]:5000"`}, "2001:db8:1:2::"},
		"IPv6 with a hidden port":              {proxy, []string{`for="[2001:db8:1:2:3:4:5:6]:_x"`}, "2001:db8:1:2::"},
		"IPv6 without its quotes":              {proxy, []string{`for=[2001:db8:1:2:3:4:5:6]`}, "2001:db8:1:2::"},
		"IPv6 without anything":                {proxy, []string{`for="2001:db8:1:2:3:4:5:6"`}, "2001:db8:1:2::"},
		"IPv4 written as IPv6":                 {proxy, []string{`for="[::ffff:203.0.113.1]"`}, "203.0.113.1"},
		"two proxies":                          {proxy, []string{"for=192.0.2.1, for=203.0.113.1, for=10.0.0.2"}, "203.0.113.1"},
		"two proxies, each with a header":      {proxy, []string{"for=192.0.2.1", "for=203.0.113.1", "for=10.0.0.2"}, "203.0.113.1"},
		"only proxies":                         {proxy, []string{"for=10.0.0.3,for=10.0.0.2"}, "10.0.0.3"},
		"a client lies to a proxy":             {proxy, []string{"for=192.0.2.1, for=203.0.113.1"}, "203.0.113.1"},
		"a client leaves a quote open":         {proxy, []string{`for="192.0.2.1, for=203.0.113.1`}, "203.0.113.1"},
		"a client leaves a quote open, apart":  {proxy, []string{`for="192.0.2.1`, `for="[2001:db8:1:2::1]"`}, "2001:db8:1:2::"},
		"a client ends with a backslash":       {proxy, []string{`for="192.0.2.1\`, `for="203.0.113.1"`}, "203.0.113.1"},
		"a host that looks like an element":    {proxy, []string{`for=203.0.113.1;host="x, for=192.0.2.1"`}, "203.0.113.1"},
		"a host that looks like a pair":        {proxy, []string{`for=203.0.113.1;host="x;for=192.0.2.1"`}, "203.0.113.1"},
		"a host with a quote":                  {proxy, []string{`for=203.0.113.1;host="x\", for=192.0.2.1;y=\""`}, "203.0.113.1"},
		"a host that ends with a backslash":    {proxy, []string{`for=203.0.113.1;host="x\\";proto=http`}, "203.0.113.1"},
		"an obfuscated client":                 {proxy, []string{"for=_hidden"}, "10.0.0.1"},
		"an obfuscated client behind a proxy":  {proxy, []string{"for=203.0.113.1, for=_hidden, for=10.0.0.2"}, "10.0.0.2"},
		"an unknown client":                    {proxy, []string{"for=unknown"}, "10.0.0.1"},
		"an obfuscated client with a port":     {proxy, []string{`for="_SEVKISEK:4711"`}, "10.0.0.1"},
		"nobody":                               {proxy, []string{"proto=https;by=203.0.113.43"}, "10.0.0.1"},
		"two in one element":                   {proxy, []string{"for=192.0.2.1;for=203.0.113.1"}, "10.0.0.1"},
		"nothing":                              {proxy, []string{""}, "10.0.0.1"},
		"nothing behind for":                   {proxy, []string{"for="}, "10.0.0.1"},
		"quotes behind for":                    {proxy, []string{`for=""`}, "10.0.0.1"},
		"separators":                           {proxy, []string{",;,;=,"}, "10.0.0.1"},
		"quotes":                               {proxy, []string{`"""`}, "10.0.0.1"},
		"an address alone, as in the old form": {proxy, []string{"203.0.113.1"}, "10.0.0.1"},
		"garbage behind a client":              {proxy, []string{"for=203.0.113.1, x"}, "10.0.0.1"},
		"garbage before a client":              {proxy, []string{`x;";,\,for=203.0.113.1`}, "203.0.113.1"},
		"a network is no address":              {proxy, []string{"for=203.0.113.0/24"}, "10.0.0.1"},
		"many kilobytes":                       {proxy, []string{strings.Repeat(`for="192.0.2.1",`, 900) + "for=203.0.113.1"}, "203.0.113.1"},
		"many backslashes":                     {proxy, []string{strings.Repeat(`\`, 16<<10) + ",for=203.0.113.1"}, "203.0.113.1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, proxies.Client(through(tt.peer, nil, tt.forwarded)).String())
		})
	}
}

// One of the two headers may be written by the client.
func TestBothForwardingHeaders(t *testing.T) {
	tests := map[string]struct {
		older, newer string
		want         string
	}{
		"they agree":                             {"203.0.113.1", "for=203.0.113.1", "203.0.113.1"},
		"they agree on a /64":                    {"2001:db8:1:2:3:4:5:6", `for="[2001:db8:1:2:3:4:5:6]:1"`, "2001:db8:1:2::"},
		"they agree about all but the lies":      {"192.0.2.1, 203.0.113.1", "for=192.0.2.2, for=203.0.113.1", "203.0.113.1"},
		"they do not":                            {"203.0.113.1", "for=203.0.113.2", "10.0.0.1"},
		"the new one knows the inner proxy only": {"203.0.113.1, 10.0.0.2", "for=10.0.0.2", "203.0.113.1"},
		"the old one knows the inner proxy only": {"10.0.0.2", "for=203.0.113.1, for=10.0.0.2", "203.0.113.1"},
		"the new one hides the client":           {"203.0.113.1", "for=_hidden", "203.0.113.1"},
		"the new one is garbage":                 {"203.0.113.1", "203.0.113.9", "203.0.113.1"},
		"the old one is garbage":                 {"x", "for=203.0.113.1", "203.0.113.1"},
		"both are":                               {"x", "y", "10.0.0.1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := through("10.0.0.1:1", []string{tt.older}, []string{tt.newer})
			require.Equal(t, tt.want, proxies.Client(r).String())
		})
	}
}

// Whatever a client writes, and whichever header our proxy uses, the client counts as
// itself or shares the proxy's limit with others that lie.
func TestNoForwardedMakesAClientSomebodyElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"for=", "FOR=", "192.0.2.1", "10.0.0.2", `"`, `\`, ",", ";", "=", "[", "]", ":_a", " ", "host=", "unknown", "x"})
		written := strings.Join(rapid.SliceOf(piece).Draw(t, "written"), "")
		address := func(older, newer []string) string {
			return proxies.Client(through("10.0.0.1:1", older, newer)).String()
		}
		require.Equal(t, "203.0.113.1", address(nil, []string{written, "for=203.0.113.1"}))
		require.Equal(t, "203.0.113.1", address(nil, []string{written + `, proto=https;for="203.0.113.1:1"`}))
		require.Contains(t, []string{"203.0.113.1", "10.0.0.1"}, address([]string{"203.0.113.1"}, []string{written}))
		require.Contains(t, []string{"203.0.113.1", "10.0.0.1"}, address([]string{written}, []string{"for=203.0.113.1"}))
		require.Equal(t, "198.51.100.7", proxies.Client(through("198.51.100.7:1", []string{written}, []string{written})).String())
	})
}

// liarHeaders are the headers from which some server reads a client's address.
var liarHeaders = []string{
	"X-Forwarded-For", "Forwarded", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Fastly-Client-Ip",
	"Client-Ip", "X-Forwarded", "Forwarded-For", "X-Original-Forwarded-For", "X-Originating-Ip", "X-Remote-Ip", "X-Remote-Addr", "X-Envoy-External-Address",
	"X-Azure-Clientip", "X-Appengine-User-Ip", "Fly-Client-Ip", "Via",
}

// lie writes a new address into a header.
func lie(r *http.Request, name string, i int) {
	address := fmt.Sprintf("203.0.%d.%d", i/256, i%256)
	if name == "Forwarded" {
		address = "for=" + address
	}
	r.Header.Add(name, address)
}

// A client cannot get more limits by changing what it writes into the headers, with
// or without a proxy in front.
func TestRotatedHeadersFreeNobody(t *testing.T) {
	for _, name := range liarHeaders {
		t.Run(name, func(t *testing.T) {
			direct, older, newer := map[string]bool{}, map[string]bool{}, map[string]bool{}
			for i := range 300 {
				r := from("198.51.100.7:1")
				lie(r, name, i)
				direct[proxies.Client(r).String()] = true

				r = from("10.0.0.1:1")
				lie(r, name, i)
				r.Header.Add("X-Forwarded-For", "192.0.2.1")
				older[proxies.Client(r).String()] = true

				r = from("10.0.0.2:1")
				lie(r, name, i)
				r.Header.Add("Forwarded", "for=192.0.2.2")
				newer[proxies.Client(r).String()] = true
			}
			require.Len(t, direct, 1)
			require.Len(t, older, 1)
			require.Len(t, newer, 1)
		})
	}
}

func from(addr string) *http.Request {
	r := httptest.NewRequest("POST", "/f", nil)
	r.RemoteAddr = addr
	return r
}
