package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// visitor is somebody with a browser who speaks a language.
type visitor struct {
	*browser
	lang string
}

// visitorOf opens a browser that has axe in every page: what a test evaluates
// is not held against a page's policy.
func visitorOf(t *testing.T, axe string) visitor {
	t.Helper()
	return visitorIn(openBrowser(t), axe)
}

func visitorIn(b *browser, axe string) visitor {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: axe})
	require.NoError(b.t, err)
	return visitor{browser: b}
}

func axeCore(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(strangers(t), "node_modules", "axe-core", "axe.min.js"))
	require.NoError(t, err)
	return string(source)
}

func (v *visitor) speak(lang string) {
	v.t.Helper()
	v.lang = lang
	_, err := chromedp.Call(v.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": lang}})
	require.NoError(v.t, err)
}

// see sets the page's width and whether the visitor likes it dark.
func (v visitor) see(width int64, scheme string) {
	v.t.Helper()
	v.do(chromedp.EmulateViewport(width, 720))
	_, err := chromedp.Call(v.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(v.t, err)
}

// seesAFrame waits for a frame: the widget's form has its colors with the one that
// shows it.
func (v visitor) seesAFrame() {
	v.t.Helper()
	v.do(chromedp.Evaluate[chromedp.Void](`new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))`, chromedp.EvalAwaitPromise))
}

func (v visitor) open(url, selector string) {
	v.t.Helper()
	v.do(chromedp.Navigate(url), visible(selector))
}

// fill types after what is there.
func (v visitor) fill(id, text string) {
	v.t.Helper()
	v.do(chromedp.SendKeys(chromedp.CSS("#f-"+id), kb.End+text))
}

func (v visitor) send(selector string) {
	v.t.Helper()
	v.do(chromedp.Click(chromedp.CSS("button")), visible(selector))
}

// Both answer with what is wrong, in words.
const (
	// askAxe looks for what keeps people out, and for what it could not judge
	// itself. It must not load style sheets once more: the policy forbids it. It never
	// can judge the contrast of a drawing's text, whose color is that of other text.
	askAxe = `axe.run({preload: false, rules: {"target-size": {enabled: true}}}).then((found) =>
		[...found.violations, ...found.incomplete].flatMap((rule) => rule.nodes.filter((n) => rule.id !== "color-contrast" || !n.html.startsWith("<text ")).map((n) => rule.id + " " + n.html + " " + n.failureSummary)))`
	measure = `(() => {
		const wrong = [], root = document.documentElement;
		if (root.scrollWidth > root.clientWidth) wrong.push("it scrolls sideways by " + (root.scrollWidth - root.clientWidth));
		for (const e of document.body.querySelectorAll("*")) {
			const box = e.getBoundingClientRect();
			const isScrolled = e.closest("[role=region][tabindex='0'] *"); // with the keys, too
			if (!isScrolled && (box.left < 0 || box.right > innerWidth)) wrong.push("beyond the edge: " + e.outerHTML);
			if (!e.matches("button, .card > a, input:not([type=hidden], [type=checkbox]), label:has([type=checkbox]), textarea, select, .main, .plain")) continue;
			if (box.height < 44 || box.width < 44) wrong.push("hard to hit: " + e.outerHTML);
			if (parseFloat(getComputedStyle(e).fontSize) < 16) wrong.push("a phone zooms into it: " + e.outerHTML);
		}
		return wrong;
	})()`
)

// look wants the page to be good for everybody: in the long form light and dark at each
// width, and otherwise as [visitor.glance] does.
func (v visitor) look(state string) {
	v.t.Helper()
	if !relaytest.InFull() {
		v.glance(state)
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{280, 320, 1280} {
			v.lookAt(state, width, scheme)
		}
	}
}

// glance does so narrow and light in Spanish, whose words are longer, and wide and dark in
// English. In the long form each is seen narrow and wide, and light and dark.
func (v visitor) glance(state string) {
	v.t.Helper()
	isSpanish := v.lang == "es"
	if isSpanish || relaytest.InFull() {
		v.lookAt(state, 280, map[bool]string{true: "light", false: "dark"}[isSpanish])
	}
	if !isSpanish || relaytest.InFull() {
		v.lookAt(state, 1280, map[bool]string{true: "dark", false: "light"}[isSpanish])
	}
}

func (v visitor) lookAt(state string, width int64, scheme string) {
	v.t.Helper()
	v.see(width, scheme)
	what := fmt.Sprintf("%s in %s, %s, %d px", state, v.lang, scheme, width)
	require.Equal(v.t, v.lang, ask(v.browser, chromedp.Evaluate[string](`document.documentElement.lang`)), what)
	require.Empty(v.t, ask(v.browser, chromedp.Evaluate[[]string](measure)), what)
	require.Empty(v.t, ask(v.browser, chromedp.Evaluate[[]string](askAxe, chromedp.EvalAwaitPromise)), what)
}

// order is where the Tab key leads from where the focus is, until the page ends.
func (v visitor) order() []string {
	v.t.Helper()
	const where = `(() => {
		const e = document.activeElement;
		if (e === document.body) return "";
		if (getComputedStyle(e).outlineStyle === "none") return "unseen: " + e.outerHTML;
		return e.id || e.getAttribute("href") || e.localName;
	})()`
	var all []string
	for {
		v.do(chromedp.KeyEvent(kb.Tab))
		at := ask(v.browser, chromedp.Evaluate[string](where))
		if at == "" || len(all) > 0 && at == all[0] { // a browser without a frame begins again at once
			return all
		}
		all = append(all, at)
	}
}
