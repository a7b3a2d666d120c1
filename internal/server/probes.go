package server

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// probes are the questions whether the process is alive. A proxy that loses the body
// of a request that it sends again, as a Caddy before 2.8 does, asks before each post,
// so an answer promises that a post is accepted that follows at once.
type probes struct {
	answered atomic.Int64  // when one was answered last, in Unix nanoseconds
	held     chan struct{} // closed when no more are answered
	ended    chan struct{} // closed when those that wait are cut off, and may be sent again

	closeHeld func()
	end       func() // cuts off the probes that wait
}

func newProbes() *probes {
	p := &probes{held: make(chan struct{}), ended: make(chan struct{})}
	p.closeHeld, p.end = sync.OnceFunc(func() { close(p.held) }), sync.OnceFunc(func() { close(p.ended) })
	return p
}

func (p *probes) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == HealthzPath {
			p.answered.Store(time.Now().UnixNano())
			select {
			case <-p.held:
				<-p.ended
				panic(http.ErrAbortHandler)
			default:
			}
		}
		next.ServeHTTP(w, r)
	})
}

// hold answers no more probes, and returns when whoever was answered has had a moment
// to go on.
func (p *probes) hold() {
	const moment = 250 * time.Millisecond
	p.closeHeld()
	time.Sleep(moment - time.Since(time.Unix(0, p.answered.Load())))
}
