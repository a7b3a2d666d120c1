package intake

import (
	"cmp"
	"net/http"
	"sync"
	"time"

	"leadrelay/internal/lead"
)

// submission is the lead and what tells whether it has been here: the sender's
// own id for it, if it has one. Programs set the header Idempotency-Key, webhook
// senders their own, and forms a field.
func (v *visit) submission(r *http.Request, l lead.Lead) lead.Submission {
	s := lead.Submission{Lead: l, Tick: v.desk.Tick, Content: l.Content()}
	if v.draft.Typed != "" {
		s.Corrects = l.Corrects(v.draft.Typed)
	}
	if id := r.Header.Get("Idempotency-Key"); id != "" {
		s.Key = lead.KeyOf(l.Site, id)
	} else if id := cmp.Or(deliveryID(r.Header), v.draft.SubmissionID); id != "" {
		s.Key = lead.ContentKeyOf(l.Site, id, s.Content)
	}
	return s
}

// running are the keys of the inquiries that are being written down.
type running struct {
	mu   sync.Mutex
	ends map[lead.Digest]chan struct{}
}

// begin makes the key one of them. Where it is one already it waits for a
// moment: usually the first is done by then, and its answer is the second's too.
func (s *running) begin(key lead.Digest) (end func(), ok bool) {
	const moment = time.Second
	if key.IsZero() {
		return func() {}, true
	}
	patience := time.NewTimer(moment)
	defer patience.Stop()
	for {
		first := s.claim(key)
		if first == nil {
			return func() { s.end(key) }, true
		}
		select {
		case <-first:
		case <-patience.C:
			return nil, false
		}
	}
}

// claim takes the key, or returns what is closed when it is free.
func (s *running) claim(key lead.Digest) (taken <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end, ok := s.ends[key]; ok {
		return end
	}
	if s.ends == nil {
		s.ends = make(map[lead.Digest]chan struct{})
	}
	s.ends[key] = make(chan struct{})
	return nil
}

func (s *running) end(key lead.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.ends[key])
	delete(s.ends, key)
}
