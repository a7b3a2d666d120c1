package site_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/site"
)

func visited(t require.TestingT) *site.Site {
	o, err := site.ParseOrigins([]string{"https://ok.mx", "https://*.casas.mx", "http://local.mx:8080"})
	require.NoError(t, err)
	return &site.Site{Origins: o}
}

func TestRedirectGoesWhereItMay(t *testing.T) {
	for target, want := range map[string]string{
		"/":                                "/",
		"/gracias":                         "/gracias",
		"/gracias?a=1&b=2#fin":             "/gracias?a=1&b=2#fin",
		"/a/../gracias":                    "/a/../gracias",
		"/gracias?next=//evil.mx":          "/gracias?next=//evil.mx",
		"/buscar:todo":                     "/buscar:todo",
		"/@evil.mx":                        "/@evil.mx",
		"/%0d%0aSet-Cookie:x":              "/%0d%0aSet-Cookie:x",
		"https://ok.mx":                    "https://ok.mx",
		"https://ok.mx/gracias":            "https://ok.mx/gracias",
		"https://ok.mx:443/gracias":        "https://ok.mx:443/gracias",
		"HTTPS://OK.MX/Gracias":            "https://OK.MX/Gracias",
		"https://ok.mx/?u=https://evil.mx": "https://ok.mx/?u=https://evil.mx",
		"https://ok.mx//evil.mx":           "https://ok.mx//evil.mx",
		"https://www.casas.mx/a%20b":       "https://www.casas.mx/a%20b",
		"http://local.mx:8080/x":           "http://local.mx:8080/x",
	} {
		require.Equal(t, want, visited(t).Redirect(target), "%q", target)
	}
}

func TestRedirectEncodesLettersAsBrowsersDo(t *testing.T) {
	o, err := site.ParseOrigins([]string{"https://ok.mx", "https://cañada.mx:8443"})
	require.NoError(t, err)
	s := &site.Site{Origins: o}
	for target, want := range map[string]string{
		"/página/año":                         "/p%C3%A1gina/a%C3%B1o",
		"/gracias?por=visitación#sí":          "/gracias?por=visitaci%C3%B3n#s%C3%AD",
		"https://ok.mx/ruta%2Fya/página":      "https://ok.mx/ruta%2Fya/p%C3%A1gina",
		"https://ok.mx/nin\u0303o":            "https://ok.mx/nin%CC%83o",
		"https://cañada.mx:8443/gracias":      "https://xn--caada-pta.mx:8443/gracias",
		"https://CAÑADA.MX:8443/ñ":            "https://xn--caada-pta.mx:8443/%C3%B1",
		"https://cañada.mx/gracias":           "", // another port
		"https://evil.mx/cañada.mx":           "",
		"https://cañada.mx:8443@evil.mx/":     "",
		"https://cañada.mx.evil.mx:8443/":     "",
		"https://\uff4fk.mx/página":           "", // browsers read another host than is written
		"https://ok\u3002mx/página":           "",
		"https://can\u0303ada.mx:8443/":       "",
		"/página y más":                       "",
		"/página\u2215evil.mx":                "",
		"/página\u200b":                       "",
		"//evil.mx/página":                    "",
		"https:página":                        "",
		"/" + strings.Repeat("ñ", 1000) + "/": "/" + strings.Repeat("%C3%B1", 1000) + "/",
		"/" + strings.Repeat("ñ", 1024):       "",
	} {
		require.Equal(t, want, s.Redirect(target), "%q", target)
	}
}

func TestATargetMayBeRelativeToThePage(t *testing.T) {
	from := func(page, target string) string {
		u, err := url.Parse(page)
		require.NoError(t, err)
		return visited(t).RedirectFrom(u, target)
	}
	const page = "https://ok.mx/propiedades/roma?a=b"
	for target, want := range map[string]string{
		"gracias":               "https://ok.mx/propiedades/gracias",
		"./gracias":             "https://ok.mx/propiedades/gracias",
		"../gracias":            "https://ok.mx/gracias",
		"../../../gracias":      "https://ok.mx/gracias",
		"?ok=1":                 "https://ok.mx/propiedades/roma?ok=1",
		"#gracias":              "https://ok.mx/propiedades/roma?a=b#gracias",
		"página.html":           "https://ok.mx/propiedades/p%C3%A1gina.html",
		"/gracias":              "https://ok.mx/gracias",
		"https://ok.mx/gracias": "https://ok.mx/gracias",
		".//evil.mx":            "https://ok.mx/propiedades//evil.mx",
		"..//..//evil.mx":       "https://ok.mx/evil.mx",
		"@evil.mx":              "https://ok.mx/propiedades/@evil.mx",
		"evil.mx":               "https://ok.mx/propiedades/evil.mx",
		"":                      "",
		"//evil.mx":             "",
		`gracias\..\evil.mx`:    "",
		"https:gracias":         "",
		"javascript:alert(1)":   "",
		"data:x":                "",
		":80":                   "",
		"gracias\n":             "",
		"https://evil.mx":       "",
	} {
		require.Equal(t, want, from(page, target), "%q", target)
	}
	require.Equal(t, "https://ok.mx/gracias", from("https://ok.mx", "gracias"), "the origin alone")
	require.Equal(t, "https://ok.mx/?ok=1", from("https://ok.mx", "?ok=1"))
	for _, target := range []string{"gracias", "/gracias", "?ok=1", "#x"} {
		require.Empty(t, visited(t).RedirectFrom(nil, target), "%q without a page", target)
	}
	require.Equal(t, "https://ok.mx/gracias", visited(t).RedirectFrom(nil, "https://ok.mx/gracias"))
}

