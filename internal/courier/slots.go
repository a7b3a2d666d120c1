package courier

import (
	"context"
	"sync"
	"time"
)

const (
	// maxBegun is how many attempts may have begun at once.
	maxBegun = 64
	// soon is how long an attempt that has begun may wait for a connection.
	soon = 20 * time.Millisecond
)

// slots limits how many attempts have begun and not ended. There are as many
// slots as connections, or as many as become free soon: then many intents share a
// commit, and no connection waits for one.
type slots struct {
	connections int
	freed       chan struct{} // has a token if a call has ended since the last wait

	mu         sync.Mutex
	begun      int       // attempts whose call has not ended
	limit      int       // on begun
	ended      int       // calls that have ended since the limit was computed
	computedAt time.Time // when the limit was
}

func newSlots(connections int) *slots {
	return &slots{connections: connections, freed: make(chan struct{}, 1)}
}

// take takes the slots that are free now, but no more than the wanted number. It
// takes none if it is not worth a commit: a connection has to be idle, or half of
// the slots free.
func (s *slots) take(wanted int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if passed := time.Since(s.computedAt); passed >= soon {
		endSoon := int(time.Duration(s.ended) * soon / passed)
		s.limit = max(s.connections, min(endSoon, maxBegun))
		s.ended, s.computedAt = 0, time.Now()
	}
	n := max(0, s.limit-s.begun)
	if s.begun >= s.connections && n < s.limit/2 {
		return 0
	}
	n = min(n, wanted)
	s.begun += n
	return n
}

// free gives back slots that were not needed.
func (s *slots) free(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun -= n
}

// callEnded notes that a call has ended.
func (s *slots) callEnded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun--
	s.ended++
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// awaitFreed waits until a call has ended since the last wait, or ctx ends.
func (s *slots) awaitFreed(ctx context.Context) {
	select {
	case <-s.freed:
	case <-ctx.Done():
	}
}
