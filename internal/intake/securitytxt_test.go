package intake_test

import (
	"net/http"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/site"
)

// The file is that of RFC 9116, and is good for months whenever it is read.
func TestASecurityContactNeverGoesStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for address, canonical := range map[string]string{
			"": "", "https://leads.casas.mx": "Canonical: https://leads.casas.mx/.well-known/security.txt\n",
			"https://casas.mx/leads": "", // there the file is not where anybody looks
		} {
			own, err := site.ParseAddress(address)
			require.Equal(t, address == "", err != nil)
			d := newRelay(t)
			d.open(intake.New(sites(t), d.keeper, intake.Options{Address: own, SecurityContacts: []string{"mailto:seguridad@casas.mx", "https://casas.mx/seguridad"}}))
			for range 3 { // the process runs for years
				w := d.ask(http.MethodGet, "/.well-known/security.txt", "")
				require.Equal(t, http.StatusOK, w.Code)
				require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
				require.Equal(t, "public, max-age=86400", w.Header().Get("Cache-Control"))
				text := w.Body.String()
				ends, err := time.Parse(time.RFC3339, regexp.MustCompile(`(?m)^Expires: (.+)$`).FindStringSubmatch(text)[1])
				require.NoError(t, err)
				require.Greater(t, time.Until(ends), 178*24*time.Hour, "a copy may be a day old")
				require.Less(t, time.Until(ends), 365*24*time.Hour, "the RFC recommends less than a year")
				require.Equal(t, "Contact: mailto:seguridad@casas.mx\nContact: https://casas.mx/seguridad\nExpires: "+ends.Format(time.RFC3339)+
					"\nPreferred-Languages: es, en\n"+canonical, text)
				time.Sleep(400*24*time.Hour + 7*time.Hour)
			}
		}
	})
}

func TestWithoutASecurityContactThereIsNoFile(t *testing.T) {
	d := newRelay(t)
	w := d.ask(http.MethodGet, "/.well-known/security.txt", "", "Accept", "application/json")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), `"not_found"`)
	require.NotContains(t, w.Body.String(), "Contact")
	w = d.ask(http.MethodPost, "/.well-known/security.txt", "x")
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
}
