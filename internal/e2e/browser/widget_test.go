package browser

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// script is a page's own, which its policy lets run.
func script(code string) string { return `<script nonce="` + hostNonce + `">` + code + `</script>` }

// hasty lets every wait of a page pass twenty times as fast.
var hasty = script(`{ const real = setTimeout; window.setTimeout = (then, ms) => real(then, ms / 20); }`)

// heard keeps what the widget's events tell.
var heard = script(`
	window.heard = [];
	for (const type of ["ready", "submit", "success", "error"]) {
		addEventListener("leadrelay:" + type, ({ detail }) => heard.push(type + " " + JSON.stringify(detail)));
	}`)

func (h *host) heard() []string {
	h.t.Helper()
	return ask(h.browser, chromedp.Evaluate[[]string](`window.heard ?? []`))
}

func (h *host) count(selector string) int {
	h.t.Helper()
	return ask(h.browser, chromedp.Evaluate[int](`Document.prototype.querySelectorAll.call(document, "`+selector+`").length`))
}

// becomes waits for as many elements as wanted.
func (h *host) becomes(n int, selector string) {
	h.t.Helper()
	relaytest.Eventually(h.t, "the page has "+selector, func() bool { return h.count(selector) == n })
}

func (h *host) run(code string) {
	h.t.Helper()
	h.do(chromedp.Evaluate[chromedp.Void](code))
}

func TestTheWidgetOnAPage(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show("<h1>Casa</h1>"+h.tag(`data-property-id="EB-WI1"`), heard)
	h.do(visible("form.leadrelay"))
	h.send()
	h.do(visible(".lr-error"))
	require.Equal(t, "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", h.text(".lr-error"))
	require.Equal(t, "email", ask(h.browser, chromedp.Evaluate[string](`document.activeElement.name`)), "the first wrong field has the focus")
	require.Equal(t, "Corrige lo marcado y envía de nuevo.", h.text("[role=status]"))
	require.True(t, ask(h.browser, chromedp.Evaluate[bool](
		`document.activeElement.getAttribute("aria-describedby").trim() === document.querySelector(".lr-error").id && document.activeElement.ariaInvalid === "true"`)))

	h.fill("name", "Ana López", "email", "ana@ejemplo", "phone", "55 1234 5678", "message", "¿Sigue disponible?")
	require.Zero(t, h.count(".lr-error"), "what is mended is not marked any more")
	h.send()
	h.do(visible(".lr-error"))
	require.Equal(t, "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", h.text(".lr-error"))
	require.Empty(t, h.way.posted(), "that much needs no relay")
	h.fill("email", "ana@ejemplo..mx")
	h.send()
	h.do(visible(".lr-error"))
	require.Equal(t, "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", h.text(".lr-error"), "as the relay says")
	h.fill("email", "ana@ejemplo.mx")
	h.send()
	l := h.thanked("EB-WI1")
	require.Equal(t, []*string{new("Ana López"), new("ana@ejemplo.mx"), new("55 1234 5678"), new("¿Sigue disponible?")}, []*string{l.Name, l.Email, l.Phone, l.Message})
	require.Equal(t, "H2", ask(h.browser, chromedp.Evaluate[string](`document.activeElement.tagName`)), "the thanks are read out")
	require.Equal(t, []string{"ready", "submit", "error", "submit", "error", "submit", "error", "submit", "success"}, firstWords(h.heard()))
	for _, what := range h.heard() {
		require.Contains(t, what, `"site":"default","property_id":"EB-WI1"`)
		require.NotRegexp(t, `(?i)ana|lópez|1234|disponible`, what)
	}
	require.Contains(t, h.heard()[6], `"status":422,"errors":[{"field":"email","code":"TYPE_EMAIL"}]`)
	require.Contains(t, h.heard()[8], `"remote_id":`+l.RemoteID.String())

	h.do(chromedp.Click(chromedp.CSS(".lr-done button")))
	h.fill("message", "¿Y el jardín?")
	h.send()
	h.do(visible(".lr-done"))
	require.Len(t, h.process.About("EB-WI1"), 2)
	h.quiet(http.StatusUnprocessableEntity)
}

func firstWords(lines []string) []string {
	words := make([]string, len(lines))
	for i, line := range lines {
		words[i], _, _ = strings.Cut(line, " ")
	}
	return words
}

