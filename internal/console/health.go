package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// Readiness is the detailed answer of the operator's probe.
type Readiness struct {
	Ready       bool              `json:"ready"`
	Store       string            `json:"store"` // ok, or why it cannot be written
	Draining    bool              `json:"draining"`
	Credentials []lead.Credential `json:"credentials"` // the relay is ready even if EasyBroker is down

	// VacuumHeldBack is for how many seconds another program's transaction has kept
	// PostgreSQL from cleaning up.
	VacuumHeldBack int `json:"vacuum_held_back_seconds,omitempty"`
}

// Readyz is the operator's probe. With ?verbose in the query it answers a [Readiness]
// as JSON, otherwise it calls brief. It needs no token, so it shows neither keys nor
// anything of a visitor. It does not belong on the public door.
func Readyz(
	brief http.Handler, ready func(context.Context) error, heldBack func(context.Context) (time.Duration, error), draining func() bool,
	credentials func() []lead.Credential,
) http.HandlerFunc {
	const timeout = 2 * time.Second
	return func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("verbose") {
			brief.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		all := Readiness{Store: "ok", Draining: draining(), Credentials: credentials()}
		err := ready(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			all.Store = "the database does not answer in time: another program may hold it, or its disk or server is slow"
		case err != nil:
			all.Store = err.Error()
		}
		if held, err := heldBack(ctx); err == nil { // else nobody knows, and all is as ready as it was
			all.VacuumHeldBack = int(held.Seconds())
		}
		all.Ready = err == nil && !all.Draining
		writeReadiness(w, all)
	}
}

func writeReadiness(w http.ResponseWriter, all Readiness) {
	if all.Credentials == nil {
		all.Credentials = []lead.Credential{}
	}
	problem.Guard(w.Header())
	w.Header().Set("Content-Type", "application/json")
	if !all.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(all) // if it fails, the client has gone
}
