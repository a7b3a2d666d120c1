package main

import (
	"net/http"
	"slices"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/site"
	"leadrelay/web"
)

// waitingHandler serves the page that shows which leads wait at the demo's relay. The
// demo's pages show it in a frame.
func waitingHandler(r relay, pages string) http.HandlerFunc {
	policy := "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors " + pages
	return func(w http.ResponseWriter, req *http.Request) {
		p := web.WaitingPage{Lang: web.Language(req), Now: time.Now()}
		if err := r.listWaiting(req, &p); err != nil {
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

// listWaiting finds the leads that wait, and what they wait for: the credential, a
// look-up in EasyBroker's list, or their turn.
func (r relay) listWaiting(req *http.Request, p *web.WaitingPage) error {
	const maxLeads = 100 // a demo has few
	for _, state := range []lead.State{lead.Queued, lead.Sending, lead.Doubtful} {
		leads, _, err := r.store.List(req.Context(), lead.Filter{Site: site.Default, State: state, Limit: maxLeads})
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
		if c.State != lead.CredentialWorking && slices.Contains(c.Sites, site.Default) {
			p.Why, p.Next = c.State, c.Until
		}
	}
	return nil
}
