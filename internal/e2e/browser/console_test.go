package browser

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// An operator enters with the token, and takes from the console what goes into
// a page.
func TestTheOperatorsConsole(t *testing.T) {
	t.Parallel()
	_, door, _ := openAgencies(t)
	v := visitorIn(whole.open(t), axeCore(t))
	for _, lang := range []string{"es", "en"} {
		v.speak(lang)
		v.open(door, "#token")
		v.look("login")
		v.do(chromedp.KeyEvent("not the token"+kb.Enter), visible("#token-error"))
		v.look("login, refused")
		v.do(chromedp.KeyEvent("token-of-all-the-tests"+kb.Enter), visible(".truth"))
		v.open(door+"/sites", "#relay")
		v.look("sites")
		v.open(door+"/sites?relay=leads", "#relay-error")
		v.look("sites, for no address")

		v.do(chromedp.Clear(chromedp.CSS("#relay")), chromedp.SendKeys(chromedp.CSS("#relay"), "https://leads.casas.mx"),
			chromedp.Clear(chromedp.CSS("#property")), chromedp.SendKeys(chromedp.CSS("#property"), "EB-7"+kb.Enter), visible("#tag-costa"))
		require.Equal(t, `<script defer src="https://leads.casas.mx/widget.js" data-relay="https://leads.casas.mx" data-site="costa" data-property-id="EB-7" data-privacy="https://casas.mx/aviso"></script>`,
			ask(v.browser, chromedp.Value(chromedp.CSS("#tag-costa"))))
		require.Equal(t, []string{"llana"}, ask(v.browser, chromedp.Evaluate[[]string](`[...document.querySelectorAll("section:has(.warning) textarea[id]")].map((e) => e.id.slice(4))`)),
			"whose pages may not post yet")
		v.do(chromedp.Click(chromedp.CSS("#tag-costa + button")))
		require.True(t, ask(v.browser, chromedp.Evaluate[bool](`document.activeElement.id === "tag-costa" && document.activeElement.selectionEnd > 100`)))
		v.do(chromedp.Click(chromedp.CSS("section summary")), visible("details[open] textarea"))
		v.look("sites, with the hash")
		require.NotContains(t, ask(v.browser, chromedp.Location()), "token")

		v.do(chromedp.Click(chromedp.CSS("form[action='/logout'] button")), visible("#token"))
		v.open(door+"/sites", "#token")
	}
	v.quiet(http.StatusUnauthorized)
}

// What the console prints is what the command prints, and puts a form on a page.
func TestTheConsolesTagPutsAFormOnAPage(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	operator := openTab(t, h.ctx)
	operator.do(chromedp.Navigate("http://"+h.process.Operator), chromedp.SendKeys(chromedp.CSS("#token"), "token-of-all-the-tests"+kb.Enter), visible(".truth"),
		chromedp.Navigate("http://"+h.process.Operator+"/sites?property_id=EB-CO1&relay="+h.relay), visible("#tag-default"))
	tag := ask(operator, chromedp.Value(chromedp.CSS("#tag-default")))
	pinned := ask(operator, chromedp.Value(chromedp.CSS("details textarea")))
	require.Contains(t, pinned, "integrity=")
	for _, tag := range []string{tag, pinned} {
		h.show(strings.Replace(tag, "<script", `<script nonce="`+hostNonce+`"`, 1))
		h.becomes(1, "form.leadrelay")
	}
	h.quiet()
}
