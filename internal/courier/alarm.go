package courier

import (
	"context"
	"sync"
	"time"
)

// alarm lets one sleeper sleep until a time, or until an earlier one that
// somebody has set meanwhile. Setting a later one costs nothing, so it may be
// set for every lead.
type alarm struct {
	mu   sync.Mutex
	at   time.Time // when the sleeper wakes, or must not sleep beyond
	rang chan struct{}
}

func newAlarm() *alarm { return &alarm{rang: make(chan struct{}, 1)} }

// by sets the alarm.
func (a *alarm) by(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.IsZero() && !t.Before(a.at) {
		return
	}
	a.at = t
	select {
	case a.rang <- struct{}{}:
	default: // it has not yet heard the last one
	}
}

// sleep returns at the time, or at what the alarm was set to since the last
// sleep, or when ctx ends.
func (a *alarm) sleep(ctx context.Context, until time.Time) {
	for ctx.Err() == nil {
		a.mu.Lock()
		if a.at.IsZero() || until.Before(a.at) {
			a.at = until
		}
		wait := time.Until(a.at)
		if wait <= 0 {
			a.at = time.Time{}
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-a.rang:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}
