package server

import "net/http"

// closeInDoubt ends the connection with the answer to a request of which a proxy
// may see another end than we do, so that nothing behind it is read as a second
// request (RFC 9112, 6.1). One is a body in chunks: a length beside the chunks is
// a way to hide a request, and net/http forgets the length. No browser posts so.
// The other is HTTP/1.0, where net/http takes no notice of chunks, and forgets
// that they were named.
func closeInDoubt(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
