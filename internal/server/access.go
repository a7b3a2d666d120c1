package server

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

// AccessLog writes one wide line for each request of a door, and counts it.
// Handlers add to the line through the request's logger. It holds the route and
// not the path, because a path is whatever a client likes to write. The probes
// of load balancers show at the level debug only.
func AccessLog(logger zerolog.Logger, metrics *Metrics, door string) func(http.Handler) http.Handler {
	logger = logger.With().Str("door", door).Logger()
	sample := newSampling(logger)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun := time.Now()
			id := requestID(r.Header.Get("X-Request-Id"))
			w.Header().Set("X-Request-Id", id)
			ctx := logger.With().Str("request_id", id).Logger().WithContext(r.Context())
			r, ww, whole := r.WithContext(ctx), middleware.NewWrapResponseWriter(w, r.ProtoMajor), false
			defer func() { // also when the handler aborts
				status, took := ww.Status(), time.Since(begun) // status 0: there was no answer
				if whole {
					status = max(status, http.StatusOK)
				}
				path, method := route(r), method(r)
				metrics.request(door, path, method, status, took)
				at := level(path, status)
				if at > zerolog.DebugLevel && !sample.takes(status) {
					return
				}
				zerolog.Ctx(ctx).WithLevel(at).Str("method", method).Str("route", path).
					Int("status", status).Int("bytes", ww.BytesWritten()).Dur("took", took).Msg("request")
			}()
			next.ServeHTTP(ww, r)
			whole = true
		})
	}
}

// level keeps probes out of the log, and what we failed at in it.
func level(route string, status int) zerolog.Level {
	switch {
	case route == HealthzPath, route == ReadyzPath:
		return zerolog.DebugLevel
	case status >= http.StatusInternalServerError:
		return zerolog.ErrorLevel
	}
	return zerolog.InfoLevel
}

// route is the pattern that the request matched.
func route(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil {
		if p := c.RoutePattern(); p != "" && p != "/*" { // the latter is a handler for all the rest
			return p
		}
	}
	return "none"
}

// method keeps invented methods out of logs and metrics.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodTrace, http.MethodConnect:
		return r.Method
	}
	return "other"
}

// requestID takes over an id that a proxy has given, when it is fit to be
// logged, and makes one otherwise.
func requestID(given string) string {
	const longest = 64
	if given != "" && len(given) <= longest && isToken(given) {
		return given
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
