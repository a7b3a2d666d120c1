package verify

import (
	"sync"

	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/lead"
)

// Memory is what this process remembers about the leads that it has sent and
// that are not finished. Without it a list proves less: another process, or
// another clock, may have sent a lead at any time. A Memory is safe for
// concurrent use.
type Memory struct {
	clock *wallclock.Clock

	mu    sync.Mutex
	leads map[lead.RemoteID]inFlight
}

// inFlight is what is remembered about one lead.
type inFlight struct {
	active   bool // an attempt is under way
	complete bool // this process has made all of the lead's attempts
	jumps    int  // of the clock, before the first attempt
}

// NewMemory returns an empty memory.
func NewMemory(clock *wallclock.Clock) *Memory {
	return &Memory{clock: clock, leads: map[lead.RemoteID]inFlight{}}
}

// AttemptBegan notes that an attempt for the lead begins.
func (m *Memory) AttemptBegan(c lead.Claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, known := m.leads[c.Lead.RemoteID]
	if !known {
		l = inFlight{complete: c.Number == 1, jumps: m.clock.Jumps()}
	}
	l.active = true
	m.leads[c.Lead.RemoteID] = l
}

// AttemptEnded notes that the attempt is settled, by us or by somebody else.
func (m *Memory) AttemptEnded(id lead.RemoteID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, known := m.leads[id]; known {
		l.active = false
		m.leads[id] = l
	}
}

// Forget notes that nothing is left to do for the lead.
func (m *Memory) Forget(id lead.RemoteID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.leads, id)
}

// ForgetAll notes that another process may have sent any of the leads since.
func (m *Memory) ForgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.leads)
}

// isActive reports whether an attempt for the lead is under way.
func (m *Memory) isActive(id lead.RemoteID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leads[id].active
}

// isComplete reports whether this process has made all of the lead's attempts,
// and its clock has not been set since the first one.
func (m *Memory) isComplete(id lead.RemoteID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leads[id]
	return l.complete && l.jumps == m.clock.Jumps()
}
