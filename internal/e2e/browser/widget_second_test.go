package browser

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/web"
)

// loaded is how many times the page asked for the second file.
func (h *host) loaded() int {
	h.t.Helper()
	return ask(h.browser, chromedp.Evaluate[int](`performance.getEntriesByType("resource").filter(({ name }) => name.includes("/inquiry.")).length`))
}

// Who only looks loads one file. Who writes loads the other, once, and nothing
// that is pressed or typed before it is there gets lost or goes twice.
func TestTheWidgetsSecondFileComesWithTheVisitor(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	arrives := make(chan struct{})
	h.way.answerSecond(func(http.ResponseWriter, *http.Request) bool { <-arrives; return false })
	h.show(h.tag(`data-property-id="EB-SF1"`), heard)
	h.becomes(1, "form.leadrelay")
	h.do(chromedp.Evaluate[chromedp.Void](`new Promise((idle) => requestIdleCallback(() => requestIdleCallback(idle)))`, chromedp.EvalAwaitPromise))
	require.Zero(t, h.loaded())

	h.fill("email", "ana@ejemplo.mx", "message", "¿Sigue disponible?")
	require.Empty(t, h.stored())
	h.run(`const send = document.querySelector(".lr-button"); send.click(); send.click(); send.form.requestSubmit()`)
	h.do(visible("form[aria-busy=true]"))
	require.Empty(t, h.way.posted())
	close(arrives)
	l := h.thanked("EB-SF1")
	require.Equal(t, []string{"ana@ejemplo.mx", "¿Sigue disponible?"}, []string{*l.Email, *l.Message})
	require.Len(t, h.way.posted(), 1)
	require.Equal(t, 1, h.loaded())
	require.Equal(t, []string{"ready", "submit", "success"}, firstWords(h.heard()))
	require.Empty(t, h.stored())
	h.quiet()
}

// What was typed before the second file came is kept like what comes after.
func TestWhatIsTypedBeforeTheSecondFileIsKept(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	arrives := make(chan struct{})
	h.way.answerSecond(func(http.ResponseWriter, *http.Request) bool { <-arrives; return false })
	h.show(h.tag(`data-property-id="EB-SF2"`))
	h.fill("email", "ana@ejemplo.mx")
	close(arrives)
	relaytest.Eventually(t, "it is on the device", func() bool { return len(h.stored()) == 1 && strings.Contains(h.stored()[0], "ana@ejemplo.mx") })
	h.reload()
	h.becomes(1, "form.leadrelay")
	relaytest.Eventually(t, "it is back", func() bool { return h.value("email") == "ana@ejemplo.mx" })
}

// Without the second file the form posts itself, as it does without any script:
// the first press reaches the relay with all that was written, whatever the
// reason, and a file that hangs is not waited for forever.
func TestTheWidgetWithoutItsSecondFile(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	ends := make(chan struct{})
	defer close(ends)
	for name, hold := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"gone": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusNotFound); return true },
		"cut":  func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"hangs": func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-ends:
			case <-r.Context().Done():
			}
			return true
		},
		"broken": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/javascript")
			w.Header().Set("Access-Control-Allow-Origin", "*")
			_, _ = io.WriteString(w, "<html>a portal of a hotel</html>")
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.way.answerSecond(hold)
			before := len(h.way.posted())
			h.show(h.tag(`data-property-id="EB-SF-`+name+`"`), hasty, heard)
			h.write("¿Sigue disponible?")
			h.send()
			h.do(visible(".folio"))
			kept := h.process.About("EB-SF-" + name)
			require.Len(t, kept, 1)
			require.Equal(t, int64(kept[0].RemoteID), number(t, h.text(".folio")))
			require.Equal(t, []string{"Ana López", "ana@ejemplo.mx", "¿Sigue disponible?"}, []string{*kept[0].Name, *kept[0].Email, *kept[0].Message})
			require.Len(t, h.way.posted()[before:], 1)
		})
	}
	t.Run("a form of the page, whose address the tag knows", func(t *testing.T) {
		h.way.answerSecond(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusNotFound); return true })
		h.show(h.tag("") + `<form data-leadrelay data-property-id="EB-SF9"><input name="correo" value="ana@ejemplo.mx"><textarea name="mensaje">Hola</textarea><button name="asunto" value="Visita">Enviar</button></form>`)
		h.becomes(1, "form[novalidate]")
		h.send()
		h.do(visible(".folio"))
		kept := h.process.About("EB-SF9")
		require.Len(t, kept, 1)
		require.Equal(t, "Visita", kept[0].Extra[0].Value)
	})
}

