package server

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Drain tells load balancers and clients that this process is about to stop.
type Drain struct {
	begun atomic.Bool
	asked atomic.Int64 // requests since then
}

// Begin makes the process unready. It still answers all requests.
func (d *Drain) Begin() { d.begun.Store(true) }

// Begun reports whether the process is about to stop.
func (d *Drain) Begun() bool { return d.begun.Load() }

// Wait returns if no request has come for a moment, and in any case after limit.
// Meanwhile a connection that is kept alive is closed after its next answer. Closing
// it earlier could cut off a request that is just being sent.
func (d *Drain) Wait(limit time.Duration) {
	const moment = 250 * time.Millisecond
	for end := time.Now().Add(limit); ; {
		before := d.asked.Load()
		time.Sleep(min(moment, time.Until(end)))
		if d.asked.Load() == before || !time.Now().Before(end) {
			return
		}
	}
}

// Middleware closes connections after their next answer once the drain has begun.
func (d *Drain) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.Begun() {
			d.asked.Add(1)
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
