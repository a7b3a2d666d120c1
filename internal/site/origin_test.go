package site_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/site"
)

func TestAllow(t *testing.T) {
	list := []string{
		"https://ok.mx", "https://*.casas.mx", "http://localhost:3000", "https://puerto.mx:8443",
		"https://*.puerto.mx:8443", "HTTPS://Grande.MX/", "https://largo.mx:443", "http://claro.mx:80", "https://[2001:db8::1]:8443",
	}
	o, err := site.ParseOrigins(list)
	require.NoError(t, err)
	require.Equal(t, list, o.List(), "as they were written")

	tests := map[string]struct {
		origin string
		want   bool
	}{
		"the origin itself":                        {"https://ok.mx", true},
		"in upper case":                            {"HTTPS://OK.MX", true},
		"its port written out":                     {"https://ok.mx:443", true},
		"written in upper case in the settings":    {"https://grande.mx", true},
		"written with its port in the settings":    {"https://largo.mx", true},
		"plain http, with its port in the list":    {"http://claro.mx", true},
		"another port than 443":                    {"https://puerto.mx:8443", true},
		"IPv6":                                     {"https://[2001:db8::1]:8443", true},
		"a subdomain":                              {"https://www.casas.mx", true},
		"a subdomain of a subdomain":               {"https://a.b.c.casas.mx", true},
		"a subdomain with a dash and a digit":      {"https://a-1.casas.mx", true},
		"a subdomain on its port":                  {"https://www.puerto.mx:8443", true},
		"this machine":                             {"http://localhost:3000", true},
		"the domain of a wildcard":                 {"https://casas.mx", false},
		"http for https":                           {"http://ok.mx", false},
		"https for http":                           {"https://claro.mx", false},
		"http for https, with 443":                 {"http://ok.mx:443", false},
		"http below a wildcard":                    {"http://www.casas.mx", false},
		"another port":                             {"https://ok.mx:8443", false},
		"another port below a wildcard":            {"https://www.casas.mx:8443", false},
		"no port where the list has one":           {"https://puerto.mx", false},
		"a look-alike that begins with it":         {"https://ok.mx.evil.mx", false},
		"a look-alike that ends with it":           {"https://evilok.mx", false},
		"a look-alike that ends with the wildcard": {"https://evilcasas.mx", false},
		"the wildcard in the middle":               {"https://www.casas.mx.evil.mx", false},
		"a subdomain of no wildcard":               {"https://www.ok.mx", false},
		"an empty label":                           {"https://.casas.mx", false},
		"two dots":                                 {"https://a..casas.mx", false},
		"the wildcard itself":                      {"https://*.casas.mx", false},
		"a dot at the end":                         {"https://ok.mx.", false},
		"a dot at the end of a subdomain":          {"https://www.casas.mx.", false},
		"null":                                     {"null", false},
		"nothing":                                  {"", false},
		"no scheme":                                {"ok.mx", false},
		"no host":                                  {"https://", false},
		"a scheme that is not the web's":           {"chrome-extension://ok.mx", false},
		"a path":                                   {"https://ok.mx/", false},
		"another host behind a slash":              {"https://evil.mx/.casas.mx", false},
		"another host behind a backslash":          {`https://evil.mx\.casas.mx`, false},
		"another host behind a question mark":      {"https://evil.mx?.casas.mx", false},
		"another host behind a number sign":        {"https://evil.mx#.casas.mx", false},
		"another host behind a user":               {"https://www.casas.mx@evil.mx", false},
		"a user in front of a subdomain":           {"https://evil.mx@www.casas.mx", false},
		"another host's port":                      {"https://evil.mx:80.casas.mx", false},
		"an escape":                                {"https://evil.mx%2f.casas.mx", false},
		"a blank":                                  {"https://evil.mx .casas.mx", false},
		"a line end":                               {"https://evil.mx\n.casas.mx", false},
		"a zero byte":                              {"https://ok.mx\x00.casas.mx", false},
		"two origins":                              {"https://ok.mx https://ok.mx", false},
		"a letter that lower case makes a k":       {"https://o\u212a.mx", false},
		"8 KiB of labels":                          {"https://" + strings.Repeat("a.", 4096) + "casas.mx", false},
		"8 KiB of one label":                       {"https://" + strings.Repeat("a", 8192) + ".casas.mx", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, o.Allow(test.origin)) })
	}
}

func TestAnEmptyListAllowsNobody(t *testing.T) {
	o, err := site.ParseOrigins(nil)
	require.NoError(t, err)
	for _, list := range []site.Origins{o, {}} {
		require.False(t, list.Allow("https://ok.mx"))
		require.False(t, list.Allow("://"))
		require.False(t, list.Allow(""))
	}
}

