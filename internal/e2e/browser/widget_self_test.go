package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// vendor is another's server with a widget.js of its own. Nothing that a visitor
// writes may come to it.
type vendor struct {
	origin string
	posts  chan string
}

func openVendor(t *testing.T, scripts map[string]string) vendor {
	t.Helper()
	v := vendor{posts: make(chan string, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			v.posts <- r.URL.Path
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = io.WriteString(w, scripts[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	v.origin = server.URL
	return v
}

// widgetText is the script as the relay serves it.
func (h *host) widgetText() string {
	h.t.Helper()
	resp, err := http.Get(h.relay + "/widget.js") //nolint:noctx // it is the test's own server
	require.NoError(h.t, err)
	defer func() { require.NoError(h.t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(h.t, err)
	return string(text)
}

// open serves a page without any policy: so eval and scripts of others run.
func (h *host) open(body string) {
	h.t.Helper()
	h.shown++
	path := "/libre/" + strings.Repeat("x", h.shown)
	h.pages.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><html lang="es"><meta charset="utf-8"><title>Casa</title><link rel="icon" href="data:,"><body>`+body)
	})
	h.do(chromedp.Navigate(h.origin + path))
}

// However the script comes (bigskysoftware/_hyperscript#389, divolte-collector#180),
// what the visitor writes goes to the relay that the script is of, or there is
// no form, and the console says why.
func TestTheWidgetKnowsItself(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	text := h.widgetText()
	quoted := "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`", "${", "\\${").Replace(text) + "`"
	v := openVendor(t, map[string]string{
		"/vendor/widget.js": "window.theirs = true;",
		"/eval/widget.js":   "(0, eval)(" + quoted + ");",
		"/all.js":           "window.first = 1;\n" + text + "\nwindow.last = 1;",
		"/loader.js":        `const tag = document.createElement("script"); tag.src = "` + h.relay + `/widget.js"; document.head.append(tag);`,
	})
	const place = `<div data-leadrelay data-property-id="EB-SE1"></div>`
	src, other := `src="`+h.relay+`/widget.js"`, `<script src="`+v.origin+`/vendor/widget.js" data-site="theirs"></script>`
	for name, tt := range map[string]struct {
		page string
		says string // in the console; then there is no form
	}{
		"a tag":                              {`<script ` + src + `></script>` + place, ""},
		"deferred":                           {`<script defer ` + src + `></script>` + place, ""},
		"async":                              {`<script async ` + src + `></script>` + place, ""},
		"with a version":                     {`<script defer src="` + h.relay + `/widget.js?ver=6.5.1"></script>` + place, ""},
		"a module":                           {`<script type="module" ` + src + `></script>` + place, ""},
		"a module that is the place":         {`<script type="module" ` + src + ` data-property-id="EB-SE1"></script>`, ""},
		"imported":                           {`<script type="module">import("` + h.relay + `/widget.js")</script>` + place, ""},
		"imported by a classic script":       {`<script>import("` + h.relay + `/widget.js")</script>` + place, ""},
		"put there by a tag manager":         {`<script src="` + v.origin + `/loader.js"></script>` + place, ""},
		"in a combined file that says whose": {`<script src="` + v.origin + `/all.js" data-relay="` + h.relay + `"></script>` + place, ""},
		"inline, with its address":           {`<script data-relay="` + h.relay + `/">` + text + `</script>` + place, ""},
		"evaluated, with an address":         {`<script type="text/plain" data-relay="` + h.relay + `"></script><script>(0, eval)(` + quoted + `)</script>` + place, ""},
		"in a combined file":                 {`<script src="` + v.origin + `/all.js" data-site="theirs"></script>` + place, "data-relay"},
		"evaluated":                          {`<script>(0, eval)(` + quoted + `)</script>` + place, "data-relay"},
		"a new function":                     {`<script>new Function(` + quoted + `)()</script>` + place, "data-relay"},
		"evaluated by another's widget.js":   {`<script src="` + v.origin + `/eval/widget.js" data-site="theirs"></script>` + place, "data-relay"},
		"inline":                             {`<script>` + text + `</script>` + place, "data-relay"},
		"of two relays":                      {`<script defer ` + src + `></script><script defer src="http://` + h.process.Public + `/widget.js" data-property-id="EB-SE2"></script>` + place, h.relay},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(h.lines())
			h.open(other + tt.page)
			if tt.says == "" {
				h.becomes(1, "form.leadrelay")
				require.Equal(t, h.relay+"/f/default", ask(h.browser, chromedp.Evaluate[string](`document.querySelector("form.leadrelay").action`)))
				h.fill("email", "ana@ejemplo.mx", "message", name)
				h.send()
				h.do(visible(".lr-done"))
				require.Empty(t, h.lines()[before:])
				return
			}
			relaytest.Eventually(t, "the console says what is missing", func() bool { return len(h.lines()[before:]) == 1 })
			require.Contains(t, h.lines()[before], tt.says)
			require.NotContains(t, strings.TrimSpace(h.lines()[before]), "\n", "in one line")
			if tt.says == "data-relay" {
				require.Zero(t, h.count("form"))
			} else {
				require.Equal(t, 1, h.count("form"), "the first one's")
			}
		})
	}
	require.Empty(t, v.posts, "another vendor got a word of the visitor")
}

// Somebody who pastes a tag without a property sees nothing: the console says why.
func TestATagWithoutAPropertyIsToldOf(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	const soon = `<script>{ const later = setTimeout; window.setTimeout = (f, ms) => later(f, ms / 20); }</script>`
	const over = `<script>addEventListener("load", () => setTimeout(() => { document.title = "over"; }, 12000))</script>`
	tag := `<script defer src="` + h.relay + `/widget.js"></script>`
	for name, tt := range map[string]struct {
		page string
		says int
	}{
		"no form at all":        {tag, 1},
		"a form of the page":    {tag + `<form method="post" action="` + h.relay + `/f"></form>`, 0},
		"a place":               {tag + `<div data-leadrelay data-property-id="EB-1"></div>`, 0},
		"a property":            {strings.Replace(tag, "defer", `defer data-property-id="EB-1"`, 1), 0},
		"once for all the site": {`<script>document.head.insertAdjacentElement("beforeend", Object.assign(document.createElement("script"), { src: "` + h.relay + `/widget.js" }))</script>`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(h.lines())
			h.open(soon + tt.page + over)
			relaytest.Eventually(t, "the time is over", func() bool { return ask(h.browser, chromedp.Title()) == "over" })
			lines := h.lines()[before:]
			require.Len(t, lines, tt.says)
			if tt.says > 0 {
				require.Contains(t, lines[0], "leadrelay: no form yet: the tag has no data-property-id")
			}
		})
	}
}

// lines are what the pages have complained of so far.
func (b *browser) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.said...)
}
