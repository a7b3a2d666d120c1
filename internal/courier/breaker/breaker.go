// Package breaker decides whether a credential may be used now, and how
// carefully. It makes no call and starts no timer: its user tells it how calls
// end, and asks it what to do next.
package breaker

import (
	"sync"
	"time"

	"leadrelay/internal/lead"
)

// InARow is how many ends of calls in a row mean that the leads are not to blame.
const InARow = 5

// Breaker is the circuit breaker of one credential.
//
// A failure that is about the credential cools it down for a moment. Five
// failures in a row that are about the credential or left a lead in doubt, for
// different leads, open the breaker: the credential is down. If EasyBroker
// refuses the key or the address, the credential is held at once. Both count as
// stopped. Then the caller probes once per probe interval by reading the list,
// which costs no lead anything. After a probe has worked, one lead goes first,
// and then all others. For one more interval the credential is on probation: a
// single failure stops it again.
//
// A stopped credential always has its next probe due. It is due when the
// cooldown is over. If a probe has worked but no lead has been sent since, the next
// probe is due one interval later.
//
// A Breaker is safe for concurrent use.
type Breaker struct {
	probe time.Duration    // between two probes
	wall  func() time.Time // for times that an operator reads

	mu         sync.Mutex
	state      string    // one of the Credential… states
	reason     string    // why it is in the state
	since      time.Time // on the wall: when it came into the state
	provenTo   time.Time // the last probe has worked, and until then one lead may go first
	readableAt time.Time // on the wall: when a second probe in a row has worked; zero if none has
	single     bool      // one lead at a time, until one works
	cooldown   time.Time // no call before this time
	cooldowns  int       // in a row
	failures   int       // in a row
	lastFailed lead.RemoteID
	failedAt   time.Time // of the last failure
	probation  time.Time // until then one failure stops the credential
}

// New returns the breaker of a credential that works. Probes are that far apart,
// and wall tells the wall time.
func New(probe time.Duration, wall func() time.Time) *Breaker {
	return &Breaker{probe: probe, wall: wall, state: lead.CredentialWorking, since: wall()}
}

// Step is what a credential may do next. A larger step allows more.
type Step int

// The steps of a credential.
const (
	Wait   Step = iota // make no call before a time
	Probe              // read the list to learn whether the credential works again
	Single             // send one lead and wait for its end
	All                // send all that is due
)

// Next returns the credential's next step. For [Wait] it also returns until when.
func (b *Breaker) Next(now time.Time) (Step, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case now.Before(b.cooldown):
		return Wait, b.cooldown
	case b.isStopped() && !now.Before(b.provenTo):
		return Probe, time.Time{}
	case b.single:
		return Single, time.Time{}
	}
	return All, time.Time{}
}

// ReadableFrom returns when the list may be read next, other than by a probe.
func (b *Breaker) ReadableFrom(now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isStopped() && !now.Before(b.provenTo) && !b.cooldown.After(now) {
		return now.Add(time.Second) // a probe is due first
	}
	return b.cooldown
}

// isStopped reports whether the credential is down or held. The caller holds the
// lock.
func (b *Breaker) isStopped() bool {
	return b.state == lead.CredentialDown || b.state == lead.CredentialHeld
}

// ProbeDue returns when the next probe is due. It returns false if the credential
// is not stopped.
func (b *Breaker) ProbeDue() (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.provenTo.After(b.cooldown) {
		return b.provenTo, b.isStopped()
	}
	return b.cooldown, b.isStopped()
}

// IsDown reports whether EasyBroker does not answer as it should, and no person
// can help.
func (b *Breaker) IsDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == lead.CredentialDown
}

// IsStopped reports whether no lead may go out before a probe has worked.
func (b *Breaker) IsStopped() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.isStopped()
}

// Worked notes that EasyBroker judged a lead, so the credential works. A call
// that began before the last failure says nothing. Worked reports whether the
// credential was stopped until now.
func (b *Breaker) Worked(began time.Time) (wasStopped bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !began.After(b.failedAt) {
		return false
	}
	if wasStopped = b.isStopped(); wasStopped {
		b.probation = time.Now().Add(b.probe)
	}
	if b.state != lead.CredentialWorking {
		b.state, b.reason, b.since = lead.CredentialWorking, "", b.wall()
	}
	b.provenTo, b.readableAt, b.single = time.Time{}, time.Time{}, false
	b.cooldown, b.cooldowns, b.failures, b.lastFailed = time.Time{}, 0, 0, 0
	return wasStopped
}

// ProbeWorked notes that a probe could read the list. A person may make one before it is
// due, so it ends the cooldown.
func (b *Breaker) ProbeWorked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.provenTo.IsZero() && b.readableAt.IsZero() { // if a lead were waiting, it would have gone between the two probes
		b.readableAt = b.wall()
	}
	b.provenTo, b.single, b.cooldown = time.Now().Add(b.probe), true, time.Time{}
}

// Failure is the end of a call that says something about the credential, or may.
type Failure struct {
	Credential bool          // it is about the credential and not about the lead
	Held       bool          // the credential will not work until a person changes something
	RetryAfter time.Duration // EasyBroker asks for so long a pause; zero if it does not
	Detail     string        // what happened; no personal data
}

// Failed notes a failure. The id is the lead's, or zero if the call was for the
// list. Failed reports whether the state has changed.
func (b *Breaker) Failed(f Failure, id lead.RemoteID) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, before := time.Now(), b.state
	if f.Credential || id != b.lastFailed {
		b.failures++
	}
	b.lastFailed, b.failedAt = id, now
	wait := f.RetryAfter
	switch {
	case f.Held:
		b.enter(lead.CredentialHeld, f.Detail)
		wait = max(wait, b.probe)
	case b.state == lead.CredentialHeld && id == 0: // a probe that says nothing new about the key
		wait = max(wait, b.probe)
	case b.failures >= InARow, b.isStopped(), now.Before(b.probation):
		b.enter(lead.CredentialDown, f.Detail)
		wait = max(wait, b.probe)
	case f.Credential || wait > 0:
		b.enter(lead.CredentialResting, f.Detail)
		b.single = true
		wait = max(wait, min(b.probe, time.Second<<min(b.cooldowns, 16)))
		b.cooldowns++
	}
	b.provenTo, b.readableAt = time.Time{}, time.Time{}
	if until := now.Add(wait); wait > 0 && until.After(b.cooldown) {
		b.cooldown = until
	}
	return b.state != before
}

// enter moves the credential into a state. The caller holds the lock.
func (b *Breaker) enter(state, reason string) {
	if b.state != state {
		b.since = b.wall()
	}
	b.state, b.reason = state, reason
}

// Status describes the credential of the sites for an operator. If it is stopped
// and its list can be read again, it counts as resting: no person has to see to
// it, though it may take hours until a lead comes that shows whether it works.
func (b *Breaker) Status(sites []string) lead.Credential {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := lead.Credential{Sites: sites, State: b.state, Reason: b.reason, Since: b.since}
	if b.isStopped() && !b.readableAt.IsZero() {
		c.State, c.Since = lead.CredentialResting, b.readableAt
		c.Reason = lead.ReadableAgain(b.state, b.reason)
	}
	if left := time.Until(b.cooldown); left > 0 {
		c.Until = b.wall().Add(left).Round(0)
	}
	return c
}

// StoppedError means that the credential cannot be used now.
type StoppedError struct{ State, Reason string }

// Error implements error.
func (e *StoppedError) Error() string {
	return lead.CredentialIs(e.State, e.Reason)
}
