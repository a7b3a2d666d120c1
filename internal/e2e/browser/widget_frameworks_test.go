package browser

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// drawn is what a framework's server makes of the page, and the script that
// takes it over in a browser.
type drawn struct{ html, script string }

func (h *host) drawn(t *testing.T, framework, packages, property string) drawn {
	t.Helper()
	dir := installed(t, packages)
	sources, err := filepath.Glob("testdata/frameworks/*.*s*")
	require.NoError(t, err)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		if filepath.Ext(source) != ".json" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(source)), text, 0o600))
		}
	}
	runIn(t, dir, "", "node", "build.mjs", framework, h.relay, property)
	html, err := os.ReadFile(filepath.Join(dir, "page.html"))
	require.NoError(t, err)
	code, err := os.ReadFile(filepath.Join(dir, "page.js"))
	require.NoError(t, err)
	return drawn{string(html), string(code)}
}

// Hydration wants the page as the server drew it. However the framework's
// script comes, before ours or after, the console says nothing, the forms are
// there in the end, and what was typed outlives a rendering.
func TestTheWidgetOnAPageThatAFrameworkTakesOver(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	widget := `<script defer src="` + h.relay + `/widget.js"></script>`
	for n, name := range []string{"react", "react18", "vue", "svelte"} {
		packages := "testdata/frameworks"
		property, framework := "EB-"+name, name
		if name == "react18" {
			packages, framework = "testdata/react18", "react"
		}
		d := h.drawn(t, framework, packages, property)
		h.pages.HandleFunc("GET /"+name+".js", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(d.script))
		})
		for m, way := range []struct{ how, scripts string }{
			{"before the widget", `<script defer src="/` + name + `.js"></script>` + widget},
			{"after the widget", widget + `<script defer src="/` + name + `.js"></script>`},
			{"async", widget + `<script async src="/` + name + `.js"></script>`},
			{"a module", `<script type="module" src="/` + name + `.js"></script>` + widget},
			{"imported by a script", widget + `<script>import("/` + name + `.js")</script>`},
		} {
			if m != n && m != n+1 && !relaytest.InFull() {
				continue // every framework comes in two ways, and in the long form in each
			}
			t.Run(name+", "+way.how, func(t *testing.T) {
				before := len(h.lines())
				h.open(way.scripts + `<div id="app">` + d.html + `</div>`)
				h.takenOver(t, property)
				require.Empty(t, h.lines()[before:])
			})
		}
	}
}

// takenOver goes through the three forms of such a page.
func (h *host) takenOver(t *testing.T, property string) {
	t.Helper()
	place, tag := "section form.leadrelay", "aside form.leadrelay"
	h.becomes(1, place)
	h.becomes(1, tag)
	h.becomes(1, "#own[novalidate]")
	require.Equal(t, 2, h.count("form.leadrelay"))
	write := func(selector, text string) {
		h.run(`document.querySelector("` + selector + `").select()`)
		h.do(chromedp.SendKeys(chromedp.CSS(selector), text))
	}
	write(place+" [name=email]", "ana@ejemplo.mx")
	write(tag+" [name=email]", "eva@ejemplo.mx")
	write("#own [name=correo]", "mar@ejemplo.mx")

	h.do(chromedp.Click(chromedp.CSS("#render")))
	relaytest.Eventually(t, "it is rendered again", func() bool { return h.text("#render") == "Vistas: 1" })
	h.becomes(1, place)
	h.becomes(1, tag)
	for selector, want := range map[string]string{
		place + " [name=email]": "ana@ejemplo.mx", tag + " [name=email]": "eva@ejemplo.mx", "#own [name=correo]": "mar@ejemplo.mx",
	} {
		require.Equal(t, want, ask(h.browser, chromedp.Evaluate[string](`document.querySelector("`+selector+`").value`)), selector)
	}
	require.Equal(t, property, ask(h.browser, chromedp.Evaluate[string](`document.querySelector("`+place+` [name=property_id]").value`)))
	h.run(`localStorage.clear()`) // for the next page, which is about the same property
}
