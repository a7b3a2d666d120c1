package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

const assetPrefix = "/assets/"

// contentTypes are the types of the files that are served by name.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// asset is a file with the headers of its answer.
type asset struct {
	folder, name, contentType, query, etag string
	body                                   []byte
}

var assets = readAssets(Files)

// AssetURL returns the URL of an asset: "page.css" in the folder static, or
// "demo/property.css" in another one. The URL changes with the contents, so a browser may
// cache the file forever.
func AssetURL(name string) string {
	a, ok := assets[name]
	if !ok {
		return assetPrefix + name
	}
	return assetPrefix + name + "?" + a.query
}

// Assets serves the style sheets, scripts and drawings in static and in the given folders.
func Assets(folders ...string) http.Handler {
	served := make(map[string]asset)
	for name, a := range assets {
		if a.folder == "static" || slices.Contains(folders, a.folder) {
			served[assetPrefix+name] = a
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := served[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		default:
			a.serve(w, r)
		}
	})
}

// DemoAssets serves the assets of the sample property page.
func DemoAssets() http.Handler { return Assets("demo") }

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", a.etag)
	// The URL of another build must not be cached with our contents.
	h.Set("Cache-Control", "no-cache")
	if r.URL.RawQuery == a.query {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	serveFile(w, r, a.body)
}

// serveFile serves a small file, whole: an answer of many ranges, each with headers of
// its own, would be many times as long as the file. The headers are those of w.
func serveFile(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Header.Del("Range")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func readAssets(files fs.FS) map[string]asset {
	found := make(map[string]asset)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		kind, ok := contentTypes[path.Ext(name)]
		if err != nil || !ok {
			return err
		}
		body, err := fs.ReadFile(files, name)
		a := newAsset(name, kind, body)
		found[a.name] = a
		return err
	})
	if err != nil {
		panic("web: " + err.Error()) // the files are part of the binary
	}
	return found
}

func newAsset(name, kind string, body []byte) asset {
	sum := sha256.Sum256(body)
	version := hex.EncodeToString(sum[:8])
	folder, _, _ := strings.Cut(name, "/")
	return asset{
		folder:      folder,
		name:        strings.TrimPrefix(name, "static/"),
		contentType: kind,
		query:       "v=" + version,
		etag:        `"` + version + `"`,
		body:        body,
	}
}
