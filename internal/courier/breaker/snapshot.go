package breaker

import (
	"time"

	"leadrelay/internal/lead"
)

// Snapshot is what a breaker knows, for the breaker of another process. All times
// are on the wall that both share.
type Snapshot struct {
	State      string        `json:"state"`
	Reason     string        `json:"reason,omitempty"`
	Since      time.Time     `json:"since"`
	ProvenTo   time.Time     `json:"proven_to,omitzero"`
	ReadableAt time.Time     `json:"readable_at,omitzero"`
	Single     bool          `json:"single,omitempty"`
	Cooldown   time.Time     `json:"cooldown,omitzero"`
	Cooldowns  int           `json:"cooldowns,omitempty"`
	Failures   int           `json:"failures,omitempty"`
	LastFailed lead.RemoteID `json:"last_failed,omitempty"`
	Probation  time.Time     `json:"probation,omitzero"`
}

// Snapshot returns what the breaker knows.
func (b *Breaker) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, wall := time.Now(), b.wall()
	onWall := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return wall.Add(t.Sub(now)).Round(0)
	}
	return Snapshot{
		State: b.state, Reason: b.reason, Since: b.since, ReadableAt: b.readableAt,
		ProvenTo: onWall(b.provenTo), Cooldown: onWall(b.cooldown), Probation: onWall(b.probation),
		Single: b.single, Cooldowns: b.cooldowns, Failures: b.failures, LastFailed: b.lastFailed,
	}
}

// Restore makes the breaker know what the snapshot does, and nothing else. A
// snapshot without a state is of a credential that works. No wait is longer than
// this breaker would make it, however the wall clock was set meanwhile.
func (b *Breaker) Restore(s Snapshot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, wall := time.Now(), b.wall()
	fromWall := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return now.Add(min(t.Sub(wall), max(b.probe, longestRetryAfter)))
	}
	if s.State == "" {
		s = Snapshot{State: lead.CredentialWorking, Since: wall}
	}
	b.state, b.reason, b.since, b.readableAt = s.State, s.Reason, s.Since, s.ReadableAt
	b.provenTo, b.cooldown, b.probation = fromWall(s.ProvenTo), fromWall(s.Cooldown), fromWall(s.Probation)
	b.single, b.cooldowns, b.failures, b.lastFailed = s.Single, s.Cooldowns, s.Failures, s.LastFailed
	b.failedAt = time.Time{}
}

// longestRetryAfter is the longest pause that the client of EasyBroker reads in an
// answer.
const longestRetryAfter = 15 * time.Minute
