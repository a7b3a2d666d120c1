package server

import "net/http"

// closeAmbiguous closes the connection after a request whose end a proxy may see
// elsewhere than we do, so that no bytes behind it are read as a second request (RFC
// 9112, 6.1). There are two such requests. A chunked body may come with a
// Content-Length, which hides a request, and net/http drops that header; no browser
// posts chunks. In HTTP/1.0, net/http ignores chunks and drops the header that
// announces them.
func closeAmbiguous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
