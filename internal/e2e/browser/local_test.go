package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// Somebody tries a page of his own before there is a key or a domain. By its other
// name, the page is another origin.
func TestAPageOnThisMachine(t *testing.T) {
	t.Parallel()
	page := ""
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html") // as Python's server does
		_, _ = io.WriteString(w, page)
	}))
	t.Cleanup(site.Close)
	origin := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	s := &tryout{process: relayFor(t, origin), browser: openBrowser(t, inSpanish)}
	relay := "http://" + s.process.Public
	for _, name := range []string{"prueba", "local"} {
		page = strings.ReplaceAll(recipe(t, name, "", "EB-"+name), "http://127.0.0.1:8080", relay)
		s.do(chromedp.Navigate(origin))
		s.fill("name", "Ana López", "email", "ana@ejemplo.mx", "message", "¿Sigue disponible?")
		s.send()
		s.do(visible(".lr-done"))
		s.arrived(t, "EB-"+name)
	}
	s.quiet(http.StatusNotFound) // /favicon.ico

	s.do(chromedp.Navigate(site.URL))
	s.fill("name", "Ana López", "email", "ana@ejemplo.mx", "message", "¿Y por aquí?")
	s.send()
	s.do(visible("h1"), chromedp.WaitNotPresent(chromedp.CSS("form")))
	require.Equal(t, "Esta página no puede enviar mensajes aquí", ask(s.browser, chromedp.Text(chromedp.CSS("h1"))))
	require.Contains(t, s.process.Output(), `"allow_with":"LEADRELAY_ORIGINS=`+origin+`,`+site.URL+`"`)
}

// A page that is opened as a file has no origin. A plain form gets through, and the log
// has a remedy for a script.
func TestAPageThatIsAFile(t *testing.T) {
	t.Parallel()
	s := &tryout{process: relayFor(t, "https://casas.mx"), browser: openBrowser(t, inSpanish)}
	relay := "http://" + s.process.Public
	file := filepath.Join(t.TempDir(), "index.html")
	open := func(body string) {
		require.NoError(t, os.WriteFile(file, []byte(`<!doctype html><meta charset="utf-8"><title>Casa</title>`+body), 0o600))
		s.do(chromedp.Navigate("file://" + file))
	}
	open(recipe(t, "formulario", relay, "EB-FILE"))
	s.fill("nombre", "Ana López", "correo", "ana@ejemplo.mx", "mensaje", "¿Sigue disponible?")
	s.send()
	s.do(visible(".folio"))
	s.arrived(t, "EB-FILE")

	open(`<script>fetch("` + relay + `/f", { method: "POST", body: new URLSearchParams({ mensaje: "Hola" }) }).catch(() => { document.title = "refused"; })</script>`)
	relaytest.Eventually(t, "the script is refused", func() bool { return ask(s.browser, chromedp.Title()) == "refused" })
	require.Contains(t, s.process.Output(), `"origin":"null","remedy":"open the page over http or https`)
}
