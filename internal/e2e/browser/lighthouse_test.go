package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// audit is a page that Lighthouse looks at, and the scheme that its visitor
// prefers: light or dark.
type audit struct {
	Address string `json:"address"`
	Scheme  string `json:"scheme"`
}

// audited is what Lighthouse says of it.
type audited struct {
	Scheme         string // that the page saw
	Score          float64
	Passed, Failed []string
	Warnings       []string // of Lighthouse itself
}

// Lighthouse gives its full score to the demo's property page, to a page with the widget,
// and to the console's list of leads. TestTheOperatorsPages has all pages of the console.
func TestLighthouseOnAccessibility(t *testing.T) {
	t.Parallel()
	h, lighthouse := openHost(t), nodeScript(t, installed(t, "testdata/lighthouse"), "audit.mjs")
	h.show("<main><h1>Casa</h1>"+h.tag(`data-property-id="EB-LH1" data-whatsapp="55 1234 5678" data-privacy="https://casas.mx/aviso"`)+"</main>",
		`<style nonce="`+hostNonce+`">:root{color-scheme:light dark} @media (prefers-color-scheme:dark){html{background:#16181d;color:#e8e6e1}}</style>`)
	h.do(visible("form.leadrelay"))
	d := relaytest.StartDemo(t)
	for name, page := range map[string]audit{ // in the long form each is looked at in both schemes
		"demo": {d.Page, "light"}, "console": {d.Console + "leads?state=queued", "dark"}, "widget": {ask(h.browser, chromedp.Location()), "dark"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, scheme := range []string{"light", "dark"} {
				if scheme != page.Scheme && !relaytest.InFull() {
					continue
				}
				var a audited
				lighthouse(audit{page.Address, scheme}, &a)
				require.Empty(t, a.Failed, scheme)
				require.Empty(t, a.Warnings, scheme)
				require.InDelta(t, 100, a.Score, 0, scheme)
				require.Equal(t, scheme, a.Scheme)
				require.Subset(t, a.Passed, []string{"label", "color-contrast", "target-size"}, "it saw the form")
			}
		})
	}
}
