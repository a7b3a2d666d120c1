package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed widget/widget.js
var widgetSource string

//go:embed widget/widget.d.ts
var widgetTypes []byte

// widget is the script as it goes out: what is written for its readers stays
// here.
var widget = newWidget(widgetSource)

type script struct {
	plain, zipped   []byte
	hash, integrity string
}

// WidgetPath is the widget's address that changes with it, for pages that name
// its hash.
func WidgetPath() string { return "/widget." + widget.hash + ".js" }

// WidgetIntegrity is what such a page writes into its integrity attribute.
func WidgetIntegrity() string { return widget.integrity }

// Widget serves the script below both of its addresses, and its types for
// editors. Any page may load them.
func Widget() http.Handler {
	const soon = "public, max-age=300, stale-while-revalidate=86400"
	const forever = "public, max-age=31536000, immutable"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /widget.js", func(w http.ResponseWriter, r *http.Request) { widget.serve(w, r, soon) })
	mux.HandleFunc("GET "+WidgetPath(), func(w http.ResponseWriter, r *http.Request) { widget.serve(w, r, forever) })
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

func newWidget(source string) script {
	plain := []byte(withoutNotes(source))
	sum, long := sha256.Sum256(plain), sha512.Sum384(plain)
	return script{plain, zip(plain), hex.EncodeToString(sum[:8]), "sha384-" + base64.StdEncoding.EncodeToString(long[:])}
}

// withoutNotes drops comments and indentation: a visitor on a slow phone need
// not wait for them. A comment begins a line or ends one, and the script keeps
// to that; what begins with //# is for browsers.
func withoutNotes(source string) string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " // ")
		if line != "" && (!strings.HasPrefix(line, "//") || strings.HasPrefix(line, "//#")) {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func zip(plain []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(plain)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic("web: " + err.Error()) // nothing here can fail
	}
	return b.Bytes()
}

// takesGzip reports whether an Accept-Encoding header names gzip, or all, and
// does not refuse it.
func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			q, isSet := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(params), " ", ""), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !isSet || err != nil || weight > 0
		}
	}
	return false
}
