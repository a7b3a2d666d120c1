package intake

import (
	"sync"
	"time"

	"leadrelay/internal/lead"
)

// inProgress holds the keys of the inquiries that are being written.
type inProgress struct {
	mu   sync.Mutex
	done map[lead.Digest]chan struct{} // closed when the inquiry has been written
}

// begin claims the key, and returns a function that frees it. If another
// request has the key, begin waits a moment for it: most often that one is done by
// then, and its answer is right for this request, too. ok is false if it is not.
func (p *inProgress) begin(key lead.Digest) (end func(), ok bool) {
	const patience = time.Second
	if key.IsZero() {
		return func() {}, true
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		other := p.claim(key)
		if other == nil {
			return func() { p.free(key) }, true
		}
		select {
		case <-other:
		case <-timer.C:
			return nil, false
		}
	}
}

// claim claims the key. If another request has it, claim returns a channel that is
// closed when the key is free.
func (p *inProgress) claim(key lead.Digest) (other <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done, ok := p.done[key]; ok {
		return done
	}
	if p.done == nil {
		p.done = make(map[lead.Digest]chan struct{})
	}
	p.done[key] = make(chan struct{})
	return nil
}

func (p *inProgress) free(key lead.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.done[key])
	delete(p.done, key)
}
