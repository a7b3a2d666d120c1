package server_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestAProxyThatIsNotTrustedIsToldOf(t *testing.T) {
	for name, test := range map[string]struct {
		peer, header string
		want         []string // in the line; none: there is no line
	}{
		"nobody stands between":          {"198.51.100.7:1", "", nil},
		"a proxy of ours":                {"10.0.0.1:1", "X-Forwarded-For", nil},
		"another one on this machine":    {"127.0.0.1:1", "X-Forwarded-For", []string{`"proxy":"127.0.0.1"`, `"trust_with":"LEADRELAY_TRUSTED_PROXIES=127.0.0.1/32"`}},
		"one that says it the newer way": {"[fd00::7]:1", "Forwarded", []string{`"trust_with":"LEADRELAY_TRUSTED_PROXIES=fd00::7/128"`}},
		"a stranger, or a CDN":           {"198.51.100.7:1", "X-Forwarded-For", []string{"LEADRELAY_TRUSTED_PROXIES"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lines bytes.Buffer
				h := proxies.WarnOfUntrusted(zerolog.New(&lines))(http.NotFoundHandler())
				ask := func() {
					r := httptest.NewRequest(http.MethodPost, "/f", nil)
					r.RemoteAddr = test.peer
					if test.header != "" {
						r.Header.Set(test.header, "for=203.0.113.1")
					}
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
				ask()
				ask()
				time.Sleep(time.Minute)
				ask()
				if test.want == nil {
					require.Empty(t, lines.String())
					return
				}
				require.Equal(t, 2, strings.Count(lines.String(), "\n"), "one a minute")
				for _, want := range test.want {
					require.Contains(t, lines.String(), want)
				}
				require.NotContains(t, lines.String(), "198.51.100.7")
				require.NotContains(t, lines.String(), "203.0.113.1")
			})
		})
	}
}
