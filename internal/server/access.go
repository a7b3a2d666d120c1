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

// AccessLog is a middleware that logs each request of a door in one line and counts
// it. Handlers add to the line with the request's logger. The line has the route and
// not the path, because a client may write anything into the path. The probes of load
// balancers are logged at level debug.
func AccessLog(logger zerolog.Logger, metrics *Metrics, door string) func(http.Handler) http.Handler {
	logger = logger.With().Str("door", door).Logger()
	sample := newLogSampler(logger)
	count := metrics.requestsOf(door)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun := time.Now()
			var given string
			if ids := r.Header["X-Request-Id"]; len(ids) > 0 {
				given = ids[0]
			}
			id := requestID(given)
			w.Header()["X-Request-Id"] = []string{id}
			ctx := logger.With().Str("request_id", id).Logger().WithContext(r.Context())
			r, ww, completed := r.WithContext(ctx), middleware.NewWrapResponseWriter(w, r.ProtoMajor), false
			defer func() { // also if the handler panics
				status, took := ww.Status(), time.Since(begun) // status 0: there was no answer
				if completed {
					status = max(status, http.StatusOK)
				}
				path, method := route(r), method(r)
				count(path, method, status, took)
				at := level(path, status)
				if at > zerolog.DebugLevel && !sample.allow(status) {
					return
				}
				zerolog.Ctx(ctx).WithLevel(at).Str("method", method).Str("route", path).
					Int("status", status).Int("bytes", ww.BytesWritten()).Dur("took", took).Msg("request")
			}()
			next.ServeHTTP(ww, r)
			completed = true
		})
	}
}

// level returns the level at which a request is logged. Probes are logged at level
// debug, and our own failures as errors.
func level(route string, status int) zerolog.Level {
	switch {
	case route == HealthzPath, route == ReadyzPath:
		return zerolog.DebugLevel
	case status >= http.StatusInternalServerError:
		return zerolog.ErrorLevel
	}
	return zerolog.InfoLevel
}

// route returns the pattern that the request matched, or "none".
func route(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil {
		if p := c.RoutePattern(); p != "" && p != "/*" { // "/*" is the handler for everything else
			return p
		}
	}
	return "none"
}

// method returns the request's method, or "other" for one that HTTP does not define.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodTrace, http.MethodConnect:
		return r.Method
	}
	return "other"
}

// requestID returns the id that a proxy gave the request if it can be logged, and a
// new one otherwise.
func requestID(given string) string {
	const maxLength = 64
	if given != "" && len(given) <= maxLength && isToken(given) {
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
