package server

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
)

// Recover answers a panic with an internal problem and logs it once, with the
// stack. An answer that has begun is cut instead, so that nobody takes it for a
// whole one.
func Recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if what == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(what)
			}
			zerolog.Ctx(r.Context()).Error().Str("panic", describe(what)).Bytes("stack", debug.Stack()).Msg("panic")
			if ww.Status() != 0 {
				panic(http.ErrAbortHandler)
			}
			w.Header().Del("Content-Length") // those of the answer that is not to be
			w.Header().Del("Content-Encoding")
			// Not through problem.HandlerFunc: the request's line may name a problem already.
			problem.WriteJSON(w, problem.New(problem.Internal, nil), locale.Match(r.Header.Get("Accept-Language")))
		}()
		next.ServeHTTP(ww, r)
	})
}

// describe quotes errors of the runtime only: any other value may hold what a
// visitor typed.
func describe(what any) string {
	if err, ok := what.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", what)
}
