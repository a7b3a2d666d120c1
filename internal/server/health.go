package server

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// The paths that load balancers probe, on both doors.
const (
	HealthzPath = "/healthz"
	ReadyzPath  = "/readyz"
)

// Healthz answers that the process is alive.
func Healthz(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") }

// Readyz answers whether inquiries are accepted: the store can be written and the
// process is not about to stop. The process stays ready while EasyBroker is down,
// because inquiries are kept.
func Readyz(ready func(context.Context) error, drain *Drain) http.HandlerFunc {
	const patience = 2 * time.Second
	return func(w http.ResponseWriter, r *http.Request) {
		if drain.Begun() {
			writeText(w, http.StatusServiceUnavailable, "stopping\n")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if err := ready(ctx); err != nil {
			zerolog.Ctx(r.Context()).Error().Err(err).Msg("not ready")
			writeText(w, http.StatusServiceUnavailable, "the store cannot be written\n")
			return
		}
		writeText(w, http.StatusOK, "ready\n")
	}
}

// Starting answers everything else while the process starts.
func Starting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "5")
	writeText(w, http.StatusServiceUnavailable, "Estamos arrancando: intenta de nuevo en unos segundos.\nStarting: please try again in a few seconds.\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	confine(h)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