// Every target that a page gives leads to the page's own host or to one on the list.
func TestNoTrickLeavesThePage(t *testing.T) {
	s := visited(t)
	for _, page := range []string{"https://ok.mx", "https://ok.mx/", "https://ok.mx//evil.mx/p", "https://www.casas.mx/a/b?c#d"} {
		u, err := url.Parse(page)
		require.NoError(t, err)
		for _, target := range slices.Concat(tricks(), theList(t)) {
			if got := s.RedirectFrom(u, target); got != "" {
				require.Regexp(t, "^https?://", got, "%q", target)
				require.True(t, isFine(browserHost(got)), "%q became %q, on %q", target, got, browserHost(got))
			}
		}
	}
}

// tricks are targets with which people try to redirect to another host.
func tricks() []string {
	return []string{
		"", " ", "evil.mx", "gracias", "./gracias", "../gracias", "?next=x", "#x", ".evil.mx", "@evil.mx", ":80", ":",
		"//evil.mx", "///evil.mx", "////evil.mx", "//evil.mx/%2f..", "//evil.mx@ok.mx", "//ok.mx", "//ok.mx@evil.mx", "//", "///",
		`/\evil.mx`, `\/evil.mx`, `\\evil.mx`, `\/\/evil.mx`, `/\/evil.mx`, `/\\evil.mx`, `\evil.mx`, `/x\..\\evil.mx`,
		"https:evil.mx", "https:/evil.mx", "https:///evil.mx", "https:////evil.mx", `https:\\evil.mx`, `https:/\evil.mx`,
		"http:evil.mx", "https:ok.mx", "https:/ok.mx", "https:///ok.mx", "https:", "https:/", "https://", "https:?x",
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "javascript://ok.mx/%0aalert(1)",
		" javascript:alert(1)", "\x01javascript:alert(1)", "vbscript:x", "data:text/html,<script>alert(1)</script>",
		"data:text/html;base64,PHNjcmlwdD4=", "blob:https://ok.mx/x", "file:///etc/passwd", "ftp://ok.mx", "view-source:https://ok.mx",
		"mailto:a@ok.mx", "tel:+525512345678", "intent://ok.mx#Intent;end", "filesystem:https://ok.mx/x", "about:blank", "ws://ok.mx",
		"https://evil.mx", "http://ok.mx", "https://ok.mx:8443", "https://ok.mx.evil.mx", "https://evilok.mx", "https://casas.mx",
		"https://ok.mx@evil.mx", "https://ok.mx:443@evil.mx", "https://u:p@ok.mx", "https://@ok.mx", "https://ok.mx%40evil.mx",
		"https://evil.mx#@ok.mx", "https://evil.mx?@ok.mx", "https://evil.mx/.casas.mx", "https://evil.mx?.casas.mx", "https://evil.mx#.casas.mx",
		`https://evil.mx\.casas.mx`, `https://evil.mx\@ok.mx`, "https://evil.mx;.casas.mx", "https://evil.mx,.casas.mx", "https://evil.mx'.casas.mx",
		"https://evil.mx:80.casas.mx", "https://evil.mx%2f.casas.mx", "https://evil.mx%5c.casas.mx", "https://evil.mx%23.casas.mx", "https://evil.mx%00.casas.mx",
		"https://evil.mx%E3%80%82casas.mx", "https://evil.mx%EF%BC%8F.casas.mx", "https://o%E2%84%AA.mx", "https://ok%2emx", "https://evil.mx!.casas.mx",
		"https://[ok.mx]", "https://[::1]", "https://[evil.mx].casas.mx", "https://127.0.0.1", "https://0x7f.1", "https://ok.mx.", "https://ok.mx:",
		"/\t/evil.mx", "/\n/evil.mx", "/\r/evil.mx", "\t//evil.mx", "\n//evil.mx", " //evil.mx", "//evil.mx\n", "/\x00/evil.mx", "/\v/evil.mx", "/\f/evil.mx",
		"ht\ntps://evil.mx", "https\t://evil.mx", "https://e\nvil.mx", "https://ok.mx\n.evil.mx", "https://ok.mx\x00.evil.mx", "/x\r\nLocation: https://evil.mx",
		"/\u2215evil.mx", "/\uff0fevil.mx", "\uff0f\uff0fevil.mx", "/\u2044/evil.mx", "/\u29f8evil.mx", "/\u00a0/evil.mx", "/\u200b/evil.mx", "/\ufeff/evil.mx", "/\u2028/evil.mx",
		"https://ok\u3002mx", "https://evil\u3002casas.mx", "https://\uff4fk.mx", "https://ok.mx\u2215.evil.mx", "/\u202e/evil.mx", "/\xff/evil.mx",
		"/%", "/%zz", "https://ok.mx/%zz", "https://ok.mx:port", "https://ok.mx:80:443", "http://[", "//[", "https://ok .mx",
		"/" + strings.Repeat("a", 2048), "https://ok.mx/" + strings.Repeat("a", 8192),
	}
}

