package intake_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/site"
)

// at returns a relay whose settings say where it is on the web, unless address is "".
func at(t *testing.T, address string, change func(*site.Site)) *relay {
	t.Helper()
	var own site.Address
	if address != "" {
		var err error
		own, err = site.ParseAddress(address)
		require.NoError(t, err)
	}
	all := sites(t)
	for i := range all {
		change(&all[i])
	}
	d := newRelay(t)
	d.open(intake.New(all, d.keeper, intake.Options{Address: own}))
	return d
}

// askAs sends a request with an invented Host.
func askAs(d *relay, host, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	return ask(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = host
		d.ServeHTTP(w, r)
	}), method, path, body, headers...)
}

func TestEveryAddressIsBuiltFromTheRelaysOwn(t *testing.T) {
	const host, forged = "evil.mx", "https"
	thanks := "/f/casas/thanks?folio=28339200001"
	tests := map[string]struct {
		address, thanks string
		json, html      string
	}{
		"a host":                              {"https://leads.casas.mx", "", "https://leads.casas.mx" + thanks, "https://leads.casas.mx" + thanks},
		"a host and a path":                   {"https://casas.mx/leads", "", "https://casas.mx/leads" + thanks, "https://casas.mx/leads" + thanks},
		"a thank-you page on its host":        {"https://casas.mx/leads", "/gracias", "https://casas.mx/gracias", "https://casas.mx/gracias"},
		"a thank-you page elsewhere":          {"https://leads.casas.mx", "https://casas.mx/g", "https://casas.mx/g", "https://casas.mx/g"},
		"nobody has said":                     {"", "", "https://evil.mx" + thanks, thanks},
		"nobody has said, a page by its path": {"", "/gracias", "https://evil.mx/gracias", "/gracias"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			change := func(s *site.Site) { s.ThanksURL = test.thanks }
			w := askAs(at(t, test.address, change), host, http.MethodPost, "/f/casas", wholeJSON, "Content-Type", jsonType, "X-Forwarded-Proto", forged)
			require.Equal(t, http.StatusAccepted, w.Code)
			var answer struct{ Next string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
			require.Equal(t, test.json, answer.Next)

			w = askAs(at(t, test.address, change), host, http.MethodPost, "/f/casas", wholeForm, "Content-Type", formType, "Accept", "text/html")
			require.Equal(t, http.StatusSeeOther, w.Code)
			require.Equal(t, test.html, w.Header().Get("Location"))
		})
	}
}

// The pages link to their files below the relay's path, whatever the Host, and their form
// may lead to our thank-you page there.
func TestHostedPagesStandBelowTheirPath(t *testing.T) {
	colored := func(s *site.Site) { s.Color = "#0e6657" }
	for _, path := range []string{"", "/leads"} {
		d := at(t, "https://casas.mx"+path, colored)
		pages := map[string]*httptest.ResponseRecorder{
			"the form":           askAs(d, "evil.mx", http.MethodGet, "/f/casas", ""),
			"the form again":     askAs(d, "evil.mx", http.MethodPost, "/f/casas", "email=x", "Content-Type", formType, "Accept", "text/html"),
			"the thank-you page": askAs(d, "evil.mx", http.MethodGet, "/f/casas/thanks?folio=28339200001", ""),
			"a problem":          askAs(d, "evil.mx", http.MethodGet, "/f/nobody", "", "Accept", "text/html"),
		}
		for name, w := range pages {
			require.NotContains(t, w.Body.String(), "evil.mx", name)
			require.Contains(t, w.Body.String(), `href="`+path+`/assets/page.css?v=`, name)
			require.Equal(t, name != "a problem", strings.Contains(w.Body.String(), `href="`+path+`/f/casas/theme.css?0e6657"`), name)
		}
		for _, name := range []string{"the form", "the form again"} {
			require.Contains(t, pages[name].Body.String(), `action="`+path+`/f/casas"`, name)
			require.Contains(t, pages[name].Header().Get("Content-Security-Policy"), "form-action 'self' https://casas.mx ", name)
		}
	}
}

// Behind a proxy that replaces the Host, the hosted form in an old browser is known only
// by its origin.
func TestTheRelaysOwnPageMayPost(t *testing.T) {
	d := at(t, "https://leads.lofts.mx/leads", func(*site.Site) {})
	for origin, want := range map[string]int{
		"https://leads.lofts.mx": http.StatusSeeOther, "http://leads.lofts.mx": http.StatusForbidden, "https://evil.mx": http.StatusForbidden,
	} {
		w := askAs(d, "127.0.0.1:8080", http.MethodPost, "/f/casas", wholeForm, "Content-Type", formType, "Accept", "text/html", "Origin", origin)
		require.Equal(t, want, w.Code, origin)
	}
}
