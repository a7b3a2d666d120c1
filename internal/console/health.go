package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// Readiness is what the operator's probe says when asked for all of it.
type Readiness struct {
	Ready       bool              `json:"ready"`
	Store       string            `json:"store"` // ok, or why it takes no writes
	Draining    bool              `json:"draining"`
	Credentials []lead.Credential `json:"credentials"` // EasyBroker being down makes nobody unready
}

// Readyz is the operator's probe: the brief one, and with ?verbose in the query
// all that it knows, as JSON. It needs no token, so it holds neither keys nor
// anything of a visitor; on the public door it has no place.
func Readyz(brief http.Handler, ready func(context.Context) error, draining func() bool, credentials func() []lead.Credential) http.HandlerFunc {
	const patience = 2 * time.Second
	return func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("verbose") {
			brief.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		all := Readiness{Store: "ok", Draining: draining(), Credentials: credentials()}
		err := ready(ctx)
		if err != nil {
			all.Store = err.Error()
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
	_ = json.NewEncoder(w).Encode(all) // the client has gone; nobody is left to tell
}