// The browser keeps the page as it was left (dreamwidth#2571): who comes back
// from where the form had posted itself finds the words, and a form that works.
func TestTheWidgetAfterBackFromItsOwnPost(t *testing.T) {
	t.Parallel()
	h := unvisited(t)
	h.browser = whole.open(t)
	h.way.answerSecond(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusNotFound); return true })
	h.show(h.tag(`data-property-id="EB-SF8"`), heard)
	h.write("¿Sigue disponible?")
	h.send()
	h.do(visible(".folio"))
	h.do(chromedp.Evaluate[chromedp.Void](`history.back()`))
	h.becomes(1, "form.leadrelay:not([aria-busy=true])")
	require.Equal(t, "¿Sigue disponible?", h.value("message"))
	h.way.answerSecond(nil)
	h.run(`document.querySelector(".lr-button").click()`)
	h.becomes(1, ".lr-done")
	require.Len(t, h.process.About("EB-SF8"), 1)
}

// A file that failed once is tried again by who presses.
func TestTheSecondFileIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	fails := true
	h.way.answerSecond(func(w http.ResponseWriter, _ *http.Request) bool {
		if fails {
			w.WriteHeader(http.StatusBadGateway)
		}
		failed := fails
		fails = false
		return failed
	})
	h.show(h.tag(`data-property-id="EB-SF3"`))
	h.write("¿Sigue disponible?")
	h.send()
	h.thanked("EB-SF3")
	require.Len(t, h.way.posted(), 1)
}

// A page that names the first file's hash gets the second by its hash, under
// each policy that lets the first one run; with another's text under its name
// the form posts itself.
func TestThePinnedWidgetsSecondFile(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	show := func(t *testing.T, property, policy string) {
		t.Helper()
		path := "/" + property
		pinned := strings.Replace(web.Snippet{Relay: h.relay, PropertyID: property}.PinnedTag(), "<script", `<script nonce="`+hostNonce+`"`, 1)
		h.pages.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", policy)
			_, _ = io.WriteString(w, `<!doctype html><html lang="es"><meta charset="utf-8"><title>Casa</title><link rel="icon" href="data:,"><body>`+pinned)
		})
		h.do(chromedp.Navigate(h.origin + path))
		h.becomes(1, "form.leadrelay")
	}
	rest := "; connect-src " + h.relay + "; form-action " + h.relay + "; base-uri 'none'; img-src data:; default-src 'none'"
	for name, policy := range map[string]string{
		"the relay":      "script-src " + h.relay + rest,
		"a nonce":        "script-src 'nonce-" + hostNonce + "'" + rest,
		"strict-dynamic": "script-src 'nonce-" + hostNonce + "' 'strict-dynamic'" + rest,
		"trusted types":  "script-src 'nonce-" + hostNonce + "' 'strict-dynamic'; require-trusted-types-for 'script'; trusted-types leadrelay" + rest,
	} {
		t.Run(name, func(t *testing.T) {
			property := "EB-PI-" + strings.ReplaceAll(name, " ", "-")
			show(t, property, policy)
			h.fill("email", "ana@gmial.com")
			h.awaitSecond()
			h.send()
			h.becomes(1, ".lr-notice button")
			h.do(chromedp.Click(chromedp.CSS(".lr-notice button")))
			require.Equal(t, "ana@gmail.com", *h.thanked(property).Email)
			require.Equal(t, 1, h.loaded())
		})
	}
	h.quiet()
	h.way.answerSecond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = io.WriteString(w, `export const begin = () => { window.stolen = true; };`)
		return true
	})
	_, err := chromedp.Call(h.ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	require.NoError(t, err)
	show(t, "EB-PI-other", "script-src "+h.relay+rest)
	h.fill("email", "ana@ejemplo.mx")
	h.send()
	h.do(visible(".folio"))
	require.Len(t, h.process.About("EB-PI-other"), 1)
}
