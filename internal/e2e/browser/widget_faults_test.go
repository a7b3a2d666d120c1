package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// write fills in the widget's form.
func (h *host) write(message string) {
	h.t.Helper()
	h.fill("name", "Ana López", "email", "ana@ejemplo.mx", "message", message)
}

// Whatever happens on the way, there is one lead in the end, and the visitor
// sees its folio without doing anything.
func TestTheWidgetTriesAgain(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	for name, tt := range map[string]struct {
		snags []snag
		posts int
	}{
		"nothing happens":                     {nil, 1},
		"the connection is cut before":        {[]snag{cut, cut}, 3},
		"it is cut after the lead was kept":   {[]snag{lose}, 2},
		"it hangs after the lead was kept":    {[]snag{hang}, 2},
		"it hangs, and is cut, and works":     {[]snag{hang, lose}, 3},
		"502, and 503":                        {[]snag{refuse(502), refuse(503)}, 3},
		"504 after the lead was kept":         {[]snag{keepAnd(504), keepAnd(504)}, 3},
		"429 with a Retry-After":              {[]snag{refuse(429, "Retry-After", "8")}, 2},
		"503 with a page of a proxy for JSON": {[]snag{refuse(503, "Content-Type", "text/html")}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			property := fmt.Sprintf("EB-%d", len(h.way.posted()))
			h.show(h.tag(`data-property-id="`+property+`"`), hasty, heard)
			h.write("¿Sigue disponible?")
			before := len(h.way.posted())
			h.way.will(tt.snags...)
			h.send()
			h.thanked(property)
			posts := h.way.posted()[before:]
			require.Len(t, posts, tt.posts)
			for _, post := range posts {
				require.NotEmpty(t, post.Get("_submission_id"))
				require.Equal(t, posts[0], post, "the same each time")
			}
			require.Equal(t, []string{"ready", "submit", "success"}, firstWords(h.heard()))
			require.Empty(t, h.stored(), "what was sent is not kept on the device")
		})
	}
}

// keepAnd lets the relay keep the lead, and answers for it.
func keepAnd(status int) snag {
	return func(w http.ResponseWriter, r *http.Request, on http.Handler) {
		on.ServeHTTP(httptest.NewRecorder(), r)
		refuse(status)(w, r, nil)
	}
}

// stored is what the page keeps on the device.
func (h *host) stored() []string {
	h.t.Helper()
	return ask(h.browser, chromedp.Evaluate[[]string](`Object.values(localStorage)`))
}

func TestTheWidgetAndTheImpatient(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-IM1"`))
	h.write("¿Sigue disponible?")
	h.run(`const send = document.querySelector(".lr-button"); send.click(); send.click(); send.form.requestSubmit()`)
	h.thanked("EB-IM1")
	require.Len(t, h.way.posted(), 1)
	h.quiet()
}

