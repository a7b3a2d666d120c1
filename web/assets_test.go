package web

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"leadrelay/internal/locale"
)

func TestAssets(t *testing.T) {
	tests := map[string]struct {
		method, url string
		status      int
		cache       string
	}{
		"an address with its hash is kept forever":   {"GET", AssetURL("page.css"), 200, "public, max-age=31536000, immutable"},
		"an address of another build is asked again": {"GET", "/assets/page.css?v=0123456789abcdef", 200, "no-cache"},
		"an address without a hash is asked again":   {"GET", "/assets/page.css", 200, "no-cache"},
		"the head alone":                               {"HEAD", AssetURL("page.css"), 200, "public, max-age=31536000, immutable"},
		"nothing can be posted":                        {"POST", AssetURL("page.css"), 405, ""},
		"an unknown name is not found":                 {"GET", AssetURL("no.css"), 404, ""},
		"a template is not an asset":                   {"GET", "/assets/pages/form.html", 404, ""},
		"a path that climbs is not found":              {"GET", "/assets/../embed.go", 404, ""},
		"the demo's files are not on the public door":  {"GET", AssetURL("demo/property.css"), 404, ""},
		"an embedded file is under its own name alone": {"GET", "/assets/static/page.css", 404, ""},
	}
	for sentence, tt := range tests {
		t.Run(sentence, func(t *testing.T) {
			answer := ask(Assets(), tt.method, tt.url)
			require.Equal(t, tt.status, answer.Code)
			require.Equal(t, tt.cache, answer.Header().Get("Cache-Control"))
			if tt.status == http.StatusOK {
				require.Equal(t, "text/css; charset=utf-8", answer.Header().Get("Content-Type"))
				require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
				require.Equal(t, tt.method == "GET", answer.Body.Len() > 0)
			}
		})
	}
}

// Many ranges of a small file are many times as long as the file.
func TestFilesAreServedWhole(t *testing.T) {
	for path, handler := range map[string]http.Handler{AssetURL("page.css"): Assets(), "/widget.js": Widget(""), WidgetPath(): Widget(""), InquiryPath(): Widget(""), "/widget.d.ts": Widget("")} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Range", "bytes="+strings.Repeat("0-0,", 1000)+"0-0")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, 200, w.Code, path)
		require.Equal(t, ask(handler, "GET", path).Body.Len(), w.Body.Len(), path)
	}
}

func TestUnchangedAssetIsNotSentAgain(t *testing.T) {
	r := httptest.NewRequest("GET", "/assets/page.css", nil)
	r.Header.Set("If-None-Match", ask(Assets(), "GET", "/assets/page.css").Header().Get("ETag"))
	w := httptest.NewRecorder()
	Assets().ServeHTTP(w, r)
	require.Equal(t, http.StatusNotModified, w.Code)
	require.Zero(t, w.Body.Len())
}

func TestEveryAssetThatAPageNamesIsServed(t *testing.T) {
	pages := map[string]struct {
		render func(*bytes.Buffer) error
		assets http.Handler
	}{
		"form":     {func(b *bytes.Buffer) error { return RenderForm(b, sampleForm(locale.ES)) }, Assets()},
		"thanks":   {func(b *bytes.Buffer) error { return RenderThanks(b, sampleThanks(locale.ES)) }, Assets()},
		"problem":  {func(b *bytes.Buffer) error { return RenderProblem(b, retriableProblem(locale.ES)) }, Assets()},
		"property": {func(b *bytes.Buffer) error { return RenderProperty(b, sampleProperty(locale.ES, false)) }, DemoAssets()},
		"login":    {func(b *bytes.Buffer) error { return RenderLogin(b, LoginPage{}) }, ConsoleAssets()},
		"sites":    {func(b *bytes.Buffer) error { return RenderSites(b, sampleSites(locale.ES)) }, ConsoleAssets()},
		"plain":    {func(b *bytes.Buffer) error { return RenderProperty(b, sampleProperty(locale.ES, true)) }, DemoAssets()},
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			linked := parse(t, page.render).all(func(n *html.Node) bool {
				isOurs := attr(n, "src") != sampleProperty(locale.ES, false).RelayURL+"/widget.js" // which has an origin of its own
				return n.Data == "link" || n.Data == "script" && isOurs || n.Data == "img"
			})
			require.NotEmpty(t, linked)
			for _, n := range linked {
				url := attr(n, "href") + attr(n, "src")
				require.True(t, strings.HasPrefix(url, assetPrefix), url)
				require.Contains(t, ask(page.assets, "GET", url).Header().Get("Cache-Control"), "immutable", url)
			}
		})
	}
}

func ask(h http.Handler, method, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, url, nil))
	return w
}
