package server_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

func TestADoorKnowsItsNames(t *testing.T) {
	const known, unknown = true, false
	tests := map[string]struct {
		addr, host string
		want       bool
	}{
		"localhost":                            {"127.0.0.1:9090", "localhost:9090", known},
		"localhost without a port":             {"127.0.0.1:9090", "localhost", known},
		"on another port, as through a tunnel": {"127.0.0.1:9090", "localhost:19090", known},
		"in upper case":                        {"127.0.0.1:9090", "LocalHost:9090", known},
		"with the dot of the root":             {"127.0.0.1:9090", "localhost.:9090", known},
		"below localhost":                      {"127.0.0.1:9090", "relay.localhost:9090", known},
		"a loopback number":                    {"127.0.0.1:9090", "127.0.0.1:9090", known},
		"another loopback number":              {"127.0.0.1:9090", "127.8.9.1", known},
		"IPv6":                                 {"127.0.0.1:9090", "[::1]:9090", known},
		"IPv6 without a port":                  {"127.0.0.1:9090", "[::1]", known},
		"IPv4 in IPv6":                         {"127.0.0.1:9090", "[::ffff:127.0.0.1]:9090", known},
		"the name that was set":                {"127.0.0.1:9090", "ops.casas.mx", known},
		"that one with a port":                 {"127.0.0.1:9090", "Ops.casas.mx:443", known},
		"the number that it listens on":        {"192.0.2.7:9090", "192.0.2.7:9090", known},
		"the name that it listens on":          {"relay.lan:9090", "relay.lan:9090", known},
		"IPv6 that it listens on":              {"[fe80::1%eth0]:9090", "[fe80::1]:9090", known},
		"a number, when it listens on all":     {":9090", "192.0.2.7:9090", known},
		"a number, when it listens on 0.0.0.0": {"0.0.0.0:9090", "192.0.2.7:9090", known},
		"a number, when it listens on ::":      {"[::]:9090", "[2001:db8::1]:9090", known},

		"a page's own name":                    {"127.0.0.1:9090", "evil.mx:9090", unknown},
		"that one, when it listens on all":     {":9090", "evil.mx:9090", unknown},
		"a name that begins with localhost":    {"127.0.0.1:9090", "localhost.evil.mx", unknown},
		"a name that ends with localhost":      {"127.0.0.1:9090", "evillocalhost", unknown},
		"a name that begins with a number":     {"127.0.0.1:9090", "127.0.0.1.evil.mx", unknown},
		"a name below the one that was set":    {"127.0.0.1:9090", "evil.ops.casas.mx", unknown},
		"a number that it does not listen on":  {"127.0.0.1:9090", "192.0.2.7:9090", unknown},
		"another number":                       {"192.0.2.7:9090", "192.0.2.8:9090", unknown},
		"a number as browsers do not write it": {"127.0.0.1:9090", "2130706433", unknown},
		"a port that is none":                  {"127.0.0.1:9090", "localhost:9090.evil.mx", unknown},
		"nothing":                              {"127.0.0.1:9090", "", unknown},
		"nothing, when it listens on all":      {":9090", "", unknown},
		"a name in place of a user":            {"127.0.0.1:9090", "localhost@evil.mx", unknown},
		"two dots at the end":                  {"127.0.0.1:9090", "localhost..", unknown},
		"the number of no machine":             {"127.0.0.1:9090", "0.0.0.0:9090", unknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, server.NewHosts(test.addr, "ops.casas.mx").Has(test.host))
			require.Equal(t, test.want, server.NewHosts(test.addr, "ops.casas.mx", "").Has(test.host))
		})
	}
}

func TestOnlyProbesMayAskByAnyName(t *testing.T) {
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMisdirectedRequest) })
	answer := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { require.Empty(t, r.URL.RawQuery) })
	door := server.NewHosts("127.0.0.1:9090").Only(refuse)(answer)
	for path, want := range map[string]int{"/": 421, "/metrics": 421, "/api/v1/leads": 421, "/healthz/": 421, "/healthz": 200, "/readyz": 200, "/readyz?verbose": 200, "/readyz?%76erbose=1": 200} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = "evil.mx"
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, path)
	}
}

func TestADoorBelowAPath(t *testing.T) {
	tests := map[string]struct{ path, asked, want string }{
		"the proxy leaves the path":        {"/leads", "/leads/f/casas", "/f/casas"},
		"the proxy takes it away":          {"/leads", "/f/casas", "/f/casas"},
		"a long path":                      {"/mx/leads", "/mx/leads/widget.js", "/widget.js"},
		"the path alone":                   {"/leads", "/leads/", "/"},
		"the path without its slash":       {"/leads", "/leads", "/leads"},
		"a longer word":                    {"/leads", "/leadsx/f", "/leadsx/f"},
		"the path twice is taken off once": {"/leads", "/leads/leads/f", "/leads/f"},
		"no path":                          {"", "/f/casas", "/f/casas"},
		"an escape":                        {"/leads", "/leads/f/a%2Fb", "/f/a%2Fb"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, test.asked+"?x=1", nil)
			server.BelowPath(test.path)(http.HandlerFunc(func(_ http.ResponseWriter, below *http.Request) {
				require.Equal(t, test.want, below.URL.EscapedPath())
				require.Equal(t, "x=1", below.URL.RawQuery)
			})).ServeHTTP(httptest.NewRecorder(), r)
			require.Equal(t, test.asked, r.URL.EscapedPath(), "the request of others stays what it was")
		})
	}
}
