package browser

import (
	"net/http"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// agencies are a site with all that its pages can show, and one with nothing.
const agencies = `sites:
  costa:
    source: casasdelacosta.mx
    name: Inmobiliaria Casas y Departamentos de la Costa Esmeralda, S.A. de C.V.
    color: "#ffd400"
    privacy_url: https://casas.mx/aviso
    origins: [https://casas.mx]
    locale: auto
  llana:
    source: casas.mx
    locale: auto
`

// openAgencies starts a relay for both, and returns the addresses of its doors and
// the path of its database.
func openAgencies(t *testing.T) (public, operator, database string) {
	t.Helper()
	env := relaytest.SettingsWith(t, "127.0.0.1:1", agencies)
	env["LEADRELAY_SOURCE"] = ""
	p := relaytest.Start(t, env, "serve").Started()
	return "http://" + p.Public, "http://" + p.Operator, env["LEADRELAY_DATABASE"]
}

// Every page, in both languages, for a site with settings of its own, for one
// without, and for none.
func TestHostedPagesAreForEverybody(t *testing.T) {
	t.Parallel()
	whole, _, _ := openAgencies(t)
	broken, _, database := openAgencies(t)
	require.NoError(t, os.Remove(database))
	v := visitorOf(t, axeCore(t))
	for _, lang := range []string{"es", "en"} {
		v.speak(lang)
		for _, agency := range []string{"costa", "llana"} {
			v.walk(agency, whole+"/f/"+agency)
			v.open(broken+"/f/"+agency+"?property_id=EB-AB1234", "button")
			v.fill("email", "ana@ejemplo.mx")
			v.fill("message", "Hola")
			v.send(".mark.bad")
			v.look(agency + ": no disk")
		}
		v.open(whole+"/f/nadie", ".mark.bad")
		v.look("no such site")
	}
	v.quiet(http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
}

func (v visitor) walk(agency, form string) {
	v.t.Helper()
	v.open(form+"?property_id=EB-AB1234", "button")
	v.look(agency + ": a property")
	v.open(form, "#f-property_id")
	v.look(agency + ": any property")
	v.fill("name", "María José Ñ.")
	v.fill("email", "ana@")
	v.send(".summary")
	v.look(agency + ": something wrong")
	v.fill("email", "ejemplo.mx")
	v.fill("message", "¿Sigue disponible? "+agency+v.lang)
	v.fill("property_id", "EB-AB1234")
	v.send(".folio")
	v.look(agency + ": thanks")
	v.open(form+"?property_id=EB-AB1234", "button")
	v.fill("email", "mariajose.nandu.de.la.garza@gmial.com")
	v.fill("message", "¿Sigue disponible? "+agency+v.lang)
	v.send(".ask")
	v.look(agency + ": mistyped")
	v.open(form+"/nada", ".mark.bad")
	v.look(agency + ": not found")
}

// All can be done with the keys alone, in the order in which it is read: what a
// visitor agrees to comes before the button that agrees.
func TestHostedFormByKeyboard(t *testing.T) {
	t.Parallel()
	public, _, _ := openAgencies(t)
	v := visitorOf(t, "")
	v.speak("es")
	fields := []string{"f-name", "f-email", "f-phone", "f-message", "f-property_id", "https://casas.mx/aviso", "button"}
	v.open(public+"/f/costa", "button")
	require.Equal(t, fields, v.order())

	v.fill("name", "Ana")
	v.fill("email", "ana@")
	v.fill("phone", "55 1234 5678"+kb.Enter)
	v.do(visible(".summary"))
	focused := chromedp.Evaluate[string](`document.activeElement.id`)
	require.Equal(t, "f-email", ask(v.browser, focused), "the first wrong field has the focus")
	require.Equal(t, fields[2:], v.order())
	require.Equal(t, append([]string{"#f-email", "#f-message", "#f-property_id"}, fields...), v.order(), "from the top")
	for id, typed := range map[string]string{"name": "Ana", "email": "ana@", "phone": "55 1234 5678", "message": ""} {
		require.Equal(t, typed, ask(v.browser, chromedp.Value(chromedp.CSS("#f-"+id))))
	}

	v.do(chromedp.Click(chromedp.CSS(".summary li:last-child a")))
	relaytest.Eventually(t, "the summary leads to the field", func() bool { return ask(v.browser, focused) == "f-property_id" })
	v.do(chromedp.KeyEvent("EB-1"))
	v.fill("message", "Hola")
	v.fill("email", "ejemplo.mx"+kb.Enter)
	v.do(visible(".folio"))
	require.Equal(t, []string{"https://casas.mx"}, v.order())
	v.quiet(http.StatusUnprocessableEntity)
}
