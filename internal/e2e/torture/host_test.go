package torture_test

import (
	"sync"
	"time"
)

// host is a machine that runs a relay, and starts it again.
type host struct {
	bed    *bed
	buried chan struct{} // closed when no process is left

	mu      sync.Mutex
	process *life         // nil while it is dead
	thaw    time.Time     // the process is frozen until then
	back    time.Time     // the database cannot be reached until then
	ahead   time.Duration // of the wall clock
}

// keepAlive starts the process again whenever it was killed, now and then
// before its leases have run out and now and then after.
func (h *host) keepAlive() {
	b := h.bed
	defer close(h.buried)
	for {
		l, err := h.startLife()
		if err != nil {
			b.Errorf("the relay does not start: %v", err)
			return
		}
		h.setProcess(l)
		select {
		case <-l.killed:
		case <-l.stopped:
		case <-b.over:
		}
		h.setProcess(nil)
		if err := l.end(); err != nil {
			b.Errorf("the relay does not end: %v", err)
		}
		select {
		case <-time.After([]time.Duration{5 * time.Second, 3 * time.Minute}[b.livesSoFar()%2]):
		case <-b.over:
			return
		}
	}
}

func (h *host) setProcess(l *life) {
	if l != nil {
		h.bed.lived()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.process = l
}

// alive returns the process, or nil while it is dead.
func (h *host) alive() *life {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.process
}

// freeze stops the process for a while, as SIGSTOP does.
func (h *host) freeze(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.thaw = time.Now().Add(d)
}

func (h *host) frozenFor() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Until(h.thaw)
}

// cutOff keeps the database out of reach for a while.
func (h *host) cutOff(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.back = time.Now().Add(d)
}

func (h *host) isCutOff() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.back)
}

// setClock sets the wall clock an hour ahead, and the next time back.
func (h *host) setClock() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead = time.Hour - h.ahead
}

// wall is the time on the wall clock.
func (h *host) wall() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Round(0).Add(h.ahead)
}
