package server

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"

	"leadrelay/internal/problem"
)

// NewLog returns a logger that neither a full nor a closed pipe can stop, and
// a function that writes what is left. When the reader does not keep up, the
// oldest lines are dropped and their number is logged.
func NewLog(w io.Writer, level zerolog.Level) (logger zerolog.Logger, flush func()) {
	const lines, patience = 4096, time.Second
	dropped := make(chan int, 1)
	ring := diode.NewWriter(w, lines, 0, func(missed int) {
		select {
		case dropped <- missed:
		default:
		}
	})
	logger = zerolog.New(&reporter{ring: ring, dropped: dropped}).Level(level).With().Timestamp().Logger()
	return logger, func() {
		done := make(chan struct{})
		go func() { defer close(done); _ = ring.Close() }()
		select {
		case <-done:
		case <-time.After(patience): // nobody reads; nothing is worth a frozen stop
		}
	}
}

// reporter says in the log how many lines it lost.
type reporter struct {
	ring    io.Writer
	dropped <-chan int
}

func (r *reporter) Write(line []byte) (int, error) {
	select {
	case n := <-r.dropped:
		_, _ = fmt.Fprintf(r.ring, `{"level":"warn","dropped":%d,"message":"log lines dropped"}`+"\n", n)
	default:
	}
	return r.ring.Write(line)
}

// AccessLog writes one wide line for each request of a door, and counts it.
// Handlers add to the line through the request's logger. It holds the route and
// not the path, because a path is whatever a client likes to write. The probes
// of load balancers show at the level debug only.
func AccessLog(logger zerolog.Logger, metrics *Metrics, door string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun := time.Now()
			id := requestID(r.Header.Get("X-Request-Id"))
			w.Header().Set("X-Request-Id", id)
			ctx := logger.With().Str("door", door).Str("request_id", id).Logger().WithContext(r.Context())
			line := zerolog.Ctx(ctx) // the one that handlers add to
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			r = r.WithContext(ctx)
			next.ServeHTTP(ww, r)
			status, took, route := max(ww.Status(), http.StatusOK), time.Since(begun), route(r)
			metrics.request(door, route, method(r), status, took)
			event := line.Info()
			if route == HealthzPath || route == ReadyzPath {
				event = line.Debug()
			}
			event.Str("method", method(r)).Str("route", route).Int("status", status).
				Int("bytes", ww.BytesWritten()).Dur("took", took).Msg("request")
		})
	}
}

// route is the pattern that the request matched.
func route(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil {
		if p := c.RoutePattern(); p != "" {
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

// Recover answers a panic with an internal problem and logs it once, with the
// stack. The value itself may hold what a visitor typed, so only errors of the
// runtime are quoted.
func Recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if what == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(what)
			}
			text := fmt.Sprintf("%T", what)
			if err, ok := what.(runtime.Error); ok {
				text = err.Error()
			}
			zerolog.Ctx(r.Context()).Error().Str("panic", text).Bytes("stack", debug.Stack()).Msg("panic")
			problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
				return problem.New(problem.Internal, nil)
			}).ServeHTTP(w, r)
		}()
		next.ServeHTTP(w, r)
	})
}
