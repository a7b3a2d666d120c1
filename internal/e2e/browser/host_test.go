package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
)

// host is an agency's site on an origin of its own, with the widget on its
// pages, in a real browser. Its policy allows nothing but what it must: scripts
// with its nonce, and the relay.
type host struct {
	*browser
	pages         *http.ServeMux
	origin, relay string
	process       *relaytest.Process
	way           *way
	shown         int
}

const hostNonce = "bm9uY2U"

func openHost(t *testing.T, flags ...chromedp.ExecAllocatorOption) *host {
	t.Helper()
	h := unvisited(t)
	h.browser = openBrowser(t, flags...)
	return h
}

// unvisited is a host that no browser of ours looks at.
func unvisited(t *testing.T) *host {
	t.Helper()
	h := &host{browser: &browser{t: t}, pages: http.NewServeMux()}
	site := httptest.NewServer(h.pages)
	t.Cleanup(site.Close)
	h.origin = site.URL
	h.process = relayFor(t, h.origin)
	h.way = &way{to: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: h.process.Public})}
	h.way.to.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	server := httptest.NewServer(h.way)
	t.Cleanup(server.Close)
	h.relay = server.URL
	return h
}

func (h *host) policy() string {
	return "default-src 'none'; script-src 'nonce-" + hostNonce + "'; style-src 'nonce-" + hostNonce + "'; connect-src " + h.relay + "; form-action " + h.relay +
		"; img-src data:; base-uri 'none'; require-trusted-types-for 'script'"
}

// tag is the script's, with the attributes given.
func (h *host) tag(attributes string) string {
	return `<script defer nonce="` + hostNonce + `" src="` + h.relay + `/widget.js" ` + attributes + `></script>`
}

// show opens a page with that in its body; what may follow are lines of its head.
func (h *host) show(body string, head ...string) {
	h.t.Helper()
	h.do(chromedp.Navigate(h.serve(body, head...)))
}

// serve puts such a page on the site, and returns its address.
func (h *host) serve(body string, head ...string) string {
	h.t.Helper()
	h.shown++
	path := fmt.Sprintf("/casa/%d", h.shown)
	h.pages.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", h.policy())
		_, _ = io.WriteString(w, `<!doctype html><html lang="es-MX"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Casa</title>`+
			`<link rel="icon" href="data:,">`+strings.Join(head, "\n")+"<body>"+body)
	})
	return h.origin + path
}

// way is what lies between the page and the relay. Snags are used up one by
// one by the posts that come.
type way struct {
	to    *httputil.ReverseProxy
	mu    sync.Mutex
	snags []snag
	posts []url.Values
	// second answers for the widget's second file in the relay's stead, if it
	// reports that it did.
	second func(w http.ResponseWriter, r *http.Request) bool
}

// snag is what happens to a post instead of its answer.
type snag func(w http.ResponseWriter, r *http.Request, on http.Handler)

func (w *way) will(snags ...snag) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.snags = snags
}

func (w *way) answerSecond(with func(w http.ResponseWriter, r *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.second = with
}

func (w *way) posted() []url.Values {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]url.Values(nil), w.posts...)
}

// next is the snag of this post, if any.
func (w *way) next(r *http.Request) snag {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return cut
	}
	r.Body = io.NopCloser(strings.NewReader(string(text)))
	form, _ := url.ParseQuery(string(text))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.posts = append(w.posts, form)
	if len(w.snags) == 0 {
		return nil
	}
	f := w.snags[0]
	w.snags = w.snags[1:]
	return f
}

func (w *way) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if f := w.next(r); f != nil {
			f(rw, r, w.to)
			return
		}
	}
	if strings.HasPrefix(r.URL.Path, "/inquiry.") {
		w.mu.Lock()
		second := w.second
		w.mu.Unlock()
		if second != nil && second(rw, r) {
			return
		}
	}
	w.to.ServeHTTP(rw, r)
}

// cut cuts the connection before the relay has seen anything.
func cut(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// lose lets the relay keep the lead, and cuts the connection before its answer.
func lose(_ http.ResponseWriter, r *http.Request, on http.Handler) {
	on.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// hang keeps the lead and the visitor waiting.
func hang(_ http.ResponseWriter, r *http.Request, on http.Handler) {
	on.ServeHTTP(httptest.NewRecorder(), r)
	<-r.Context().Done()
}

// refuse answers with a status in the relay's stead, as a proxy does.
func refuse(status int, header ...string) snag {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

// fill types into the widget's fields, by their names, over what is there.
func (h *host) fill(pairs ...string) {
	h.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		field := `form [name="` + pairs[i] + `"]`
		h.do(visible(field), chromedp.Evaluate[chromedp.Void](`document.querySelector('`+field+`').select()`),
			chromedp.SendKeys(chromedp.CSS(field), pairs[i+1]))
	}
}

func (h *host) send() {
	h.t.Helper()
	h.do(chromedp.Click(chromedp.CSS("form button:not([type=button])")))
}

// thanked waits for the thanks; their folio is the number of the one lead about
// the property.
func (h *host) thanked(property string) console.LeadDetail {
	h.t.Helper()
	h.do(visible(".lr-done"))
	kept := h.process.About(property)
	require.Len(h.t, kept, 1)
	require.Equal(h.t, int64(kept[0].RemoteID), number(h.t, h.text(".lr-folio")))
	return kept[0]
}

func (h *host) offline(isOffline bool) {
	h.t.Helper()
	conditions := []*network.Conditions{}
	if isOffline {
		conditions = append(conditions, &network.Conditions{Offline: true, DownloadThroughput: -1, UploadThroughput: -1})
	}
	_, err := chromedp.Call(h.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: conditions})
	require.NoError(h.t, err)
	_, err = chromedp.Call(h.ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: isOffline, DownloadThroughput: -1, UploadThroughput: -1})
	require.NoError(h.t, err)
}

// shoot keeps a picture of the page when somebody wants to look at it.
func (h *host) shoot(name string) {
	h.t.Helper()
	dir := os.Getenv("LEADRELAY_SHOTS")
	if dir == "" {
		return
	}
	png := ask(h.browser, chromedp.FullScreenshot(100))
	require.NoError(h.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}
