package browser

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// seen is what a page's script has of an answer.
type seen struct {
	Status int
	OK     bool
	Error  string
}

// fetches lets a page's script send a lead with more of fetch's options, and
// returns what it sees.
func (s *tryout) fetches(options, body string) seen {
	s.t.Helper()
	relay, err := json.Marshal("http://" + s.process.Public + "/f")
	require.NoError(s.t, err)
	return ask(s.browser, chromedp.Evaluate[seen](`fetch(`+string(relay)+`, { method: "POST", `+options+`, body: `+body+` })
		.then(async (a) => ({ status: a.status, ok: (await a.json()).ok }), (e) => ({ error: String(e) }))`, chromedp.EvalAwaitPromise))
}

func inJSON(property string) string {
	return `JSON.stringify({ property_id: "` + property + `", nombre: "Rita", correo: "rita@correo-prueba.mx", mensaje: "Hola" })`
}

func inAForm(property string) string {
	return `new URLSearchParams({ property_id: "` + property + `", nombre: "Rita", correo: "rita@correo-prueba.mx", mensaje: "Hola" })`
}

// What frameworks do to every request of a page: headers of their own
// (ember-cli-rails-addon#36), and credentials (axios#572, inertiajs.com#168).
func TestWhatAPagesScriptMaySend(t *testing.T) {
	t.Parallel()
	s := openTryout(t)
	s.visit("page", `<script>document.cookie = "session=abc; SameSite=Lax"</script>`)
	const asJSON = `"Content-Type": "application/json"`
	for property, c := range map[string]struct{ options, body string }{
		"EB-CSRF1": {`headers: { Accept: "application/json", "X-CSRF-TOKEN": "abc" }`, inAForm("EB-CSRF1")},
		"EB-HTMX1": {`headers: { Accept: "application/json", "HX-Request": "true", "HX-Current-URL": location.href, "HX-Target": "ask" }`, inAForm("EB-HTMX1")},
		"EB-SNTR1": {`headers: { ` + asJSON + `, "sentry-trace": "1-2-0", baggage: "a=b", traceparent: "00-1-2-01", tracestate: "x=y", "x-datadog-trace-id": "1" }`, inJSON("EB-SNTR1")},
		"EB-AUTH1": {`headers: { ` + asJSON + `, Authorization: "Bearer x", "X-Inertia": "true", "X-XSRF-TOKEN": "y" }`, inJSON("EB-AUTH1")},
		"EB-AXB":   {`credentials: "include", headers: { ` + asJSON + ` }`, inJSON("EB-AXB")},
		"EB-AXC":   {`credentials: "include", headers: { Accept: "application/json" }`, inAForm("EB-AXC")},
		"EB-AXD":   {`credentials: "include"`, inAForm("EB-AXD")},
	} {
		t.Run(property, func(t *testing.T) {
			require.Equal(t, seen{Status: 202, OK: true}, s.fetches(c.options, c.body))
			require.Len(t, s.process.About(property), 1)
		})
	}
	s.quiet()

	// A page that is not on the list gets nowhere, whatever it asks for.
	other := httptest.NewServer(s.pages)
	t.Cleanup(other.Close)
	s.do(chromedp.Navigate(other.URL + "/page"))
	for _, options := range []string{`headers: { "X-CSRF-TOKEN": "abc" }`, `credentials: "include"`} {
		require.Contains(t, s.fetches(options, inAForm("EB-OTHER")).Error, "Failed to fetch")
	}
	require.Empty(t, s.process.About("EB-OTHER"))
}

// The address of a form may end with a slash, over a socket and for a browser.
func TestAFormBehindASlash(t *testing.T) {
	t.Parallel()
	s := openTryout(t)
	for i, path := range []string{"/f/", "/f/default/"} {
		property := []string{"EB-SL1", "EB-SL2"}[i]
		s.visit("slash"+property, `<form method="post" action="http://`+s.process.Public+path+`"><input type="hidden" name="property_id" value="`+property+`">
			<input name="nombre"><input name="correo"><textarea name="mensaje"></textarea><button>Enviar</button><input type="hidden" name="_next" value="gracias?de=`+url.QueryEscape(path)+`"></form>`)
		s.fill("nombre", "Ana López", "correo", "ana@ejemplo.mx", "mensaje", "¿Sigue disponible?")
		s.send()
		s.do(visible("h1"), chromedp.WaitNotPresent(chromedp.CSS("form")))
		require.Equal(t, s.origin+"/gracias?de="+url.QueryEscape(path), ask(s.browser, chromedp.Location()), "relative to the page")
		s.arrived(t, property)
	}
}
