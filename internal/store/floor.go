package store

import (
	"sync"
	"time"

	"leadrelay/internal/lead"
)

// floors remember below which time no lead of a site and state is due. A claim moves
// its lead to another place in the index, and the old place is passed over until the
// database has cleaned up. It may not clean up while any session's transaction is open
// that may still look: an hour's worth of leads would be passed over by each claim. So
// if that takes long, the next claims begin where the last one has found a lead.
type floors struct {
	mu sync.Mutex
	of map[floorKey]floor
}

type floorKey struct {
	site  string
	state lead.State
}

type floor struct {
	at    time.Time // when the first lead is due
	now   time.Time // by the clock of who looked; the clock may be set back since
	until time.Time // looks begin there, and then one begins at the beginning again
}

const (
	// slowLook is a look that passes over ten thousand places or so.
	slowLook = 5 * time.Millisecond
	// fewLooks is how many times as long as a slow look took there is no other.
	fewLooks = 200
	// commitTime is more than a transaction takes: what was due when it began may not
	// have been seen yet.
	commitTime = 2 * time.Second
)

// look returns from when on leads are to be looked for, and a function that is told when
// the first lead was due that was found there, or zero if there was none, and how the
// look has failed.
func (f *floors) look(site string, state lead.State, q lead.Due) (since time.Time, looked func(first time.Time, err error)) {
	begun := time.Now()
	if f == nil || q.Newest || len(q.Except) > 0 {
		return q.Since, func(time.Time, error) {}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := floorKey{site, state}
	now, known := f.of[key]
	if known && q.Now.Before(now.now) { // the clock was set back
		known = false
	}
	if known && begun.Before(now.until) {
		if now.at.After(q.Since) {
			return now.at, func(time.Time, error) {}
		}
		return q.Since, func(time.Time, error) {}
	}
	return q.Since, func(first time.Time, err error) {
		took := time.Since(begun)
		switch {
		case !q.Since.IsZero(), took < slowLook:
		case err == nil:
			f.raise(key, first, q.Now, took)
		case known: // it took longer than a statement may
			f.raise(key, now.at, q.Now, took)
		}
	}
}

func (f *floors) raise(key floorKey, first, now time.Time, took time.Duration) {
	if first.IsZero() { // none is due
		first = now
	}
	if key.state == lead.Queued && first.After(now.Add(-commitTime)) {
		first = now.Add(-commitTime)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of[key] = floor{first, now, time.Now().Add(min(fewLooks*took, time.Minute))}
}

// lower notes that a lead was put back, which may be due before the others.
func (f *floors) lower(site string, state lead.State, due time.Time) {
	if f == nil || due.IsZero() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := floorKey{site, state}
	if now, known := f.of[key]; known && due.Before(now.at) {
		now.at = due
		f.of[key] = now
	}
}
