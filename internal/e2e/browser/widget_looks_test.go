package browser

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// fits wants nothing to stick out, and all that is touched to be hit with ease.
const fits = `(() => {
	const wrong = [], root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) wrong.push("it scrolls sideways by " + (root.scrollWidth - root.clientWidth));
	for (const e of document.querySelectorAll(".leadrelay *")) {
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (!box.height) continue;
		if (box.left < 0 || box.right > innerWidth + 0.5) wrong.push("beyond the edge: " + e.outerHTML);
		if (!e.matches("button, input, textarea, .lr-links a")) continue;
		if (box.height < 44 || box.width < 44) wrong.push("hard to hit: " + e.outerHTML);
		if (e.matches("input, textarea") && parseFloat(style.fontSize) < 16) wrong.push("a phone zooms into it: " + e.outerHTML);
		if (e.matches("input, textarea, .lr-button") && box.width < e.closest(".leadrelay").getBoundingClientRect().width - 1) wrong.push("not as wide as the form: " + e.outerHTML);
	}
	return wrong;
})()`

// shifts adds up how far the page has moved under the visitor.
const shifts = `window.shifted = 0; window.moved = []; new PerformanceObserver((list) => {
	for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
		window.shifted += entry.value;
		for (const { node, previousRect: from, currentRect: to } of entry.sources) {
			window.moved.push((node?.outerHTML || "").slice(0, 60) + " " + [from, to].map((r) => [r.x, r.y, r.width, r.height].join(",")).join(" → "));
		}
	}
}).observe({ type: "layout-shift", buffered: true });`

// In every state, on three pages that could not be more different, light and
// dark, wide and narrow, in both languages. In the long form each of that meets each.
func TestTheWidgetLooksAtHome(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	v := visitor{browser: h.browser}
	for _, source := range []string{axeCore(t), shifts} {
		_, err := chromedp.Call(h.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source})
		require.NoError(t, err)
	}
	for n, name := range []string{"llana", "noche", "barro"} {
		for m, lang := range []string{"es", "en"} {
			if m == n%2 || relaytest.InFull() {
				h.walk(v, name, lang)
			}
		}
	}
	h.quiet(http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
}

// walk goes through all that a visitor can see.
func (h *host) walk(v visitor, name, lang string) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "hosts", name+".html"))
	require.NoError(h.t, err)
	tag := h.tag(`data-property-id="EB-` + name + lang + `" data-locale="` + lang + `" data-privacy="https://casas.mx/aviso" data-whatsapp="5512345678" data-phone="5512345678" data-email="ventas@casas.mx"`)
	h.show(strings.NewReplacer("NONCE", hostNonce, "WIDGET", tag).Replace(string(text)), hasty)
	h.do(visible("form.leadrelay"))
	require.Zero(h.t, ask(h.browser, chromedp.Evaluate[float64](`window.shifted`)), "nothing moves when the form appears")
	h.look(v, name, lang, "empty")

	h.fill("name", "María José Ñ.", "email", "mj@correo", "message", " ")
	h.send()
	h.do(visible(".lr-error"))
	h.look(v, name, lang, "errors")

	h.fill("email", "mj@correo.mx", "message", "¿Sigue disponible?")
	h.way.will(hang)
	h.run(`{ const real = setTimeout; window.setTimeout = (then, ms) => real(then, ms < 5000 ? ms : 2 ** 30); }`) // it waits as long as we look
	h.send()
	h.do(visible("form[aria-busy=true]"))
	h.look(v, name, lang, "sending")

	h.reload()
	h.do(visible(".lr-done"))
	h.look(v, name, lang, "thanks")

	h.do(chromedp.Click(chromedp.CSS(".lr-done button")))
	h.fill("message", "¿Y el jardín?")
	h.way.will(slices.Repeat([]snag{refuse(http.StatusServiceUnavailable)}, 1000)...)
	h.send()
	h.do(visible(".lr-notice .lr-links"))
	h.look(v, name, lang, "waiting")
	h.way.will()
	h.do(visible(".lr-done"))
}

func (h *host) look(v visitor, name, lang, state string) {
	h.t.Helper()
	for n, scheme := range []string{"light", "dark"} {
		for m, width := range []int64{280, 320, 1280} {
			if (n == 0) != (m < 2) && !relaytest.InFull() {
				continue // narrow and light, or wide and dark
			}
			v.see(width, scheme)
			what := fmt.Sprintf("%s, %s in %s, %s, %d px", name, state, lang, scheme, width)
			require.Empty(h.t, ask(h.browser, chromedp.Evaluate[[]string](fits)), what)
			if width != 280 {
				v.seesAFrame()
				require.Empty(h.t, ask(h.browser, chromedp.Evaluate[[]string](askAxe, chromedp.EvalAwaitPromise)), what)
				h.shoot(strings.Join([]string{name, lang, state, scheme, fmt.Sprint(width)}, "-"))
			}
		}
	}
}