// All tries fail: the page says so, offers other ways with the text filled in,
// and goes on by itself. Edited and sent again it is another inquiry.
func TestTheWidgetWhenNothingWorks(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-NO1" data-whatsapp="55 1234 5678" data-phone="+52 55 1234 5678" data-email="ventas@casas.mx"`), hasty, heard)
	h.write("¿Sigue disponible?")
	h.way.will(append([]snag{refuse(503), lose}, slices.Repeat([]snag{cut}, 100)...)...) // Chrome repeats some of them by itself
	h.send()
	h.do(visible(".lr-notice .lr-links"))
	require.Contains(t, h.text(".lr-notice"), "Tu mensaje aún no se envía. Queda en este dispositivo")
	require.Equal(t, "Enviar de nuevo", h.text(".lr-button"))
	for _, link := range ask(h.browser, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".lr-notice a")].map((a) => a.href)`)) {
		u, err := url.Parse(link)
		require.NoError(t, err)
		switch u.Scheme {
		case "https":
			require.Equal(t, "wa.me/525512345678", u.Host+u.Path)
			require.Contains(t, u.Query().Get("text"), "EB-NO1\nAna López\nana@ejemplo.mx")
			require.Contains(t, u.Query().Get("text"), "¿Sigue disponible?")
		case "tel":
			require.Equal(t, "+525512345678", u.Opaque)
		default:
			require.Equal(t, "ventas@casas.mx", u.Opaque)
			require.Contains(t, u.Query().Get("body"), "¿Sigue disponible?")
		}
	}
	require.Equal(t, "¿Sigue disponible?", ask(h.browser, chromedp.Value(chromedp.CSS("[name=message]"))), "nothing typed is lost")
	h.way.will()
	h.thanked("EB-NO1")
	first := len(h.way.posted())
	require.Greater(t, first, 4)

	h.show(h.tag(`data-property-id="EB-NO2"`), hasty)
	h.write("¿Sigue disponible?")
	h.way.will(slices.Repeat([]snag{cut}, 100)...)
	h.send()
	h.do(visible(".lr-notice p"))
	h.fill("message", "¿Y el jardín?")
	h.way.will()
	h.send()
	h.do(visible(".lr-done"))
	posts := h.way.posted()
	require.NotEqual(t, posts[first].Get("_submission_id"), posts[len(posts)-1].Get("_submission_id"))
}

// Offline, the inquiry waits on the device, over a reload and on any page of
// the site, and leaves when the connection is back.
func TestTheWidgetOffline(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-OF1"`))
	h.write("¿Sigue disponible?")
	h.offline(true)
	h.send()
	h.do(visible(".lr-notice p"))
	require.Contains(t, h.text(".lr-notice"), "sale en cuanto se pueda")
	require.Empty(t, h.way.posted())
	h.offline(false)
	l := h.thanked("EB-OF1")
	require.Equal(t, "client_submitted_at", l.Extra[0].Name)
	require.Empty(t, h.stored())

	h.show(h.tag(`data-property-id="EB-OF2"`))
	h.write("¿Tiene cochera?")
	h.offline(true)
	h.send()
	h.do(visible(".lr-notice p"))
	h.do(chromedp.Navigate("about:blank"))
	h.offline(false)
	h.show("<h1>Otra página</h1>" + h.tag(""))
	relaytest.Eventually(t, "it is sent from another page", func() bool { return len(h.process.About("EB-OF2")) == 1 })
	relaytest.Eventually(t, "and forgotten", func() bool { return len(h.stored()) == 0 })
}

func (h *host) reload() {
	h.t.Helper()
	_, err := chromedp.Call(h.ctx, page.Reload, page.ReloadParams{})
	require.NoError(h.t, err)
}

// What was typed is there after a reload, for a day, and only what was typed.
func TestTheWidgetKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-KE1"`), heard)
	h.write("¿Sigue disponible?")
	h.reload()
	message := func() string { return ask(h.browser, chromedp.Value(chromedp.CSS("form.leadrelay [name=message]"))) }
	relaytest.Eventually(t, "the text is back", func() bool { return len(h.heard()) == 1 && message() == "¿Sigue disponible?" })
	require.Equal(t, "ana@ejemplo.mx", ask(h.browser, chromedp.Value(chromedp.CSS("[name=email]"))))

	h.show(h.tag(`data-property-id="EB-KE1"`), heard, script(`window.requestIdleCallback = () => {}`))
	h.fill("phone", "55 1234 5678")
	require.Equal(t, "¿Sigue disponible?", message(), "who begins before the page is idle has it back, too")
	h.show(h.tag(`data-property-id="EB-KE1"`), heard)
	relaytest.Eventually(t, "nothing got lost", func() bool { return len(h.heard()) == 1 && message() == "¿Sigue disponible?" })
	require.Equal(t, "55 1234 5678", ask(h.browser, chromedp.Value(chromedp.CSS("[name=phone]"))))

	h.run(`for (const key of Object.keys(localStorage)) { const kept = JSON.parse(localStorage[key]); kept.at -= 864e5; kept.waits = 1; localStorage[key] = JSON.stringify(kept); }`)
	h.reload()
	relaytest.Eventually(t, "a day later it is forgotten", func() bool { return len(h.heard()) == 1 && len(h.stored()) == 0 })
	require.Contains(t, message(), "Hola, me interesa esta propiedad.")
	require.Empty(t, h.way.posted())
	h.quiet()
}

