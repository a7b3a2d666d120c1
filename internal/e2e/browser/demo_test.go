package browser

import (
	"iter"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// The widget comes when the visitor has begun to read, and nothing moves: its
// place was kept.
func TestTheDemoPageKeepsStill(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	b := openBrowser(t)
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: shifts})
	require.NoError(t, err)
	bringWidget := holdWidget(b)
	for i, width := range []int64{390, 768, 1280, 390, 768, 1280} {
		b.do(chromedp.EmulateViewport(width, 2000))
		_, err := chromedp.Call(b.ctx, page.Navigate, page.NavigateParams{URL: d.Page + []string{"?lang=es", "?lang=en"}[i/3]})
		require.NoError(t, err)
		relaytest.Eventually(t, "the page is painted", func() bool {
			return ask(b, chromedp.Evaluate[bool](`performance.getEntriesByName("first-contentful-paint").length === 1 && !window.LeadRelay`))
		})
		bringWidget()
		b.do(visible("form.leadrelay"))
		// What a frame has moved is told after it.
		const moved = `new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => tell(window.shifted)))))`
		require.Zero(t, ask(b, chromedp.Evaluate[float64](moved, chromedp.EvalAwaitPromise)), "%d px, %s: %q", width, ask(b, chromedp.Location()), ask(b, chromedp.Evaluate[[]string](`window.moved`)))
	}
	b.quiet()
}

// holdWidget keeps the widget's script from coming until the function that it
// returns is called.
func holdWidget(b *browser) (bring func()) {
	b.t.Helper()
	next, stop := iter.Pull2(chromedp.Events(b.ctx, fetch.RequestPaused))
	b.t.Cleanup(stop)
	_, err := chromedp.Call(b.ctx, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*/widget.js"}}})
	require.NoError(b.t, err)
	_, err = chromedp.Call(b.ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	require.NoError(b.t, err)
	return func() {
		b.t.Helper()
		held, err, _ := next()
		require.NoError(b.t, err)
		_, err = chromedp.Call(b.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: held.RequestID})
		require.NoError(b.t, err)
	}
}

func TestTheDemoPagesAreForEverybody(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	v := visitorOf(t, axeCore(t))
	for _, address := range []string{d.Page, d.Page + "sin-script"} {
		for _, scheme := range []string{"light", "dark"} {
			v.see(1280, scheme)
			v.open(address, "#preguntar form")
			v.seesAFrame()
			require.Empty(t, ask(v.browser, chromedp.Evaluate[[]string](askAxe, chromedp.EvalAwaitPromise)), "%s, %s", address, scheme)
		}
	}
	v.quiet()
}
