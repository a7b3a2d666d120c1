package browser

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

func TestRecipesInABrowser(t *testing.T) {
	t.Parallel()
	s := openTryout(t)
	t.Run("one tag", func(t *testing.T) {
		for i, name := range []string{"arranque", "etiqueta", "widget"} {
			property := fmt.Sprint("EB-WT", i+1)
			s.visit(name, recipe(t, name, s.relay, property))
			s.widget(t, property)
		}
	})
	t.Run("a place", func(t *testing.T) {
		s.visit("place", `<script async src="`+s.relay+`/widget.js"></script>`+recipe(t, "widget-place", s.relay, "EB-WP1"))
		s.widget(t, "EB-WP1")
	})
	t.Run("a plain form", s.plainRecipe)
	t.Run("un formulario", func(t *testing.T) {
		s.visit("formulario", recipe(t, "formulario", s.relay, "EB-ES1"))
		s.fill("nombre", "Ana López", "correo", "ana@ejemplo.mx", "telefono", "55 1234 5678", "mensaje", "¿Sigue disponible?")
		s.thanked(t, "EB-ES1")
	})
	t.Run("Webflow", func(t *testing.T) {
		s.visit("webflow", recipe(t, "webflow", s.relay, "EB-WF1"))
		s.fill("Name", "Ana López", "Email", "ana@ejemplo.mx", "Phone", "55 1234 5678", "Message", "¿Sigue disponible?")
		s.thanked(t, "EB-WF1")
	})
	t.Run("fetch", func(t *testing.T) {
		s.visit("fetch", old+recipe(t, "html", s.relay, "EB-FE1")+recipe(t, "fetch", s.relay, ""))
		s.script(t, "EB-FE1", "nombre", "correo", "mensaje")
		s.visit("fetch-meant", old+recipe(t, "html", s.relay, "EB-FE2")+recipe(t, "fetch", s.relay, ""))
		s.setRight(t, "EB-FE2", "nombre", "correo", "mensaje")
	})
	t.Run("React", func(t *testing.T) {
		bundle := s.react(t)
		s.pages.HandleFunc("GET /inquiry.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, bundle) })
		s.visit("react", old+`<div id="root"></div><script type="module" src="/inquiry.js"></script>`)
		s.script(t, "EB-RE1", "name", "email", "message")
		s.visit("react-meant", old+`<script>property = "EB-RE2"</script><div id="root"></div><script type="module" src="/inquiry.js"></script>`)
		s.setRight(t, "EB-RE2", "name", "email", "message")
	})
	s.quiet(http.StatusUnprocessableEntity)
}

// Where a script fails, the form goes on by itself: the inquiry arrives, and the
// visitor ends on the site's page, or at our thanks.
func TestTheFormOfARecipeGoesOnWhereItsScriptFails(t *testing.T) {
	t.Parallel()
	s := openTryout(t)
	bundle := s.react(t)
	s.pages.HandleFunc("GET /inquiry.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, bundle) })
	number := 0
	for name, without := range map[string]string{
		"no fetch":            `delete window.fetch`,
		"no way to stop":      `delete window.AbortController`,
		"no way to encode":    `window.URLSearchParams = class { constructor() { throw new Error("not here") } }`,
		"a fetch that throws": `window.fetch = () => { throw new Error("not here") }`,
	} {
		number++
		without, property := "<script>"+without+"</script>", fmt.Sprintf("EB-ON%d", number)
		t.Run("fetch, "+name, func(t *testing.T) {
			s.visit(fmt.Sprint("fetch", number), without+recipe(t, "html", s.relay, property)+recipe(t, "fetch", s.relay, ""))
			s.fill("nombre", "Ana López", "correo", "ana@ejemplo.mx", "mensaje", "¿Sigue disponible?")
			s.thankedOnTheSite(t)
			s.arrived(t, property)
		})
		t.Run("React, "+name, func(t *testing.T) {
			property := fmt.Sprintf("EB-ONR%d", number)
			s.visit(fmt.Sprint("react", number), without+`<script>property = "`+property+`"</script><div id="root"></div><script type="module" src="/inquiry.js"></script>`)
			s.fill("name", "Ana López", "email", "ana@ejemplo.mx", "message", "¿Sigue disponible?")
			s.send()
			s.do(visible(".folio"))
			s.arrived(t, property)
		})
	}
}

// thanked sends the form and ends at our thank-you page.
func (s *tryout) thanked(t *testing.T, property string) {
	t.Helper()
	s.send()
	s.do(visible(".folio"))
	l := s.arrived(t, property)
	require.Equal(t, int64(l.RemoteID), number(t, s.text(".folio")))
	require.Equal(t, new("55 1234 5678"), l.Phone)
}

// widget goes through the form that the widget makes.
func (s *tryout) widget(t *testing.T, property string) {
	t.Helper()
	s.fill("name", "Ana López", "email", "ana@ejemplo.mx", "message", "¿Sigue disponible?")
	s.send()
	s.do(visible(".lr-done"))
	require.Equal(t, int64(s.arrived(t, property).RemoteID), number(t, s.text(".lr-folio")))
}

// What is wrong comes back as the form with what was typed, and from there the
// visitor ends on the site's page.
func (s *tryout) plainRecipe(t *testing.T) {
	s.visit("html", recipe(t, "html", s.relay, "EB-HT1"))
	s.fill("nombre", "Ana López", "correo", "ana@ejemplo.mx", "telefono", "55 1234 5678", "mensaje", " ")
	s.send()
	s.do(visible("[aria-invalid=true]"))
	require.Contains(t, s.text("body"), "Escribe qué quieres saber.")
	require.Empty(t, s.process.About("EB-HT1"))

	s.fill("mensaje", "¿Sigue disponible?")
	s.thankedOnTheSite(t)
	s.arrived(t, "EB-HT1")
}

// script goes through a form that a script sends: what is wrong stands at its
// fields; when the answer is lost the page says so, and sending again makes no
// second lead; the thanks have the folio.
func (s *tryout) script(t *testing.T, property, name, email, message string) {
	t.Helper()
	s.fill(name, "Ana López", email, "ana@ejemplo", message, " ")
	s.send()
	relaytest.Eventually(t, "the page shows what is wrong", func() bool { return len(s.alerts()) >= 2 })
	require.Subset(t, s.alerts(), []string{"Escribe el correo completo, por ejemplo nombre@ejemplo.com.", "Escribe qué quieres saber."})
	require.Contains(t, s.beside(email), "Escribe el correo completo")
	require.Contains(t, s.beside(message), "Escribe qué quieres saber.")

	s.fill(email, "ana@ejemplo.mx", message, "¿Sigue disponible?")
	s.lose.Store(true)
	s.send()
	relaytest.Eventually(t, "the page says that it failed", func() bool { return strings.Join(s.alerts(), " ") == "No se pudo enviar. Inténtalo de nuevo." })
	s.arrived(t, property)
	s.send()
	s.do(visible("[role=status]"))
	require.Equal(t, "Recibimos tu mensaje. Folio: "+s.arrived(t, property).RemoteID.String(), s.text("[role=status]"))
	wrong, first, again := s.posts.last()
	require.NotEmpty(t, wrong)
	require.NotEqual(t, wrong, first, "another inquiry has another key")
	require.Equal(t, first, again)
}

// setRight goes through the question about a mistyped address, which one press
// answers: the lead is the same. When that answer is lost, another press of the
// form's own button makes no second one.
func (s *tryout) setRight(t *testing.T, property, name, email, message string) {
	t.Helper()
	const question = `[role=status] button, [role=status] + button`
	s.fill(name, "Ana López", email, "ana@gmial.com", message, "¿Sigue disponible?")
	s.send()
	s.do(visible(question))
	require.Equal(t, "¿Quisiste decir ana@gmail.com?", s.text(question))
	kept := s.process.About(property)
	require.Len(t, kept, 1)
	require.Equal(t, new("ana@gmial.com"), kept[0].Email, "it is kept before the answer, and goes out without one")

	s.lose.Store(true)
	s.do(chromedp.Click(chromedp.CSS(question)))
	relaytest.Eventually(t, "the page says that it failed", func() bool { return strings.Join(s.alerts(), " ") == "No se pudo enviar. Inténtalo de nuevo." })
	s.send()
	s.do(visible("[role=status]"), chromedp.WaitNotPresent(chromedp.CSS(question)))
	require.Equal(t, "Recibimos tu mensaje. Folio: "+kept[0].RemoteID.String(), s.text("[role=status]"))
	right := s.process.About(property)
	require.Len(t, right, 1)
	require.Equal(t, new("ana@gmail.com"), right[0].Email)
}

// beside is what the page says in the paragraph of a field.
func (s *tryout) beside(name string) string {
	s.t.Helper()
	return ask(s.browser, chromedp.Evaluate[string](`document.querySelector("[name=`+name+`]").closest("p").textContent`))
}

// react builds the component as it stands in web/README.md into a page's script.
func (s *tryout) react(t *testing.T) string {
	t.Helper()
	dir := installed(t, "testdata/recipes")
	component := recipe(t, "react", s.relay, "")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "inquiry.jsx"), []byte(component), 0o600))
	runIn(t, dir, "", filepath.Join(dir, "node_modules/.bin/esbuild"), "page.jsx", "--bundle", "--jsx=automatic", "--outfile=page.js")
	return filepath.Join(dir, "page.js")
}