// A browser that keeps nothing, or whose owner forbids it, sends all the same.
func TestTheWidgetWithoutStorage(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-ST1"`), hasty, script(`Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } })`))
	h.write("¿Sigue disponible?")
	h.way.will(slices.Repeat([]snag{cut}, 100)...)
	h.send()
	relaytest.Eventually(t, "it says that nothing worked", func() bool { // at first it may say that the connection is slow
		return strings.Contains(h.text(".lr-notice"), "No pudimos enviar tu mensaje.")
	})
	h.way.will()
	h.send()
	h.thanked("EB-ST1")
}

// The page's policy lets no script talk to the relay: the form still may.
func TestTheWidgetWhereScriptsMayNotSend(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.pages.HandleFunc("GET /strict", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+hostNonce+"'")
		_, _ = w.Write([]byte(`<!doctype html><html lang="es"><title>Casa</title><link rel="icon" href="data:,"><body>` + h.tag(`data-property-id="EB-CS1"`)))
	})
	h.do(chromedp.Navigate(h.origin + "/strict"))
	h.write("¿Sigue disponible?")
	h.send()
	h.do(visible(".folio"))
	kept := h.process.About("EB-CS1")
	require.Len(t, kept, 1)
	require.Equal(t, int64(kept[0].RemoteID), number(t, h.text(".folio")))
}

// The relay's answers say nothing that lets a script read them, as behind a
// proxy that takes such headers away: the form posts itself, and it is one lead.
// The page is not hasty: it finds out within three seconds why no answer can be
// read, and a twentieth of them is too short for a busy machine.
func TestTheWidgetWhereScriptsMayNotRead(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	isBare := false
	h.way.to.ModifyResponse = func(r *http.Response) error {
		if isBare || !strings.HasPrefix(r.Request.URL.Path, "/inquiry.") {
			r.Header.Del("Access-Control-Allow-Origin")
		}
		return nil
	}
	h.show(h.tag(`data-property-id="EB-CO1"`))
	h.write("¿Sigue disponible?")
	h.send()
	h.do(visible(".folio"))
	kept := h.process.About("EB-CO1")
	require.Len(t, kept, 1)
	require.Len(t, h.way.posted(), 3, "two tries, and the form itself")
	require.Equal(t, int64(kept[0].RemoteID), number(t, h.text(".folio")))

	const form = `<button name="asunto" value="Visita" formaction="/f/default">Agendar</button></form>`
	h.show(h.tag("") + strings.Replace(`<form method="get" action="RELAY/f/nadie"><input type="hidden" name="property_id" value="EB-CO2"><input name="correo" value="ana@ejemplo.mx"><textarea name="mensaje">Hola</textarea>`+
		strings.Replace(form, `"/f`, `"`+h.relay+`/f`, 1), "RELAY", h.relay, 1))
	h.becomes(1, "form[novalidate]")
	h.send()
	h.do(visible(".folio"))
	require.Len(t, h.process.About("EB-CO2"), 1)
	require.Equal(t, "Visita", h.process.About("EB-CO2")[0].Extra[0].Value)

	isBare = true // not even the other file can be loaded then
	h.show(h.tag(`data-property-id="EB-CO3"`))
	h.write("¿Sigue disponible?")
	h.send()
	h.do(visible(".folio"))
	require.Len(t, h.process.About("EB-CO3"), 1)
}

// It does not say that it waits for a connection: there may be one.
func TestTheWidgetSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-WA1"`), hasty)
	h.write("¿Sigue disponible?")
	h.way.will(slices.Repeat([]snag{refuse(503)}, 100)...)
	h.send()
	relaytest.Eventually(t, "it says that it did not leave", func() bool { return strings.Contains(h.text(".lr-notice"), "Tu mensaje aún no se envía.") })
	require.Contains(t, h.text(".lr-notice"), "sale en cuanto se pueda")
	require.NotContains(t, h.text(".lr-notice"), "conexión")
	h.way.will()
	h.thanked("EB-WA1")
}
