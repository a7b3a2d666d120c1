package main

import (
	"net/http"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/web"
)

// waitingFor serves what waits at the demo's relay, as a frame of the demo's own
// pages.
func waitingFor(r relay, pages string) http.HandlerFunc {
	policy := "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors " + pages
	return func(w http.ResponseWriter, req *http.Request) {
		p := web.WaitingPage{Lang: web.Language(req), Now: time.Now()}
		if err := r.tellWaiting(req, &p); err != nil {
			http.Error(w, "the store does not answer", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Refresh", "2") // seconds
		_ = web.RenderWaiting(w, p)
	}
}

// tellWaiting finds what waits, and what it waits for: the credential, a look at
// EasyBroker's list, or its turn.
func (r relay) tellWaiting(req *http.Request, p *web.WaitingPage) error {
	const most = 100 // a demo has few
	for _, state := range []lead.State{lead.Queued, lead.Sending, lead.Doubtful} {
		leads, _, err := r.store.List(req.Context(), lead.Filter{State: state, Limit: most})
		if err != nil {
			return err
		}
		for _, l := range leads {
			if p.Leads++; p.Next.IsZero() || l.DueAt.Before(p.Next) {
				p.Next, p.Why = l.DueAt, string(state)
				if l.MeantEmail() != "" && l.DueAt.Sub(l.ReceivedAt) == time.Minute {
					p.Why = "mistyped"
				}
			}
		}
	}
	for _, c := range r.courier.Status() {
		if c.State != lead.CredentialWorking {
			p.Why, p.Next = c.State, c.Until
		}
	}
	return nil
}
