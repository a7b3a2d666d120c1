package browser

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"leadrelay/internal/e2e/relaytest"
)

// Without a script the page leads to a form that posts as any form does: it comes
// back with what was typed, and in the end there is a page with the folio.
func TestAVisitorWithoutScript(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	b := withoutScript(openBrowser(t, inSpanish))
	b.do(chromedp.Navigate(d.Page))
	b.press("#preguntar a")
	b.awaits("#inquiry")
	require.Equal(t, d.Page+"sin-script", b.address())
	require.Zero(t, b.find("script"))
	b.typeInto("#name", `Ana "<b>Peña`)
	b.typeInto("#email", "ana@")
	b.typeInto("#phone", "55 1234 5678")
	b.press("#inquiry button")
	b.awaits("#f-email-error")
	require.Equal(t, "http://"+d.Relay+"/f/default", b.address())
	require.Equal(t, "Corrige un dato y envía de nuevo", b.read("#summary"))
	require.Equal(t, `Ana "<b>Peña`, b.attribute("#f-name", "value"))
	require.Equal(t, "ana@", b.attribute("#f-email", "value"))
	require.Equal(t, "55 1234 5678", b.attribute("#f-phone", "value"))
	require.Contains(t, b.read("#f-message"), "Hola, me interesa esta propiedad.")

	b.typeInto("#f-email", "gmail.com") // nobody asks DNS about that
	b.press("form button")
	b.awaits(".folio")
	require.Contains(t, b.address(), "http://"+d.Relay+"/f/default/thanks?folio=")
	require.Equal(t, "Recibimos tu mensaje", b.read("h1"))
	folio := number(t, b.read(".folio"))
	b.quiet(http.StatusUnprocessableEntity)

	watch := withoutScript(openTab(t, b.ctx))
	relaytest.Eventually(t, "it arrives", func() bool {
		watch.do(chromedp.Navigate(d.Broker))
		return watch.find("tr[data-number]") != 0
	})
	require.Equal(t, folio, number(t, watch.read("tr[data-number] .folio")))
	require.Contains(t, watch.read("tr[data-number] .who"), `Ana "<b>Peña`)
	watch.quiet()
}

// Without a script, too, one press sets a mistyped address right, on the lead
// that is on disk already.
func TestAMistypedAddressWithoutScript(t *testing.T) {
	t.Parallel()
	d := relaytest.StartDemo(t)
	b := withoutScript(openBrowser(t, inSpanish))
	b.do(chromedp.Navigate(d.Page + "sin-script"))
	b.typeInto("#email", "ana@gmial.com")
	b.press("#inquiry button")
	b.awaits("#meant")
	require.Equal(t, "¿Quisiste decir ana@gmail.com?", b.read("#meant"))
	require.Equal(t, "http://"+d.Relay+"/f/default", b.address(), "no address of a person's is in that of a page")
	folio := number(t, b.read(".folio"))
	b.press(".ask button")
	relaytest.Eventually(t, "there is nothing left to ask", func() bool { return b.find("#meant") == 0 && b.find(".folio") != 0 })
	require.Equal(t, folio, number(t, b.read(".folio")))
	b.quiet()

	watch := withoutScript(openTab(t, b.ctx))
	relaytest.Eventually(t, "it arrives", func() bool {
		watch.do(chromedp.Navigate(d.Broker))
		return watch.find("tr[data-number]") != 0
	})
	require.Contains(t, watch.read("tr[data-number] .who"), "ana@gmail.com")
	require.Zero(t, watch.find("tr[data-number='2']"))
}

// inSpanish has a browser ask pages for Spanish.
var inSpanish = chromedp.Flag("accept-lang", "es-MX")

// scriptless is a tab that runs no script, not even those by which chromedp
// finds elements.
type scriptless struct{ *browser }

func withoutScript(b *browser) scriptless {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(b.t, err)
	return scriptless{b}
}

// find returns the first element, or 0 when there is none, or the page is just
// going.
func (b scriptless) find(selector string) cdp.NodeID {
	doc, err := chromedp.Call(b.ctx, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		return 0
	}
	found, _ := chromedp.Call(b.ctx, dom.QuerySelector, dom.QuerySelectorParams{NodeID: doc.Root.NodeID, Selector: selector})
	return found.NodeID
}

// on waits for the element and does something with it; a page that changes
// under its hands has new elements.
func (b scriptless) on(selector string, do func(cdp.NodeID) error) {
	b.t.Helper()
	relaytest.Eventually(b.t, "the page has "+selector, func() bool {
		node := b.find(selector)
		return node != 0 && do(node) == nil
	})
}

func (b scriptless) awaits(selector string) {
	b.t.Helper()
	b.on(selector, func(cdp.NodeID) error { return nil })
}

func (b scriptless) focus(selector string) {
	b.t.Helper()
	b.on(selector, func(node cdp.NodeID) error {
		_, err := chromedp.Call(b.ctx, dom.Focus, dom.FocusParams{NodeID: node})
		return err
	})
}

func (b scriptless) typeInto(selector, text string) {
	b.t.Helper()
	b.focus(selector)
	b.do(chromedp.KeyEvent(kb.End))
	_, err := chromedp.Call(b.ctx, input.InsertText, input.InsertTextParams{Text: text})
	require.NoError(b.t, err)
}

func (b scriptless) press(selector string) {
	b.t.Helper()
	b.focus(selector)
	b.do(chromedp.KeyEvent(kb.Enter))
}

func (b scriptless) address() string {
	b.t.Helper()
	history := ask(b.browser, chromedp.NavigationEntries())
	return history.Entries[history.CurrentIndex].URL
}

// element is the first element as the browser has it.
func (b scriptless) element(selector string) *html.Node {
	b.t.Helper()
	var text string
	b.on(selector, func(node cdp.NodeID) error {
		result, err := chromedp.Call(b.ctx, dom.GetOuterHTML, dom.GetOuterHTMLParams{NodeID: node})
		text = result.OuterHTML
		return err
	})
	doc, err := html.Parse(strings.NewReader(text))
	require.NoError(b.t, err)
	return doc
}

func (b scriptless) read(selector string) string {
	b.t.Helper()
	var text strings.Builder
	for n := range b.element(selector).Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
	}
	return strings.TrimSpace(text.String())
}

func (b scriptless) attribute(selector, name string) string {
	b.t.Helper()
	for n := range b.element(selector).Descendants() {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
	}
	return ""
}