// The form that the page has stays the page's: its names, its fields, its place.
func TestTheWidgetTakesAFormInHand(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	form := func(property, action string) string {
		return `<form method="post" action="` + action + `"><input type="hidden" name="clave" value="` + property + `"><p><label>Nombre <input name="nombre"></label></p>
			<p><label>Correo <input name="correo" type="email" required aria-describedby="hint"></label> <span id="hint">Solo para responderte</span></p>
			<p><label>Mensaje <textarea name="mensaje"></textarea></label></p><p><label><input type="checkbox" name="acepto" required> Acepto</label></p>
			<p hidden><input name="_gotcha"></p><input type="hidden" name="_next" value="/gracias"><input type="submit" value="Mandar"></form>`
	}
	for name, attributes := range map[string]string{"by its address": `" class="`, "by its mark": `" data-leadrelay class="`} {
		t.Run(name, func(t *testing.T) {
			property := "EB-TA" + map[bool]string{true: "1", false: "2"}[strings.Contains(attributes, "data")]
			h.show(h.tag("")+form(property, h.relay+"/f/default"+attributes), heard)
			h.becomes(1, "form[novalidate]")
			h.fill("nombre", "Ana")
			h.do(chromedp.Click(chromedp.CSS("form [type=submit]")), visible(".lr-error"))
			require.Equal(t, 2, h.count(".lr-error"))
			require.Equal(t, "hint", ask(h.browser, chromedp.Evaluate[string](`document.activeElement.getAttribute("aria-describedby").split(" ")[0]`)))
			h.fill("correo", "ana@ejemplo.mx")
			h.do(chromedp.Click(chromedp.CSS("form [type=checkbox]")), chromedp.Click(chromedp.CSS("form [type=submit]")), visible(".lr-error"))
			require.Equal(t, "Escribe qué quieres saber.", h.text(".lr-error"), "what only the relay asks for stands at its field, too")
			h.fill("mensaje", "¿Sigue disponible?")
			h.do(chromedp.Click(chromedp.CSS("form [type=submit]")))
			l := h.thanked(property)
			require.Equal(t, "Ana", *l.Name)
			require.Equal(t, 0, ask(h.browser, chromedp.Evaluate[int](`document.querySelector("form").offsetHeight`)))
			require.Equal(t, "Mandar", ask(h.browser, chromedp.Evaluate[string](`document.querySelector("[type=submit]").value`)))
		})
	}
	t.Run("not one that posts elsewhere", func(t *testing.T) {
		h.show(h.tag("")+form("EB-TA3", "https://otra.example/f/default"), heard)
		require.Zero(t, h.count("form[novalidate]"))
		require.Empty(t, h.heard())
	})
	h.quiet(http.StatusUnprocessableEntity)
}

// However the script comes, there is one form for one place.
func TestTheWidgetIsThereOnce(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	const place = `<div data-leadrelay data-property-id="EB-ON1"></div>`
	late := script(`setTimeout(() => { const tag = document.createElement("script"); tag.dataset.propertyId = "EB-ON1"; tag.nonce = "` + hostNonce + `";
		tag.src = trustedTypes.createPolicy("page", { createScriptURL: (url) => url }).createScriptURL("` + h.relay + `/widget.js"); document.body.append(tag); }, 200)`)
	tag := h.tag(`data-property-id="EB-ON1"`)
	for name, page := range map[string]struct {
		body, head string
		forms      int
	}{
		"deferred":            {tag, "", 1},
		"async":               {strings.Replace(tag, "defer", "async", 1), "", 1},
		"neither":             {strings.Replace(tag, "defer", "", 1) + "<p>Más texto</p>", "", 1},
		"late":                {late, "", 1},
		"in the head":         {"<main>" + place + "</main>", h.tag(""), 1},
		"in the head, alone":  {"<main></main>", tag, 1},
		"twice":               {place, h.tag("") + h.tag(""), 1},
		"a tag and its place": {tag + place, "", 1},
		"two tags":            {tag + "<hr>" + h.tag(`data-property-id="EB-ON2"`), "", 2},
		"two places":          {place + `<div data-leadrelay data-property-id="EB-ON2"></div>`, h.tag(""), 2},
		"a queue before it":   {`<div id="here"></div>`, script(`(window.LeadRelay ||= []).push((relay) => relay.mount(here, { propertyId: "EB-ON1" }))`) + h.tag(""), 1},
		"a name in its way":   {`<a id="LeadRelay"></a>` + tag, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h.show(page.body, page.head, heard)
			h.becomes(page.forms, "form.leadrelay")
			h.run(`LeadRelay.scan(); LeadRelay.scan()`)
			require.Equal(t, page.forms, h.count("form.leadrelay"))
			require.Equal(t, 1, h.count("form.leadrelay [name=property_id][value=EB-ON1]"))
			require.Len(t, h.heard(), page.forms)
			if page.forms == 2 {
				require.Equal(t, 1, h.count("form.leadrelay [name=property_id][value=EB-ON2]"))
			}
		})
	}
	h.quiet()
}

