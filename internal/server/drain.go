package server

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Drain tells load balancers and clients that this process is about to stop.
type Drain struct {
	begun atomic.Bool
	asked atomic.Int64 // how many requests came since
}

// Begin makes the process unready at once; it still answers everything.
func (d *Drain) Begin() { d.begun.Store(true) }

// Begun reports whether the process is about to stop.
func (d *Drain) Begun() bool { return d.begun.Load() }

// Wait returns as soon as nothing has been asked for a moment, and after most in
// any case. Meanwhile connections that are kept for more than one request close
// after the next one: to hang up on one could cut off what is just being sent.
func (d *Drain) Wait(most time.Duration) {
	const moment = 250 * time.Millisecond
	for end := time.Now().Add(most); ; {
		before := d.asked.Load()
		time.Sleep(min(moment, time.Until(end)))
		if d.asked.Load() == before || !time.Now().Before(end) {
			return
		}
	}
}

// Middleware asks clients not to send another request on a connection that is
// about to close.
func (d *Drain) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.Begun() {
			d.asked.Add(1)
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
