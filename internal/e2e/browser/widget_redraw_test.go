package browser

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

func (h *host) value(name string) string {
	h.t.Helper()
	return ask(h.browser, chromedp.Evaluate[string](`document.querySelector("form [name=`+name+`]").value`))
}

// A framework that draws its part of the page again makes an equal tag, which
// does not run (remotion#9000): the form is there again as it was.
func TestTheWidgetIsDrawnAgain(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	tag := h.tag(`data-property-id="EB-HYD2"`)
	trusted := script(`const policy = trustedTypes.createPolicy("page", { createHTML: (html) => html });
		window.draw = (html) => app.replaceChildren(...new DOMParser().parseFromString(policy.createHTML(html), "text/html").querySelectorAll("h1, script, p, [data-leadrelay]:not(form)"))`)
	again := "draw('<h1>Casa</h1>" + tag + "<p>Fin</p>')"
	h.show(`<div id="app"><h1>Casa</h1>`+tag+`<p>Fin</p></div>`, trusted, heard)
	h.fill("name", "Ana López", "email", "ana@ejemplo.mx")
	h.run(again)
	h.becomes(1, "form.leadrelay")
	require.Equal(t, "Ana López", h.value("name"), "what was typed is back at once")
	require.Equal(t, "SCRIPT", ask(h.browser, chromedp.Evaluate[string](`document.querySelector("form").parentNode.previousElementSibling.tagName`)), "where it was")

	h.way.will(hang)
	h.send()
	h.do(visible("form[aria-busy=true]"))
	h.run(again)
	h.do(visible("form[aria-busy=true]"))
	h.way.will()
	h.thanked("EB-HYD2")
	h.run(again)
	h.do(visible(".lr-done"))
	h.do(chromedp.Click(chromedp.CSS(".lr-done button")))
	require.Equal(t, 1, h.count("form.leadrelay:not([data-leadrelay-sent])"))

	h.run(`app.replaceChildren()`)
	h.becomes(0, "form")
	h.run(`draw('<h1>Otra</h1>` + h.tag(`data-property-id="EB-HYD3"`) + `')`)
	h.becomes(1, "[name=property_id][value=EB-HYD3]")
	h.run(`document.querySelector("script[data-property-id]").dataset.propertyId = "EB-HYD4"`)
	h.becomes(1, "[name=property_id][value=EB-HYD4]")
	h.becomes(1, "form.leadrelay")
	h.run(`document.querySelector("form").remove()`)
	h.becomes(1, "form.leadrelay")
	h.quiet()
}

// The page's own form is drawn again by what keeps its state: what was typed is
// in the new one, too, and what is on its way arrives there.
func TestTheWidgetAndAFormThatIsDrawnAgain(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag("")+`<div id="app"><form method="post" action="`+h.relay+`/f/default"><input type="hidden" name="property_id" value="EB-RD1"><input name="correo"><textarea name="mensaje"></textarea><button>Enviar</button></form></div>`,
		script(`addEventListener("DOMContentLoaded", () => { const first = app.firstChild.cloneNode(true); window.draw = () => app.replaceChildren(first.cloneNode(true)); })`))
	h.becomes(1, "form[novalidate]")
	h.fill("correo", "ana@ejemplo.mx", "mensaje", "¿Sigue disponible?")
	h.run(`draw()`)
	h.becomes(1, "form[novalidate]")
	relaytest.Eventually(t, "what was typed is back", func() bool {
		return h.value("correo") == "ana@ejemplo.mx" && h.value("mensaje") == "¿Sigue disponible?"
	})
	h.way.will(hang)
	h.send()
	h.do(visible("form[aria-busy=true]"))
	h.run(`draw()`)
	h.thanked("EB-RD1")
}

// A custom element of the page with the form in its shadow root
// (formkit/auto-animate#116): it stays, with its looks, and works.
func TestTheWidgetInAShadowRoot(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(`<lead-card></lead-card><p id="x"></p>`+h.tag(""), heard, script(`
		(window.LeadRelay ||= []).push((api) => customElements.define("lead-card", class extends HTMLElement {
			connectedCallback() { const root = this.attachShadow({ mode: "open" }), place = document.createElement("div"); root.append(place); api.mount(place, { propertyId: "EB-SHA1" }); }
		}));`))
	inside := func(code string) string {
		return ask(h.browser, chromedp.Evaluate[string](`(() => { const root = document.querySelector("lead-card").shadowRoot; return String(`+code+`); })()`))
	}
	relaytest.Eventually(t, "the form is there", func() bool { return inside(`root?.querySelectorAll("form").length`) == "1" })
	require.Equal(t, "48px", inside(`getComputedStyle(root.querySelector(".lr-input")).minHeight`))
	h.run(`x.textContent = "otra cosa"`)
	h.run(`document.querySelector("lead-card").shadowRoot.querySelector("[name=email]").value = "ana@ejemplo.mx"`)
	h.do(chromedp.Evaluate[chromedp.Void](`new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))`, chromedp.EvalAwaitPromise))
	require.Equal(t, "1", inside(`root.querySelectorAll("form").length`))
	h.run(`document.querySelector("lead-card").shadowRoot.firstChild.append(Object.assign(document.createElement("div"), { id: "again" }))`)
	h.run(`{ const again = document.querySelector("lead-card").shadowRoot.querySelector("#again"); again.dataset.leadrelay = ""; again.dataset.propertyId = "EB-SHA2"; document.querySelector("lead-card").shadowRoot.append(again); }`)
	relaytest.Eventually(t, "a place within comes to life", func() bool { return inside(`root.querySelectorAll("form").length`) == "2" })
	h.run(`document.querySelector("lead-card").shadowRoot.querySelector("form").requestSubmit()`)
	relaytest.Eventually(t, "the thanks are there", func() bool { return inside(`!!root.querySelector(".lr-done")`) == "true" })
	require.Len(t, h.process.About("EB-SHA1"), 1)
	h.quiet()
}