// A page of one address after another: forms come, go, come back from a copy,
// and change their property.
func TestTheWidgetOnPagesThatChange(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(`<div id="app"></div>`, h.tag(""), heard)
	h.run(`app.append(Object.assign(document.createElement("div"), { id: "place" })); place.dataset.leadrelay = ""; place.dataset.propertyId = "EB-CH1"`)
	h.becomes(1, "form.leadrelay")

	h.run(`window.copy = app.cloneNode(true); app.replaceChildren()`)
	h.becomes(0, "form.leadrelay")
	h.run(`app.replaceWith(copy)`)
	h.becomes(1, "form.leadrelay")
	relaytest.Eventually(t, "the copy's form is alive", func() bool { return len(h.heard()) == 2 })

	h.run(`place.dataset.propertyId = "EB-CH2"`)
	relaytest.Eventually(t, "the form is for the other property", func() bool { return h.count("[name=property_id][value=EB-CH2]") == 1 })
	require.Equal(t, 1, h.count("form.leadrelay"))
	h.fill("email", "ana@ejemplo.mx")
	h.send()
	h.thanked("EB-CH2")
	require.Empty(t, h.process.About("EB-CH1"))

	h.run(`window.mounted = LeadRelay.mount(copy.appendChild(document.createElement("section")), { propertyId: "EB-CH3", locale: "en", title: "" })`)
	require.Equal(t, "Send message", h.text("section button"))
	require.Zero(t, h.count("section h2"))
	h.run(`mounted.unmount()`)
	require.Zero(t, h.count("section *"))
	h.run(`LeadRelay.mount(copy.appendChild(document.createElement("section"))).form.remove()`)
	h.do(chromedp.Evaluate[chromedp.Void](`new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))`, chromedp.EvalAwaitPromise))
	h.quiet()
}

// The page did its worst to what scripts stand on.
func TestTheWidgetOnAHostilePage(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	names := strings.Fields("action method elements id name submit reset style dataset children parentNode addEventListener dispatchEvent querySelector querySelectorAll getAttribute setAttribute append after closest contains target length")
	var inputs, forms strings.Builder
	for _, name := range names {
		inputs.WriteString(`<input type="hidden" name="` + name + `">`)
	}
	for _, name := range strings.Fields("body head documentElement createElement querySelector querySelectorAll getElementById readyState currentScript addEventListener adoptedStyleSheets location cookie") {
		forms.WriteString(`<form name="` + name + `"></form><img name="` + name + `">`)
	}
	polluted := script(`
		for (const name of ["site", "next", "locale", "mode", "signal", "credentials", "ok", "errors", "once", "passive", "waits", "body", "at", "values", "title", "captcha", "whatsapp"]) {
			Object.defineProperty(Object.prototype, name, { value: "https://evil.example/", writable: true, configurable: true, enumerable: true });
		}
		Array.prototype.extra = () => {}; Array.prototype.toJSON = () => "broken"; String.prototype.toJSON = undefined;`)
	h.show(forms.String()+`<form method="post" action="`+h.relay+`/f/default">`+inputs.String()+
		`<input name="clave" value="EB-HO1"><input name="correo" type="email" required><textarea name="mensaje"></textarea><button>Enviar</button></form>`+
		h.tag(`data-property-id="EB-HO2"`), polluted, heard)
	h.becomes(2, "form[novalidate]")
	h.do(chromedp.SendKeys(chromedp.CSS("[name=correo]"), "ana@ejemplo.mx"), chromedp.SendKeys(chromedp.CSS("[name=mensaje]"), "Hola"),
		chromedp.Click(chromedp.CSS("form button")), visible(".lr-done"))
	require.Len(t, h.process.About("EB-HO1"), 1)
	h.do(chromedp.SendKeys(chromedp.CSS("form.leadrelay [name=email]"), "ana@ejemplo.mx"), chromedp.Click(chromedp.CSS(".lr-button")))
	h.becomes(2, ".lr-done")
	require.Len(t, h.process.About("EB-HO2"), 1)
	require.Contains(t, ask(h.browser, chromedp.Location()), h.origin)
	h.quiet()
}

