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

	"leadrelay/internal/accept"
)

// The minified scripts. TestTheWidgetIsBuilt makes them from the sources beside them.
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
	// widget is the script without the relay's address. Pages with its hash use it, so
	// that the hash is the same for every relay of a release.
	widget = newWidget("")
)

type script struct {
	plain, gzipped  []byte
	hash, integrity string
}

// WidgetPath returns the widget's path with its hash, for pages that have the hash.
func WidgetPath() string { return "/widget." + widget.hash + ".js" }

// WidgetIntegrity returns the integrity attribute for such a page.
func WidgetIntegrity() string { return widget.integrity }

// InquiryPath returns the path of the script that the widget loads when a visitor begins to
// write.
func InquiryPath() string { return "/inquiry." + inquiry.hash + ".js" }

// Widget serves the widget at both of its paths, the script that it loads, and its types
// for editors. Any page may load them. The script at /widget.js contains the relay's
// address, unless that is empty.
func Widget(relay string) http.Handler {
	const soon = "public, max-age=300, stale-while-revalidate=86400"
	const forever = "public, max-age=31536000, immutable"
	ours := newWidget(relay)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /widget.js", func(w http.ResponseWriter, r *http.Request) { ours.serve(w, r, soon) })
	mux.HandleFunc("GET "+WidgetPath(), func(w http.ResponseWriter, r *http.Request) { widget.serve(w, r, forever) })
	mux.HandleFunc("GET "+InquiryPath(), func(w http.ResponseWriter, r *http.Request) { inquiry.serve(w, r, forever) })
	mux.HandleFunc("GET /widget.d.ts", func(w http.ResponseWriter, r *http.Request) {
		setSharedHeaders(w.Header(), "text/plain; charset=utf-8", soon)
		serveFile(w, r, widgetTypes)
	})
	return mux
}

func (s script) serve(w http.ResponseWriter, r *http.Request, caching string) {
	h := w.Header()
	setSharedHeaders(h, contentTypes[".js"], caching)
	h.Set("Vary", "Accept-Encoding")
	body, etag := s.plain, s.hash
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body, etag = s.gzipped, s.hash+"-gzip"
	}
	h.Set("ETag", `"`+etag+`"`)
	serveFile(w, r, body)
}

// setSharedHeaders allows pages of any origin to load the answer. A browser needs CORS for
// this if the page has a hash.
func setSharedHeaders(h http.Header, kind, caching string) {
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", caching)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// newWidget returns the script with the relay's address. The address is normalized and
// has a slash at its end, because parsing one takes a phone a millisecond.
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
	return script{plain, gzipped(plain), hex.EncodeToString(sum[:8]), "sha384-" + base64.StdEncoding.EncodeToString(long[:])}
}

func gzipped(plain []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic("web: " + err.Error()) // the level is valid
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