// Turbo puts a page away as a clone and shows the clone on Back (turbolinks#185):
// the form is there, and works.
func TestTheWidgetInASnapshot(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	const snapshot = `{ const copy = app.cloneNode(true); app.replaceWith(document.createElement("hr")); document.querySelector("hr").replaceWith(copy); }`
	form := `<div id="app"><form method="post" action="` + h.relay + `/f/default"><input type="hidden" name="property_id" value="EB-SNA1"><input name="correo" value="rita@correo-prueba.mx" required><textarea name="mensaje">Hola</textarea><button>Enviar</button></form></div>`
	h.show(form+h.tag(""), heard)
	h.becomes(1, "form[novalidate]")
	h.send()
	h.thanked("EB-SNA1")
	h.run(snapshot)
	h.becomes(0, ".lr-done")
	require.Equal(t, 1, h.count("form[novalidate]:not([data-leadrelay-sent])"))
	h.run(`document.querySelector("[name=correo]").value = ""`)
	h.send()
	h.do(visible(".lr-error"))
	h.run(snapshot)
	h.becomes(0, ".lr-error")
	require.Equal(t, 1, h.count(".lr-notice"))
	require.Zero(t, h.count("[aria-invalid]"))
	h.fill("correo", "rita@correo-prueba.mx", "mensaje", "¿Y el jardín?")
	h.send()
	h.do(visible(".lr-done"))
	require.Len(t, h.process.About("EB-SNA1"), 2)

	h.show(`<div id="app">`+h.tag(`data-property-id="EB-SNA2"`)+`</div>`, heard)
	h.fill("email", "rita@correo-prueba.mx")
	h.run(snapshot)
	h.becomes(1, "form.leadrelay")
	require.Equal(t, "rita@correo-prueba.mx", h.value("email"))
	h.send()
	h.thanked("EB-SNA2")
	h.quiet()
}

// A page that the browser kept whole, with its scripts, comes back as it was left.
func TestTheWidgetAfterBack(t *testing.T) {
	t.Parallel()
	h := unvisited(t)
	h.browser = whole.open(t)
	h.pages.HandleFunc("GET /otra", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<h1>Otra</h1>")) })
	h.show(h.tag(`data-property-id="EB-BK1"`))
	h.fill("email", "ana@ejemplo.mx")
	h.do(chromedp.Navigate(h.origin+"/otra"), visible("h1"), chromedp.Evaluate[chromedp.Void](`history.back()`))
	relaytest.Eventually(t, "what was typed is there", func() bool {
		return h.count("form.leadrelay") == 1 && h.value("email") == "ana@ejemplo.mx"
	})
	h.run(`document.querySelector(".lr-button").click()`)
	h.becomes(1, ".lr-done")
	require.Len(t, h.process.About("EB-BK1"), 1)
}

// The pressed button is a part of what the form says, and may have another
// address of the relay's. One with an address elsewhere is the page's own affair.
func TestTheWidgetAndThePressedButton(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.pages.HandleFunc("POST /borrador", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<h1>Guardado</h1>")) })
	form := func(property string) string {
		return h.tag("") + `<form method="post" action="` + h.relay + `/f/nadie"><input type="hidden" name="property_id" value="` + property + `"><input name="correo" value="ana@ejemplo.mx"><textarea name="mensaje">Hola</textarea>
			<button name="asunto" value="Agendar visita" formaction="` + h.relay + `/f/default">Agendar</button>
			<button name="asunto" value="Pedir informes" formaction="` + h.relay + `/f/default" id="other">Informes</button><button formaction="/borrador" id="draft">Guardar</button></form>`
	}
	h.show(form("EB-BT1"))
	h.becomes(1, "form[novalidate]")
	h.do(chromedp.Click(chromedp.CSS("#other")))
	l := h.thanked("EB-BT1")
	require.Equal(t, "Pedir informes", l.Extra[0].Value)
	require.Equal(t, []string{"Pedir informes"}, h.way.posted()[0]["asunto"])

	h.open(form("EB-BT2"))
	h.becomes(1, "form[novalidate]")
	h.do(chromedp.Click(chromedp.CSS("#draft")), visible("h1"))
	require.Equal(t, "Guardado", h.text("h1"))
	require.Empty(t, h.process.About("EB-BT2"))
}
