package browser

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// servePage serves the page of the clients to a browser.
func servePage(t *testing.T, dir string, relay *string) *httptest.Server {
	t.Helper()
	page := template.Must(template.ParseFiles(filepath.Join(dir, "page.html")))
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.HandleFunc("/page.html", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, *relay)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// theirPage is the page of the clients in a real browser.
type theirPage struct {
	*browser
	dir, origin, relay string
	process            *relaytest.Process
}

func openTheirPage(t *testing.T) *theirPage {
	t.Helper()
	c := &theirPage{dir: strangers(t)}
	c.origin = servePage(t, c.dir, &c.relay).URL
	c.process = relayFor(t, c.origin)
	c.relay = "http://" + c.process.Public
	c.browser = openBrowser(t)
	c.open(c.origin)
	return c
}

func (c *theirPage) open(origin string) {
	c.t.Helper()
	c.do(chromedp.Navigate(origin+"/page.html"), chromedp.WaitReady(chromedp.CSS("body[data-ready]")))
}

// call lets one of the clients post, and returns what it tells.
func (c *theirPage) call(s stranger) told {
	c.t.Helper()
	args, err := json.Marshal([]any{s.Relay, s.Site, s.Fields})
	require.NoError(c.t, err)
	name, err := json.Marshal(s.Client)
	require.NoError(c.t, err)
	return ask(c.browser, chromedp.Evaluate[told]("clients["+string(name)+"](..."+string(args)+")", chromedp.EvalAwaitPromise))
}

func TestClientsInABrowser(t *testing.T) {
	t.Parallel()
	c := openTheirPage(t)
	clients := []string{
		"@formspree/core", "@formspree/core, a form", "axios", "axios, a form", "fetch", "fetch, urlencoded", "XMLHttpRequest", "jQuery's $.post",
	}
	for _, client := range clients {
		t.Run(client, func(t *testing.T) { checkClient(t, c.process, client, c.origin, c.call) })
	}
	t.Run("navigator.sendBeacon", c.beacon)
	t.Run("@formspree/ajax", c.formspree)
	t.Run("a plain form", c.plain)
	t.Run("a page that is not the site's", func(t *testing.T) {
		c.open(servePage(t, c.dir, &c.relay).URL)
		for _, client := range clients {
			got := c.call(stranger{client, c.relay, "default", map[string]string{"clave": "EB-other", "correo": "ana@ejemplo.mx", "mensaje": "Hola"}})
			require.NotEmpty(t, got.Form, client)
			require.Empty(t, got.Next, client)
		}
		require.Empty(t, c.process.About("EB-other"))
	})
}

func (c *theirPage) beacon(t *testing.T) {
	for property, body := range map[string]string{
		"EB-beaconjson": `JSON.stringify({clave: "EB-beaconjson", correo: "ana@ejemplo.mx", mensaje: "Hola"})`,
		"EB-beaconform": `new URLSearchParams({clave: "EB-beaconform", correo: "ana@ejemplo.mx", mensaje: "Hola"})`,
	} {
		require.True(t, ask(c.browser, chromedp.Evaluate[bool](`navigator.sendBeacon("`+c.relay+`/f/default", `+body+`)`)))
		relaytest.Eventually(t, "the beacon's lead is there", func() bool { return len(c.process.About(property)) == 1 })
	}
}

// Formspree's script, with a form as its page describes it.
func (c *theirPage) formspree(t *testing.T) {
	c.open(c.origin)
	c.do(chromedp.SendKeys(chromedp.CSS("#ajax [name=nombre]"), "Ana"), chromedp.SendKeys(chromedp.CSS("#ajax [name=correo]"), "ana@"),
		chromedp.Click(chromedp.CSS("#ajax button")), visible("[data-fs-error=correo]"))
	require.Equal(t, "Escribe el correo completo, por ejemplo nombre@ejemplo.com.", c.text("[data-fs-error=correo]"))
	require.Equal(t, "Escribe qué quieres saber.", c.text("[data-fs-error=mensaje]"))
	require.Equal(t, 2, ask(c.browser, chromedp.Evaluate[int](`document.querySelectorAll("#ajax [aria-invalid=true]").length`)))
	require.Empty(t, c.process.About("EB-ajax"))

	c.do(chromedp.SendKeys(chromedp.CSS("#ajax [name=correo]"), "ejemplo.mx"), chromedp.SendKeys(chromedp.CSS("#ajax [name=mensaje]"), "Hola"),
		chromedp.Click(chromedp.CSS("#ajax button")), visible("[data-fs-success]"))
	require.Regexp(t, "^"+c.relay+`/f/default/thanks\?folio=\d+$`, ask(c.browser, chromedp.Evaluate[string](`document.body.dataset.next`)))
	require.Len(t, c.process.About("EB-ajax"), 1)
}

// A form without any script of its own, which ends on the site's page.
func (c *theirPage) plain(t *testing.T) {
	c.open(c.origin)
	for name, value := range map[string]string{
		"Nombre": "Ana", "Apellidos": "López", "Correo electrónico": "ana@ejemplo.mx", "Tel.": "55 1234 5678", "clave": "EB-plain", "Mensaje": "Hola",
	} {
		c.do(chromedp.SendKeys(chromedp.CSS(`#plain [name="`+name+`"]`), value))
	}
	c.do(chromedp.Click(chromedp.CSS("#plain button")), visible("h1"))
	require.Equal(t, c.origin+"/gracias.html", ask(c.browser, chromedp.Location()))
	kept := c.process.About("EB-plain")
	require.Len(t, kept, 1)
	require.Equal(t, "Ana López", *kept[0].Name)
	require.Equal(t, "55 1234 5678", *kept[0].Phone)
}
