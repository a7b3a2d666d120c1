package server

import "net/http"

// Confine is a middleware by which no answer does anything in a browser: it loads and runs
// nothing, stands in no frame, and is of the type that it says. A page sets a policy of its
// own, which lets it have what it needs.
func Confine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		confine(w.Header())
		next.ServeHTTP(w, r)
	})
}

func confine(h http.Header) {
	h["Content-Security-Policy"] = noContent
	h["X-Content-Type-Options"] = noSniff
}

// All answers share these values, so they cost no allocation.
var (
	noContent = []string{"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	noSniff   = []string{"nosniff"}
)
