package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"text/template"
	"time"

	"leadrelay/internal/accept"
)

// The scripts as they go out: TestTheWidgetIsBuilt makes them of those beside
// them, which are written for their readers.
var (
	//go:embed widget/widget.min.js
	widgetSource string
	//go:embed widget/inquiry.min.js
	inquirySource string
	//go:embed widget/widget.d.ts
	widgetTypes []byte
)

var (
	inquiry = newScript(strings.TrimSpace(inquirySource))
	// widget is the script of a relay that does not know its own address, and of
	// pages that name its hash: so that is the same for every relay of a release.
	widget = newWidget("")
)

type script struct {
	plain, zipped   []byte
	hash, integrity string
}

// WidgetPath is the widget's address that changes with it, for pages that name
// its hash.
func WidgetPath() string { return "/widget." + widget.hash + ".js" }

// WidgetIntegrity is what such a page writes into its integrity attribute.
func WidgetIntegrity() string { return widget.integrity }

// InquiryPath is the address of what the widget loads when a visitor begins.
func InquiryPath() string { return "/inquiry." + inquiry.hash + ".js" }

// Widget serves the script below both of its addresses, what it loads when a
// visitor begins, and its types for editors. Any page may load them. The
// script at /widget.js knows the relay's address, if that is not empty.
func Widget(relay string) http.Handler {
	const soon = "public, max-age=300, stale-while-revalidate=86400"
	const forever = "public, max-age=31536000, immutable"
	ours := newWidget(relay)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /widget.js", func(w http.ResponseWriter, r *http.Request) { ours.serve(w, r, soon) })
	mux.HandleFunc("GET "+WidgetPath(), func(w http.ResponseWriter, r *http.Request) { widget.serve(w, r, forever) })
	mux.HandleFunc("GET "+InquiryPath(), func(w http.ResponseWriter, r *http.Request) { inquiry.serve(w, r, forever) })
	mux.HandleFunc("GET /widget.d.ts", func(w http.ResponseWriter, r *http.Request) {
		share(w.Header(), "text/plain; charset=utf-8", soon)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(widgetTypes))
	})
	return mux
}

func (s script) serve(w http.ResponseWriter, r *http.Request, caching string) {
	h := w.Header()
	share(h, kinds[".js"], caching)
	h.Set("Vary", "Accept-Encoding")
	body, etag := s.plain, s.hash
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body, etag = s.zipped, s.hash+"-gzip"
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// share lets pages of any origin load what is served, by CORS too: a browser
// asks for that where a page names a hash.
func share(h http.Header, kind, caching string) {
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", caching)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// newWidget writes the relay's address into the script, as browsers write addresses
// and with a slash at its end: to take one apart costs a phone a millisecond.
func newWidget(relay string) script {
	if relay != "" {
		relay += "/"
	}
	marks := strings.NewReplacer("{{relay}}", template.JSEscapeString(relay), "{{inquiry}}", strings.TrimPrefix(InquiryPath(), "/"), "{{integrity}}", inquiry.integrity)
	return newScript(marks.Replace(strings.TrimSpace(widgetSource)))
}

func newScript(source string) script {
	plain := []byte(source)
	sum, long := sha256.Sum256(plain), sha512.Sum384(plain)
	return script{plain, zip(plain), hex.EncodeToString(sum[:8]), "sha384-" + base64.StdEncoding.EncodeToString(long[:])}
}

func zip(plain []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic("web: " + err.Error()) // nothing here can fail
	}
	_, err = z.Write(plain)
	if err := errors.Join(err, z.Close()); err != nil {
		panic("web: " + err.Error())
	}
	return b.Bytes()
}

// takesGzip reports whether an Accept-Encoding header names gzip and does not
// refuse it.
func takesGzip(header string) bool {
	for _, name := range []string{"gzip", "x-gzip"} {
		if quality, isNamed := accept.Quality(header, name); isNamed {
			return quality > 0
		}
	}
	return false
}
