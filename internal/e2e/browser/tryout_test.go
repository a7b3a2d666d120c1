package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
)

// tryout is a site with recipes on its pages, in a real browser, and the relay
// that they post to.
type tryout struct {
	*browser
	pages         *http.ServeMux
	origin, relay string
	process       *relaytest.Process
	lose          atomic.Bool // the next answer to a post
	posts         posts
}

// posts are the ids that the pages' posts came with.
type posts struct {
	mu  sync.Mutex
	ids []string
}

func (p *posts) note(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = append(p.ids, id)
}

// last are those of the last three.
func (p *posts) last() (a, b, c string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.ids)
	return p.ids[n-3], p.ids[n-2], p.ids[n-1]
}

func openTryout(t *testing.T) *tryout {
	t.Helper()
	s := &tryout{pages: http.NewServeMux()}
	site := httptest.NewServer(s.pages)
	t.Cleanup(site.Close)
	s.origin = site.URL
	s.process = relayFor(t, s.origin)
	way := httptest.NewServer(s.way())
	t.Cleanup(way.Close)
	s.relay = way.URL
	s.browser = openBrowser(t)
	s.page("gracias", "<h1>Gracias</h1>")
	return s
}

// way is what lies between the page and the relay: it loses an answer when it
// is told to, and the page waits for it in vain.
func (s *tryout) way() http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.process.Public})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			s.posts.note(r.Header.Get("Idempotency-Key"))
		}
		if r.Method == http.MethodPost && s.lose.Swap(false) {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// impatient lets a page wait for a second where it would wait for fifteen.
const impatient = `<script>{
	const later = setTimeout;
	window.setTimeout = (f, ms, ...more) => later(f, ms === 15000 ? 1000 : ms, ...more);
}</script>`

// old is what visitors have: iOS 15 has no AbortSignal.timeout, and a page without
// https no crypto.randomUUID.
const old = `<script>
	delete AbortSignal.timeout; delete AbortSignal.any; delete Crypto.prototype.randomUUID;
	delete window.structuredClone; delete Array.prototype.at; delete Object.hasOwn;
	delete HTMLFormElement.prototype.requestSubmit;
	if (AbortSignal.timeout || crypto.randomUUID) throw new Error("this page is too modern");
</script>`

// page puts a page on the site.
func (s *tryout) page(name, body string) {
	const head = `<!doctype html><html lang="es"><meta charset="utf-8"><title>Casa</title><link rel="icon" href="data:,">` + impatient
	s.pages.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, head+body)
	})
}

// visit opens a page with that on it.
func (s *tryout) visit(name, body string) {
	s.t.Helper()
	s.page(name, body)
	s.do(chromedp.Navigate(s.origin + "/" + name))
}

// fill types into the fields, by their names, over what is there.
func (s *tryout) fill(pairs ...string) {
	s.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		field := `[name="` + pairs[i] + `"]`
		s.do(visible(field), chromedp.Evaluate[chromedp.Void](`document.querySelector('`+field+`').select()`),
			chromedp.SendKeys(chromedp.CSS(field), pairs[i+1]))
	}
}

func (s *tryout) send() {
	s.t.Helper()
	s.do(chromedp.Click(chromedp.CSS("form [type=submit], form button")))
}

// alerts are what the page complains of.
func (s *tryout) alerts() []string {
	s.t.Helper()
	return ask(s.browser, chromedp.Evaluate[[]string](`[...document.querySelectorAll("[role=alert]")].map((e) => e.textContent)`))
}

// arrived is the one lead about the property, as it was typed.
func (s *tryout) arrived(t *testing.T, property string) console.LeadDetail {
	t.Helper()
	kept := s.process.About(property)
	require.Len(t, kept, 1)
	l := kept[0]
	require.Equal(t, []*string{new("Ana López"), new("ana@ejemplo.mx"), new("¿Sigue disponible?")}, []*string{l.Name, l.Email, l.Message})
	require.NotEqualValues(t, "quarantined", l.State)
	return l
}

// thankedOnTheSite sends the form and ends on the site's own page.
func (s *tryout) thankedOnTheSite(t *testing.T) {
	t.Helper()
	s.send()
	s.do(visible("h1"), chromedp.WaitNotPresent(chromedp.CSS("form")))
	require.Equal(t, s.origin+"/gracias", ask(s.browser, chromedp.Location()))
}