func TestRedirectRefusesTricks(t *testing.T) {
	for _, target := range tricks() {
		require.Empty(t, visited(t).Redirect(target), "%q", target)
	}
}

// These are paths on the relay itself, though they do not look like it.
func TestRedirectKeepsPathsOnTheRelay(t *testing.T) {
	for _, target := range []string{
		"/%09/evil.mx", "/%0a/evil.mx", "/%2f/evil.mx", "/%2fevil.mx", "/%5cevil.mx", "/%5c/evil.mx", "/..//evil.mx", "/.//evil.mx",
		"/../..//evil.mx", "/x//evil.mx", "/x/..//evil.mx", "/;//evil.mx", "/.evil.mx", "/%2e%2e//evil.mx", "/?//evil.mx", "/#//evil.mx", "/%20//evil.mx",
	} {
		got := visited(t).Redirect(target)
		require.NotEmpty(t, got, "%q", target)
		require.Equal(t, "relay.mx", browserHost(got), "%q", target)
	}
}

// theList returns the addresses in testdata/tricks.txt.
func theList(t *testing.T) (targets []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/tricks.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		target, err := strconv.Unquote(line)
		require.NoError(t, err, line)
		targets = append(targets, target)
	}
	return targets
}

// Few addresses of the long list are accepted, and none of those leaves the site. A
// browser tests them, too.
func TestNoTrickLeavesTheSite(t *testing.T) {
	all, taken := theList(t), 0
	require.Greater(t, len(all), 1500)
	for _, target := range all {
		got := visited(t).Redirect(target)
		if got == "" {
			continue
		}
		taken++
		require.True(t, isFine(browserHost(got)), "%q became %q, on %q", target, got, browserHost(got))
	}
	t.Logf("%d of %d are taken", taken, len(all))
	require.Greater(t, taken, 50)
}

// isFine reports whether a host is on the list, or the page's own.
func isFine(host string) bool {
	return host == "relay.mx" || host == "ok.mx" || host == "ok.mx:443" || host == "local.mx:8080" ||
		strings.HasSuffix(strings.TrimSuffix(host, ":443"), ".casas.mx")
}

func TestWhereverRedirectGoesABrowserStaysOnTheList(t *testing.T) {
	s := visited(t)
	pieces := []string{
		"/", "/", "\\", ":", "@", "?", "#", ".", "..", "%2f", "%5c", "%09", "%40", "%00", "\t", "\n", " ", "\x00", "https:", "http:", "https://", "//",
		"javascript:", "ok.mx", "evil.mx", "www.casas.mx", ".casas.mx", "casas.mx", "local.mx", "8080", "443", ";", "&", "=", "[", "]", "*", "%", "\u3002", "\uff0f", "é", "\xff",
	}
	rapid.Check(t, func(t *rapid.T) {
		target := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 9).Draw(t, "target"), "")
		got := s.Redirect(target)
		if got == "" {
			return
		}
		host := browserHost(got)
		require.True(t, isFine(host), "%q became %q, on %q", target, got, host)

		answer := httptest.NewRecorder()
		http.Redirect(answer, httptest.NewRequest(http.MethodPost, "https://relay.mx/f/casas", nil), got, http.StatusSeeOther)
		require.Equal(t, host, browserHost(answer.Header().Get("Location")), "net/http must not bend %q", got)
	})
}

// browserHost returns the host to which a browser on https://relay.mx/f/casas goes. It
// follows the rules of the URL standard that matter here, without net/url: spaces at the
// ends and all line ends are dropped, \ is /, and any number of slashes after http: and
// https: begins a host.
func browserHost(target string) string {
	s := strings.TrimFunc(target, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	scheme, rest, hasScheme := strings.Cut(s, ":")
	if hasScheme && strings.ContainsAny(scheme, `/\?#`) {
		hasScheme = false
	}
	if hasScheme {
		if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
			return scheme + ":" // not the web
		}
		if scheme == "http" || strings.HasPrefix(strings.ReplaceAll(rest, `\`, "/"), "//") {
			return authority(rest)
		}
		s = rest // https:path is relative to a page of the same scheme
	}
	if strings.HasPrefix(strings.ReplaceAll(s, `\`, "/"), "//") {
		return authority(s)
	}
	return "relay.mx"
}

func authority(s string) string {
	s = strings.TrimLeft(s, `/\`)
	if end := strings.IndexAny(s, `/\?#`); end >= 0 {
		s = s[:end]
	}
	return strings.ToLower(s[strings.LastIndexByte(s, '@')+1:])
}
