package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A visitor on a slow phone waits for every byte.
func TestTheWidgetIsSmall(t *testing.T) {
	t.Logf("%d bytes, %d gzipped", len(widget.plain), len(widget.gzipped))
	require.LessOrEqual(t, len(widget.plain), 22_000)
	require.LessOrEqual(t, len(widget.gzipped), 8_000)
	t.Logf("and once somebody writes: %d bytes, %d gzipped", len(inquiry.plain), len(inquiry.gzipped))
	require.LessOrEqual(t, len(inquiry.gzipped), 6_000) // it is loaded while the visitor writes
}

func TestWidgetAddresses(t *testing.T) {
	tests := map[string]struct {
		path, accept string
		status       int
		zipped       bool
		caching      string
	}{
		"as pages name it":           {"/widget.js", "", 200, false, "public, max-age=300, stale-while-revalidate=86400"},
		"for a browser":              {"/widget.js", "gzip, deflate, br", 200, true, "public, max-age=300, stale-while-revalidate=86400"},
		"for whom gzip is too much":  {"/widget.js", "gzip;q=0, br", 200, false, "public, max-age=300, stale-while-revalidate=86400"},
		"for whom it is second best": {"/widget.js", "br, gzip;q=0.5", 200, true, "public, max-age=300, stale-while-revalidate=86400"},
		"by its hash":                {WidgetPath(), "GZIP", 200, true, "public, max-age=31536000, immutable"},
		"by the hash of another":     {"/widget.0123456789abcdef.js", "", 404, false, ""},
		"what becomes of an inquiry": {InquiryPath(), "gzip", 200, true, "public, max-age=31536000, immutable"},
		"its types":                  {"/widget.d.ts", "gzip", 200, false, "public, max-age=300, stale-while-revalidate=86400"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tt.path, nil)
			r.Header.Set("Accept-Encoding", tt.accept)
			w := httptest.NewRecorder()
			Widget("").ServeHTTP(w, r)
			require.Equal(t, tt.status, w.Code)
			if tt.status != http.StatusOK {
				return
			}
			h := w.Header()
			require.Equal(t, tt.caching, h.Get("Cache-Control"))
			require.Equal(t, tt.zipped, h.Get("Content-Encoding") == "gzip")
			require.Equal(t, "*", h.Get("Access-Control-Allow-Origin"))
			require.Equal(t, "cross-origin", h.Get("Cross-Origin-Resource-Policy"))
			require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
			require.NotEmpty(t, unzipped(t, w.Body.Bytes(), tt.zipped))
			if strings.HasSuffix(tt.path, ".js") {
				want := widget
				if tt.path == InquiryPath() {
					want = inquiry
				}
				require.Equal(t, want.plain, unzipped(t, w.Body.Bytes(), tt.zipped))
				require.Equal(t, "text/javascript; charset=utf-8", h.Get("Content-Type"))
				require.Equal(t, "Accept-Encoding", h.Get("Vary"))
			}
		})
	}
}

func unzipped(t *testing.T, body []byte, zipped bool) []byte {
	t.Helper()
	if !zipped {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	return plain
}

// A cache revalidates with its ETag, and each encoding has another one.
func TestTheWidgetIsNotSentTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, accept := range []string{"", "gzip"} {
		first := fetch(accept, "")
		etag := first.Header().Get("ETag")
		require.False(t, seen[etag])
		seen[etag] = true
		again := fetch(accept, etag)
		require.Equal(t, http.StatusNotModified, again.Code)
		require.Zero(t, again.Body.Len())
	}
}

func fetch(accept, etag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/widget.js", nil)
	r.Header.Set("Accept-Encoding", accept)
	r.Header.Set("If-None-Match", etag)
	w := httptest.NewRecorder()
	Widget("").ServeHTTP(w, r)
	return w
}

func TestWidgetIntegrity(t *testing.T) {
	sum := sha512.Sum384(widget.plain)
	require.Equal(t, "sha384-"+base64.StdEncoding.EncodeToString(sum[:]), WidgetIntegrity())
}

// The script contains the relay's address if it is set, but not the one with a hash.
func TestTheWidgetKnowsItsRelay(t *testing.T) {
	served := func(path string) string {
		w := httptest.NewRecorder()
		Widget("https://leads.casas.mx").ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.String()
	}
	require.Contains(t, served("/widget.js"), `="https://leads.casas.mx/"`)
	require.NotContains(t, served(WidgetPath()), "leads.casas.mx")
	require.NotContains(t, served("/widget.js")+served(WidgetPath()), "{{")
	require.Contains(t, served("/widget.js"), InquiryPath()[1:])
	require.LessOrEqual(t, len(newWidget("https://leads.casas.mx").gzipped), 8_000)
}