func TestAMalformedOriginIsRefused(t *testing.T) {
	tests := map[string]string{
		"a host alone":                  "casas.mx",
		"nothing":                       "",
		"a star alone":                  "*",
		"any host":                      "https://*",
		"a whole top-level domain":      "https://*.mx",
		"a top-level domain and a port": "https://*.mx:8443",
		"a star that is no label":       "https://*casas.mx",
		"a star in the middle":          "https://www.*.casas.mx",
		"two stars":                     "https://*.*.casas.mx",
		"a star and two dots":           "https://*..mx",
		"null":                          "null",
		"a path":                        "https://casas.mx/contacto",
		"a query":                       "https://casas.mx?x",
		"an empty query":                "https://casas.mx?",
		"a fragment":                    "https://casas.mx#x",
		"an empty fragment":             "https://casas.mx#",
		"a user":                        "https://u@casas.mx",
		"another scheme":                "ftp://casas.mx",
		"no scheme":                     "//casas.mx",
		"no host":                       "https://",
		"a port alone":                  "https://:443",
		"a colon without a port":        "https://casas.mx:",
		"a port that is a word":         "https://casas.mx:https",
		"a port that no machine has":    "https://casas.mx:70000",
		"a blank":                       "https://casas .mx",
		"an escape":                     "https://casas%2emx",
		"letters that no host has":      "https://casas\ufffd.mx",
		"a blank in other letters":      "https://ca\u00a0ñada.mx",
		"a file":                        "file://localhost",
		"a socket":                      "wss://casas.mx",
		"an app and a port":             "capacitor://localhost:80",
		"an app's subdomains":           "capacitor://*.casas.mx",
		"an app and a path":             "capacitor://localhost/index.html",
		"an app without a host":         "capacitor://",
		"a misspelled scheme":           "htps://casas.mx",
		"an escape of such letters":     "https://ca%C3%B1ada.mx",
		"an empty label":                "https://casas..mx",
		"a list in one entry":           "https://casas.mx,https://otra.mx",
		"a list with a semicolon":       "https://casas.mx;https://otra.mx",
	}
	for name, entry := range tests {
		t.Run(name, func(t *testing.T) {
			o, err := site.ParseOrigins([]string{"https://ok.mx", entry})
			require.ErrorContains(t, err, "an origin is https://host")
			require.Equal(t, []string{"https://ok.mx"}, o.List())
		})
	}
}

func TestEveryWrongOriginIsNamed(t *testing.T) {
	_, err := site.ParseOrigins([]string{"uno.mx", "https://ok.mx", "dos.mx"})
	require.ErrorContains(t, err, `"uno.mx"`)
	require.ErrorContains(t, err, `"dos.mx"`)
	require.NotContains(t, err.Error(), "ok.mx")
}

func TestAnOriginMayHaveAnyLetters(t *testing.T) {
	list := []string{"https://cañada.mx", "https://*.peñón.mx:8443", "https://GROẞ.example/", "https://\uff43asas.mx", "https://can\u0303on.mx"}
	o, err := site.ParseOrigins(list)
	require.NoError(t, err)
	require.Equal(t, list, o.List(), "as they were written")
	require.Equal(t, []string{
		"https://xn--caada-pta.mx", "https://*.xn--pen-8mak.mx:8443", "https://xn--gro-7ka.example", "https://casas.mx", "https://xn--caon-hqa.mx",
	}, o.Sources(), "as browsers write them")
	for origin, want := range map[string]bool{
		"https://xn--caada-pta.mx": true, "https://www.xn--pen-8mak.mx:8443": true, "https://xn--gro-7ka.example": true, "https://casas.mx": true, "https://xn--caon-hqa.mx": true,
		"https://cañada.mx": false, "https://xn--pen-8mak.mx:8443": false, "https://canada.mx": false, "https://xn--caada-pta.mx.evil.mx": false,
	} {
		require.Equal(t, want, o.Allow(origin), origin)
	}
}

// The origins of apps: Capacitor and Ionic on iOS, Tauri, Electron, and Capacitor with a
// scheme and a host that the app chose (appwrite/appwrite#13514).
func TestAnOriginMayBeAnApps(t *testing.T) {
	list := []string{
		"capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://-", "capacitor://app.casas.mx", "micasa://localhost", "http://tauri.localhost", "https://localhost",
	}
	o, err := site.ParseOrigins(list)
	require.NoError(t, err)
	for _, origin := range list {
		require.True(t, o.Allow(origin), origin)
		require.Equal(t, origin, o.Own(origin))
	}
	// An app's origin does not allow the same host with another scheme (c15t/c15t#1012).
	for _, origin := range []string{"capacitor://evil.mx", "https://app.casas.mx", "ionic://app.casas.mx", "app://localhost", "app://", "capacitor://localhost.evil.mx", "http://localhost"} {
		require.False(t, o.Allow(origin), origin)
	}
}

