package intake_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func readNext(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, 202, w.Code, w.Body.String())
	var a struct{ Next string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
	return a.Next
}

func TestNext(t *testing.T) {
	const own = "/f/casas/thanks?folio=28339200001"
	tests := map[string]struct {
		field, next string
		headers     []string
		want        string // empty for our own page
	}{
		"none":                               {"_next", "", nil, ""},
		"a page of the site":                 {"_next", "https://casas.mx/gracias?a=1&b=2#c", nil, "https://casas.mx/gracias?a=1&b=2#c"},
		"by its second name":                 {"_redirect", "https://casas.mx/gracias", nil, "https://casas.mx/gracias"},
		"by its third name":                  {"redirect", "https://casas.mx/gracias", nil, "https://casas.mx/gracias"},
		"in capitals":                        {"_NEXT", "https://casas.mx/gracias", nil, "https://casas.mx/gracias"},
		"a page of a subdomain":              {"_next", "https://www.casas.mx/gracias", nil, "https://www.casas.mx/gracias"},
		"blanks around it":                   {"_next", " https://casas.mx/gracias ", nil, "https://casas.mx/gracias"},
		"a path, by the origin":              {"_next", "/gracias", []string{"Origin", "https://www.casas.mx"}, "https://www.casas.mx/gracias"},
		"a path, by the referer":             {"_next", "/gracias", []string{"Referer", "https://casas.mx/p/1?x=y"}, "https://casas.mx/gracias"},
		"a path, by the origin first":        {"_next", "/g", []string{"Origin", "https://www.casas.mx", "Referer", "https://casas.mx/p"}, "https://www.casas.mx/g"},
		"a path of nobody's":                 {"_next", "/gracias", nil, ""},
		"a path, by a referer of another":    {"_next", "/gracias", []string{"Referer", "https://evil.mx/p"}, ""},
		"a path, by a referer of nonsense":   {"_next", "/gracias", []string{"Referer", "https://casas.mx@evil.mx/"}, ""},
		"a path, from the relay's own page":  {"_next", "/gracias", []string{"Origin", "http://example.com", "Referer", "http://example.com/f/casas"}, ""},
		"a path that is a host":              {"_next", "//evil.mx", []string{"Origin", "https://casas.mx"}, ""},
		"a path with a backslash":            {"_next", `/\evil.mx`, []string{"Origin", "https://casas.mx"}, ""},
		"a path with a tab":                  {"_next", "/\t/evil.mx", []string{"Origin", "https://casas.mx"}, ""},
		"a path with line ends":              {"_next", "/a\r\nSet-Cookie: a=b", []string{"Origin", "https://casas.mx"}, ""},
		"a path that climbs":                 {"_next", "/..//evil.mx", []string{"Origin", "https://casas.mx"}, "https://casas.mx/..//evil.mx"},
		"a word":                             {"_next", "gracias", []string{"Origin", "https://casas.mx"}, "https://casas.mx/gracias"},
		"a question":                         {"_next", "?a=b", []string{"Origin", "https://casas.mx"}, "https://casas.mx/?a=b"},
		"a word, by the page":                {"_next", "gracias", []string{"Origin", "https://casas.mx", "Referer", "https://casas.mx/p/1?x=y"}, "https://casas.mx/p/gracias"},
		"a word, by the referer alone":       {"_next", "./gracias", []string{"Referer", "https://casas.mx/p/1?x=y"}, "https://casas.mx/p/gracias"},
		"a question, by the page":            {"_next", "?ok=1", []string{"Referer", "https://casas.mx/p/1?x=y"}, "https://casas.mx/p/1?ok=1"},
		"a word, by a referer of another":    {"_next", "gracias", []string{"Referer", "https://evil.mx/p/1"}, ""},
		"a word, by another's page":          {"_next", "gracias", []string{"Origin", "https://casas.mx", "Referer", "https://evil.mx/p/1"}, "https://casas.mx/gracias"},
		"a word of nobody's":                 {"_next", "gracias", nil, ""},
		"a word, from the relay's own page":  {"_next", "gracias", []string{"Origin", "http://example.com", "Referer", "http://example.com/f/casas"}, ""},
		"an accent":                          {"_next", "https://casas.mx/página/año?sí=ñ", nil, "https://casas.mx/p%C3%A1gina/a%C3%B1o?s%C3%AD=%C3%B1"},
		"an accent in a path":                {"_next", "/página", []string{"Origin", "https://casas.mx"}, "https://casas.mx/p%C3%A1gina"},
		"an accent in a page's path":         {"_next", "gracias", []string{"Referer", "https://casas.mx/p%C3%A1ginas/1"}, "https://casas.mx/p%C3%A1ginas/gracias"},
		"from the translated page":           {"_next", "/gracias", []string{"Origin", "https://casas-mx.translate.goog"}, "https://casas.mx/gracias"},
		"a word from the translated page":    {"_next", "gracias", []string{"Referer", "https://casas-mx.translate.goog/p/1?_x_tr_sl=es"}, "https://casas.mx/p/gracias"},
		"to a translated page":               {"_next", "https://casas-mx.translate.goog/gracias", nil, ""},
		"another site":                       {"_next", "https://evil.mx/", nil, ""},
		"another site of ours":               {"_next", "https://homes.example/", nil, ""},
		"the site without its encryption":    {"_next", "http://casas.mx/", nil, ""},
		"a scheme without slashes":           {"_next", "https:evil.mx", nil, ""},
		"three slashes":                      {"_next", "https:///evil.mx", nil, ""},
		"a script":                           {"_next", "javascript:alert(1)", nil, ""},
		"data":                               {"_next", "data:text/html,x", nil, ""},
		"someone in front":                   {"_next", "https://casas.mx@evil.mx", nil, ""},
		"someone in front of the right host": {"_next", "https://evil@casas.mx/", nil, ""},
		"a look-alike":                       {"_next", "https://casas.mx.evil.mx/", nil, ""},
		"a NUL":                              {"_next", "https://casas.mx/\x00", nil, ""},
		"a wide slash":                       {"_next", "https://evil.mx／casas.mx", nil, ""},
		"a wide dot":                         {"_next", "https://casas。mx", nil, ""},
		"very long":                          {"_next", "https://casas.mx/" + strings.Repeat("a", 3000), nil, ""},
		"not a URL":                          {"_next", "https://casas.mx/%zz", nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			form := wholeForm + "&" + tt.field + "=" + url.QueryEscape(tt.next)
			d := newRelay(t)
			w := d.post(formType, form, tt.headers...)
			require.Equal(t, 303, w.Code, w.Body.String())
			require.Equal(t, []string{orElse(tt.want, own)}, w.Header()["Location"])
			require.Empty(t, w.Header().Get("Set-Cookie"))

			w = newRelay(t).post(formType, form, append(tt.headers, "X-Requested-With", "XMLHttpRequest")...)
			require.Equal(t, orElse(tt.want, "http://example.com"+own), readNext(t, w))
		})
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func TestNextIsTheSitesOwnPage(t *testing.T) {
	d := newRelay(t)
	w := d.ask("POST", "/f/homes", wholeForm, "Content-Type", formType)
	require.Equal(t, "https://homes.example/thanks", w.Header().Get("Location"))
	w = d.ask("POST", "/f/homes", wholeForm+"&_next=https%3A%2F%2Fhomes.example%2Fbye", "Content-Type", formType)
	require.Equal(t, "https://homes.example/bye", w.Header().Get("Location"))
	w = d.ask("POST", "/f/homes", wholeForm+"&_next=https%3A%2F%2Fevil.mx", "Content-Type", formType, "Accept", jsonType)
	require.Equal(t, "https://homes.example/thanks", readNext(t, w))
}

func TestNextKnowsTheSchemeInFrontOfAProxy(t *testing.T) {
	d := newRelay(t)
	require.Equal(t, "https://example.com/f/casas/thanks?folio=28339200001", readNext(t, d.post(jsonType, wholeJSON, "X-Forwarded-Proto", "https")))
	require.Equal(t, "https://example.com/f/casas/thanks?folio=28339200002", readNext(t, d.post(jsonType, wholeJSON, "X-Forwarded-Proto", "HTTPS, http")))
	require.Equal(t, "http://example.com/f/casas/thanks?folio=28339200003", readNext(t, d.post(jsonType, wholeJSON, "X-Forwarded-Proto", "javascript")))
}

func TestOneNextIsReadAsText(t *testing.T) {
	w := newRelay(t).post(jsonType, jsonWith(`"_next":["https://casas.mx/a"],"_redirect":"https://casas.mx/b"`))
	require.Equal(t, "https://casas.mx/b", readNext(t, w))
}

// These are the ways to write another host that browsers have accepted, before and after
// the words of the site.
func TestNoOpenRedirect(t *testing.T) {
	starts := []string{
		"", "/", "//", "///", "////", `\`, `\\`, `/\`, `\/`, `/\/`, `//\`, "/\t/", "/\n/", "/\r/", "/\x00/", "/ /", "/%09/", "/%0a/", "/%5c", "/%2f", "/.//", "/..//", "/;//", "./", "../", "?//", "#//",
		"https:", "https:/", "https://", "https:///", `https:\\`, `https:/\`, "https://\t", "ht\ntps://", "https%3a//", "HTTPS://", "http://", "//https://", "///https://", "javascript://", "data:", "ftp://", "blob:https://", "view-source:https://",
		"https://casas.mx@", "https://casas.mx:443@", "https://casas.mx%40", "https://casas.mx%2f@", `https://casas.mx\@`, "https://casas.mx#@", "https://casas.mx?@", "//casas.mx@", "https://casas.mx.", "https://casas.mx%00.", "https://casas.mx%2e", "https://casas.mx&", "https://casas.mx,", "https://casas.mx;", "https://casas.mx ", "https://casas.mx:", "https://casas.mx:80.", "https://[casas.mx]", "https://[::1]",
	}
	hosts := []string{"evil.mx", "evil.mx/casas.mx", "evil.mx?casas.mx", "evil.mx#casas.mx", "evil。mx", "evil%E3%80%82mx", "evil.mx%2f.casas.mx", `evil.mx\.casas.mx`, "evil.mx:443", "3232235777", "0x7f.1", "[::1]", "ｅｖｉｌ.mx"}
	d := newRelay(t)
	for _, start := range starts {
		for _, host := range hosts {
			next := start + host
			w := d.post(formType, wholeForm+"&_next="+url.QueryEscape(next), "Origin", "https://casas.mx", "Referer", "https://casas.mx/")
			require.Equal(t, 303, w.Code)
			requireKnownPlace(t, w.Header().Get("Location"))
		}
	}
}
