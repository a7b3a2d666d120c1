package server

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// The addresses that load balancers probe, on both doors.
const (
	HealthzPath = "/healthz"
	ReadyzPath  = "/readyz"
)

// Healthz says that the process lives.
func Healthz(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok\n") }

// Readyz says whether inquiries can be taken: the store takes writes and the
// process is not about to stop. EasyBroker being down does not make it unready,
// because inquiries are kept meanwhile.
func Readyz(ready func(context.Context) error, drain *Drain) http.HandlerFunc {
	const patience = 2 * time.Second
	return func(w http.ResponseWriter, r *http.Request) {
		if drain.Begun() {
			say(w, http.StatusServiceUnavailable, "stopping\n")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if err := ready(ctx); err != nil {
			zerolog.Ctx(r.Context()).Error().Err(err).Msg("not ready")
			say(w, http.StatusServiceUnavailable, "the store cannot be written\n")
			return
		}
		say(w, http.StatusOK, "ready\n")
	}
}

func say(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
