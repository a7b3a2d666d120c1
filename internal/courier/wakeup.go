package courier

import (
	"context"
	"sync"
	"time"
)

// wakeup lets one goroutine sleep until a time, or until an earlier one that
// another goroutine has set meanwhile. Setting a later time does nothing, so every lead
// may set one. Its times are monotonic: the wall clock has no part in it.
type wakeup struct {
	mu  sync.Mutex
	due time.Time // when the sleeper wakes at the latest; zero if there is no such time
	set chan struct{}
}

func newWakeup() *wakeup { return &wakeup{set: make(chan struct{}, 1)} }

// at makes the sleeper wake at the time, unless it wakes earlier anyway.
func (w *wakeup) at(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.due.IsZero() && !t.Before(w.due) {
		return
	}
	w.due = t
	select {
	case w.set <- struct{}{}:
	default: // the sleeper has not noticed the last one yet
	}
}

// sleep returns at the time, or at an earlier one that was set since the last
// sleep, or when ctx ends.
func (w *wakeup) sleep(ctx context.Context, until time.Time) {
	for ctx.Err() == nil {
		w.mu.Lock()
		if w.due.IsZero() || until.Before(w.due) {
			w.due = until
		}
		wait := time.Until(w.due)
		if wait <= 0 {
			w.due = time.Time{}
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.set:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}
