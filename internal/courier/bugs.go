package courier

import (
	"sync"

	"leadrelay/internal/bounded"
	"leadrelay/internal/lead"
	"leadrelay/internal/panics"
)

// bugs remembers which leads have met a bug of ours, that is, a panic. Such a lead stops no
// other: it is looked up, tried again, and the third time it waits for a person. A process
// that starts anew, perhaps with the bug mended, tries it again.
type bugs struct {
	mu  sync.Mutex
	met bounded.Map[lead.RemoteID, int]
}

const (
	tooManyBugs     = 3
	rememberedBuggy = 10_000 // leads
)

func newBugs() *bugs {
	return &bugs{met: bounded.New[lead.RemoteID, int](rememberedBuggy)}
}

func (b *bugs) note(id lead.RemoteID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, _ := b.met.Get(id)
	b.met.Put(id, n+1)
}

func (b *bugs) areTooMany(id lead.RemoteID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, _ := b.met.Get(id)
	return n >= tooManyBugs
}

func (w *credentialWorker) logBug(c lead.Claim, caught error) {
	panics.Log(w.opt.Log.With().Str("site", c.Lead.Site).Int64("remote_id", int64(c.Lead.RemoteID)).Logger(), caught)
}
