package courier

import (
	"sync"
	"time"

	"leadrelay/internal/lead"
)

// standing is how a credential stands with EasyBroker: whether it may be used
// now, and how carefully.
//
// A call that fails for the credential's sake rests it for a moment. Five such
// or unsure ends in a row, over different leads, open the breaker (down); a
// key or an address that EasyBroker refuses holds the credential at once. Then
// one look at the list per probe interval, which costs no lead anything, tells
// when it works again. One lead goes first, then all others; and for one more
// interval a single failure is enough to stop again.
//
// A credential that is stopped has its next probe due, always: when its rest is
// over, or, where the last probe has worked and no lead has come to go first, an
// interval after that one.
type standing struct {
	probe time.Duration // between two probes
	clock *clock
	wake  *alarm // of the one who sends and probes

	mu      sync.Mutex
	state   string // one of the Credential… states
	reason  string
	since   time.Time // on the wall
	proven  time.Time // until then one lead may try, though it is down or held: the list could be read
	heard   time.Time // on the wall, when a second probe in a row worked; zero when none has
	single  bool      // one call at a time, until one works
	rest    time.Time // no call before
	rests   int       // in a row
	strikes int       // in a row
	struck  lead.RemoteID
	latest  time.Time // of the failures
	frail   time.Time // until then one strike is enough
}

// fiveInARow is how many ends of calls say that it is not about the leads.
const fiveInARow = 5

func newStanding(probe time.Duration, k *clock, wake *alarm) *standing {
	return &standing{probe: probe, clock: k, wake: wake, state: lead.CredentialWorking, since: k.read()}
}

// step is what a credential may do next.
type step int

const (
	wait  step = iota // until a time
	knock             // look whether it works again
	one               // send one lead and wait how it ends
	all               // send what is due
)

// next says what may be done, or until when nothing may.
func (s *standing) next(now time.Time) (step, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case now.Before(s.rest):
		return wait, s.rest
	case s.stopped() && !s.isProven(now):
		return knock, time.Time{}
	case s.single:
		return one, time.Time{}
	}
	return all, time.Time{}
}

// looksFrom is when the list may be read next.
func (s *standing) looksFrom(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped() && !s.isProven(now) && !s.rest.After(now) {
		return now.Add(time.Second) // a probe is due first
	}
	return s.rest
}

// stopped needs the lock.
func (s *standing) stopped() bool {
	return s.state == lead.CredentialDown || s.state == lead.CredentialHeld
}

// isProven needs the lock.
func (s *standing) isProven(now time.Time) bool { return now.Before(s.proven) }

// probeBy returns the time, or that of the next probe when that is earlier.
func (s *standing) probeBy(t time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := s.rest
	if s.proven.After(due) {
		due = s.proven
	}
	if s.stopped() && due.Before(t) {
		return due
	}
	return t
}

// isDown reports whether EasyBroker does not answer, through nobody's fault.
func (s *standing) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == lead.CredentialDown
}

// isStopped reports whether no lead may go out before a probe has worked.
func (s *standing) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped()
}

// worked notes that EasyBroker judged a lead, so the credential is fine, if
// the call began after the last one that failed. It reports whether that is
// news.
func (s *standing) worked(began time.Time) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !began.After(s.latest) {
		return false
	}
	if news = s.stopped(); news {
		s.frail = time.Now().Add(s.probe)
	}
	if s.state != lead.CredentialWorking {
		s.state, s.reason, s.since = lead.CredentialWorking, "", s.clock.read()
	}
	s.proven, s.heard, s.single, s.rest, s.rests, s.strikes, s.struck = time.Time{}, time.Time{}, false, time.Time{}, 0, 0, 0
	return news
}

// listed notes that a probe could read the list.
func (s *standing) listed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.proven.IsZero() && s.heard.IsZero() { // where leads wait, one has come between two probes that work
		s.heard = s.clock.read()
	}
	s.proven, s.single = time.Now().Add(s.probe), true
}

// failed notes the end of a call that says something about the credential,
// or may. id is the lead's, zero for a look at the list. It reports whether
// the state is another one now.
func (s *standing) failed(v verdict, id lead.RemoteID) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, before := time.Now(), s.state
	if v.credential || id != s.struck {
		s.strikes++
	}
	s.struck, s.latest = id, now
	wait := v.retryAfter
	switch {
	case v.held:
		s.enter(lead.CredentialHeld, v.detail)
		wait = max(wait, s.probe)
	case s.state == lead.CredentialHeld && id == 0: // a probe that says nothing new of the key
		wait = max(wait, s.probe)
	case s.strikes >= fiveInARow, s.stopped(), now.Before(s.frail):
		s.enter(lead.CredentialDown, v.detail)
		wait = max(wait, s.probe)
	case v.credential || wait > 0:
		s.enter(lead.CredentialResting, v.detail)
		s.single = true
		wait = max(wait, min(s.probe, time.Second<<min(s.rests, 16)))
		s.rests++
	}
	s.proven, s.heard = time.Time{}, time.Time{}
	if until := now.Add(wait); wait > 0 && until.After(s.rest) {
		s.rest = until
	}
	if s.stopped() {
		s.wake.by(s.rest) // nothing may be due, and still there is a probe to make
	}
	return s.state != before
}

// enter needs the lock.
func (s *standing) enter(state, reason string) {
	if s.state != state {
		s.since = s.clock.read()
	}
	s.state, s.reason = state, reason
}

// show describes the standing for the operator. One that was stopped and whose list
// can be read again is none that a person must see to, though no lead may come for
// hours that shows whether it takes them.
func (s *standing) show(sites []string) lead.Credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := lead.Credential{Sites: sites, State: s.state, Reason: s.reason, Since: s.since}
	if s.stopped() && !s.heard.IsZero() {
		c.State, c.Since = lead.CredentialResting, s.heard
		c.Reason = "its list can be read again, and the next lead goes first; before it was " + s.state + ": " + s.reason
	}
	if left := time.Until(s.rest); left > 0 {
		c.Until = s.clock.now().Add(left).Round(0)
	}
	return c
}