// Every host that Google's rule encodes is decoded again.
func TestEveryTranslatedHostIsReadBack(t *testing.T) {
	label := rapid.StringMatching(`[a-z0-9]{1,6}(-{1,3}[a-z0-9]{1,6})?`)
	encode := strings.NewReplacer("-", "--", ".", "-")
	rapid.Check(t, func(t *rapid.T) {
		host := strings.Join(rapid.SliceOfN(label, 2, 4).Draw(t, "labels"), ".")
		encoded := encode.Replace(host)
		if rapid.Bool().Draw(t, "with other letters") {
			host, encoded = "xn--"+host, "0-"+encoded
		}
		if rapid.Bool().Draw(t, "marked") {
			encoded = "1-" + encoded
		}
		o, err := site.ParseOrigins([]string{"https://" + host, "http://" + host + ".mx"})
		require.NoError(t, err)
		require.Equal(t, "https://"+host, o.Own("https://"+encoded+".translate.goog"))
		require.Empty(t, o.Own("https://x"+encoded+".translate.goog"))
		require.Empty(t, o.Own("https://"+encoded+"-mx.translate.goog"), "only https")
	})
}

// The examples marked in a comment are Google's own.
func TestATranslatedPageIsTheSites(t *testing.T) {
	o, err := site.ParseOrigins([]string{
		"https://casas.mx", "https://*.lofts.mx", "https://foo-example.com", "https://xn--57hw060o.com", "https://en-us.example.com",
		"https://xn--en--w45as309w.com", "https://xn----16pw588q.com", "https://cañada.mx", "http://claro.mx", "https://puerto.mx:8443", "https://example.com.mx",
		"https://llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch.co.uk", "https://otra-mx.translate.goog",
	})
	require.NoError(t, err)
	for name, test := range map[string]struct{ origin, own string }{
		"the page itself":                        {"https://casas.mx", "https://casas.mx"},
		"its translation":                        {"https://casas-mx.translate.goog", "https://casas.mx"},
		"in capitals":                            {"HTTPS://Casas-MX.Translate.Goog", "https://casas.mx"},
		"with its port":                          {"https://casas-mx.translate.goog:443", "https://casas.mx"},
		"of a subdomain of a wildcard":           {"https://www-lofts-mx.translate.goog", "https://www.lofts.mx"},
		"of a deep subdomain":                    {"https://a-b-lofts-mx.translate.goog", "https://a.b.lofts.mx"},
		"of a subdomain with a dash":             {"https://a--b-lofts-mx.translate.goog", "https://a-b.lofts.mx"},
		"a dash (Google's example)":              {"https://foo--example-com.translate.goog", "https://foo-example.com"},
		"other letters (Google's example)":       {"https://0-57hw060o-com.translate.goog", "https://xn--57hw060o.com"},
		"a mark in front (Google's example)":     {"https://1-en--us-example-com.translate.goog", "https://en-us.example.com"},
		"letters and dashes (Google's example)":  {"https://0-en----w45as309w-com.translate.goog", "https://xn--en--w45as309w.com"},
		"both marks (Google's example)":          {"https://1-0-----16pw588q-com.translate.goog", "https://xn----16pw588q.com"},
		"an ñ":                                   {"https://0-caada--pta-mx.translate.goog", "https://xn--caada-pta.mx"},
		"one that is listed as it is":            {"https://otra-mx.translate.goog", "https://otra-mx.translate.goog"},
		"plain http":                             {"http://casas-mx.translate.goog", ""},
		"another port":                           {"https://casas-mx.translate.goog:8443", ""},
		"of a page without encryption":           {"https://claro-mx.translate.goog", ""},
		"of a page on a port":                    {"https://puerto-mx.translate.goog", ""},
		"the domain of a wildcard":               {"https://lofts-mx.translate.goog", ""},
		"another site":                           {"https://evil-mx.translate.goog", ""},
		"a look-alike that begins with it":       {"https://casas-mx-evil-mx.translate.goog", ""},
		"a look-alike that ends with it":         {"https://evilcasas-mx.translate.goog", ""},
		"a dash that is no dot":                  {"https://casas--mx.translate.goog", ""},
		"a dash where the host has a dot":        {"https://example--com-mx.translate.goog", ""},
		"three dashes":                           {"https://a---lofts-mx.translate.goog", ""},
		"a dash at the start":                    {"https://-casas-mx.translate.goog", ""},
		"a dash at the end":                      {"https://casas-mx-.translate.goog", ""},
		"nothing in front":                       {"https://.translate.goog", ""},
		"a mark and nothing":                     {"https://0-.translate.goog", ""},
		"a dot in front":                         {"https://casas.mx.translate.goog", ""},
		"a subdomain of the translation":         {"https://x.casas-mx.translate.goog", ""},
		"a look-alike of Google":                 {"https://casas-mx.translate.goog.evil.mx", ""},
		"a look-alike of Google's end":           {"https://casas-mx.eviltranslate.goog", ""},
		"Google itself":                          {"https://translate.goog", ""},
		"a dot behind":                           {"https://casas-mx.translate.goog.", ""},
		"a long host, of which the end is known": {"https://lanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch-co-uk.translate.goog", ""},
		"a host of which only a digest is known": {"https://k44bq2hp32fdtbcksvsl7hzheb-gw7ac7aebhh5l5a-casas-mx.translate.goog", ""},
	} {
		require.Equal(t, test.own, o.Own(test.origin), name)
	}
	require.False(t, o.Allow("https://casas-mx.translate.goog"), "nobody is sent there")
}