// All can be done with the keys alone, from label to label, and no error is
// told by its color only.
func TestTheWidgetByKeyboard(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-KB1" data-privacy="https://casas.mx/aviso" data-privacy-text="Casas SA usa tus <datos>. Al enviar aceptas su" data-whatsapp="5512345678"`))
	h.becomes(1, "form.leadrelay")
	require.Equal(t, "Casas SA usa tus <datos>. Al enviar aceptas su aviso de privacidad: https://casas.mx/aviso | Casas SA usa tus <datos>. Al enviar aceptas su aviso de privacidad.",
		ask(h.browser, chromedp.Evaluate[string](`document.querySelector("[name=consent]").value + " | " + document.querySelector(".lr-fine").textContent`)), "what is kept is what is shown")
	v := visitor{browser: h.browser}
	const label = `(() => {
		const e = document.activeElement, parts = [...(e.closest("label")?.childNodes ?? [e])];
		return parts.filter((part) => part.nodeType === 3 || part.matches("span, a, button")).map((part) => part.textContent).join("");
	})()`
	var order []string
	for range 7 {
		h.do(chromedp.KeyEvent(kb.Tab))
		order = append(order, ask(h.browser, chromedp.Evaluate[string](label)))
	}
	require.Equal(t, []string{
		"Tu nombre (opcional)", "Correo electrónico", "Teléfono o WhatsApp (opcional)", "Mensaje", "aviso de privacidad", "Enviar mensaje", "WhatsApp",
	}, order)
	require.Equal(t, []string{"name", "email", "tel", "off"}, ask(v.browser, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll(".lr-input")].map((e) => e.autocomplete)`)))
	require.Equal(t, []string{"", "email", "tel", ""}, ask(v.browser, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll(".lr-input")].map((e) => e.inputMode)`)))

	h.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[name=email]").focus()`), chromedp.KeyEvent("ana@ejemplo.mx"+kb.Enter))
	h.do(visible(".lr-done"), chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Escribir otro mensaje", ask(h.browser, chromedp.Evaluate[string](label)))
	h.do(chromedp.KeyEvent(kb.Enter))
	require.Equal(t, "Tu nombre (opcional)", ask(h.browser, chromedp.Evaluate[string](label)))
}

// It speaks as it is told, or else as the page does, or else as the browser.
func TestTheWidgetsLanguage(t *testing.T) {
	t.Parallel()
	h := openHost(t, chromedp.Flag("lang", "es-MX"), chromedp.Flag("accept-lang", "es-MX"))
	for name, tt := range map[string]struct{ lang, attribute, want string }{
		"as the page":            {"en-US", "", "Send message"},
		"as it is told":          {"en", `data-locale="es"`, "Enviar mensaje"},
		"told with a country":    {"es", `data-locale="en-GB"`, "Send message"},
		"a page of another":      {"fr", "", "Enviar mensaje"},
		"told what it can't":     {"en", `data-locale="fr"`, "Send message"},
		"a page that says none":  {"", "", "Enviar mensaje"},
		"a page in upper case":   {"EN", "", "Send message"},
		"from right to left too": {"ar", `dir="rtl" data-locale="es"`, "Enviar mensaje"},
	} {
		t.Run(name, func(t *testing.T) {
			h.show(h.tag(tt.attribute+` data-property-id="EB-LA1"`), script(`document.documentElement.lang = "`+tt.lang+`"; document.documentElement.dir = "`+
				map[bool]string{true: "rtl", false: ""}[strings.Contains(tt.attribute, "rtl")]+`"`))
			h.do(visible("form.leadrelay"))
			require.Equal(t, tt.want, h.text(".lr-button"))
			require.Empty(t, ask(h.browser, chromedp.Evaluate[[]string](fits)))
			h.send()
			h.do(visible(".lr-error"))
			require.Empty(t, ask(h.browser, chromedp.Evaluate[[]string](fits)))
		})
	}
}

// A page may keep an inquiry back, and thank in its own way.
func TestThePageHasTheLastWord(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	h.show(h.tag(`data-property-id="EB-LW1" data-next="/gracias"`), heard, script(`
		addEventListener("leadrelay:submit", (event) => { if (!window.willing) event.preventDefault(); });
		addEventListener("leadrelay:success", (event) => { if (window.polite) event.preventDefault(); });`))
	h.fill("email", "ana@ejemplo.mx")
	h.send()
	require.Empty(t, h.way.posted())
	h.run(`willing = polite = true`)
	h.send()
	relaytest.Eventually(t, "it is sent", func() bool { return len(h.process.About("EB-LW1")) == 1 && len(h.heard()) == 4 })
	require.Zero(t, h.count(".lr-done"))

	h.pages.HandleFunc("GET /gracias", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<h1>Gracias</h1>")) })
	h.run(`polite = false`)
	h.fill("message", "¿Y el jardín?")
	h.send()
	h.do(visible("h1"))
	require.Equal(t, h.origin+"/gracias", ask(h.browser, chromedp.Location()))
}

// Where no script runs, the form of the page posts as any form does.
func TestThePagesFormWithoutTheWidget(t *testing.T) {
	t.Parallel()
	h := openHost(t)
	b := withoutScript(h.browser)
	h.show(h.tag("") + `<form method="post" action="` + h.relay + `/f/default"><input type="hidden" name="property_id" value="EB-NS1"><input name="email" value="ana@ejemplo.mx">
		<textarea name="message">Hola</textarea><button>Enviar</button></form>`)
	b.press("form button")
	b.awaits(".folio")
	require.Len(t, h.process.About("EB-NS1"), 1)
}
