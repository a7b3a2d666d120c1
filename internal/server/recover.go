package server

import (
	"net/http"
	"runtime/debug"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"leadrelay/internal/locale"
	"leadrelay/internal/panics"
	"leadrelay/internal/problem"
)

// Recover answers a panic with an internal problem and logs it once, with the stack.
// If the answer has begun, Recover cuts it off instead, so that the client sees that
// it is incomplete.
func Recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ww, ok := w.(middleware.WrapResponseWriter) // the access log's
		if !ok {
			ww = middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		}
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if what == http.ErrAbortHandler { //nolint:errorlint // net/http compares it in this way
				panic(what)
			}
			panics.Log(*zerolog.Ctx(r.Context()), &panics.Error{What: panics.Describe(what), Stack: debug.Stack()})
			if ww.Status() != 0 {
				panic(http.ErrAbortHandler)
			}
			w.Header().Del("Content-Length") // of the answer that is replaced
			w.Header().Del("Content-Encoding")
			// Not with problem.HandlerFunc: the request's log line may have a problem already.
			problem.WriteJSON(w, problem.New(problem.Internal, nil), locale.Match(r.Header.Get("Accept-Language")))
		}()
		next.ServeHTTP(ww, r)
	})
}
