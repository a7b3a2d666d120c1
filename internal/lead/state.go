package lead

import (
	"errors"
	"slices"
	"time"
)

var (
	// ErrNotFound means that there is no such lead.
	ErrNotFound = errors.New("no such lead")
	// ErrLost means that the lease ran out and somebody else has the lead.
	ErrLost = errors.New("the lease ran out")
)

// State is where a lead is on its way. internal/README.md draws the moves.
type State string

// The states of a lead.
const (
	Quarantined State = "quarantined" // looks like spam; never forwarded by itself
	Queued      State = "queued"      // waits for its first or next attempt
	Sending     State = "sending"     // an attempt has begun; the intent is on disk
	Doubtful    State = "doubtful"    // it may or may not have arrived
	Delivered   State = "delivered"   // EasyBroker answered 2xx
	Confirmed   State = "confirmed"   // seen in EasyBroker's own list
	Failed      State = "failed"      // refused for good, or past its deadline; a person must look
	Discarded   State = "discarded"   // a person threw it away
)

// States are all states, in the order in which a lead meets them.
func States() []State {
	return []State{Quarantined, Queued, Sending, Doubtful, Delivered, Confirmed, Failed, Discarded}
}

// CanBecome reports whether a lead may move from s to next.
func (s State) CanBecome(next State) bool {
	switch s {
	case Quarantined:
		return next == Queued || next == Discarded
	case Queued:
		return next == Sending || next == Failed
	case Sending:
		return slices.Contains([]State{Delivered, Queued, Doubtful, Failed}, next)
	case Doubtful:
		return next == Confirmed || next == Queued
	case Delivered:
		return next == Confirmed
	case Failed:
		return next == Queued || next == Discarded
	case Discarded:
		return next == Queued
	case Confirmed:
	}
	return false
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes of an attempt. Only an unsure one needs a look-up.
const (
	OutcomeDelivered Outcome = "delivered" // EasyBroker took it
	OutcomeRefused   Outcome = "refused"   // it never will
	OutcomeDeferred  Outcome = "deferred"  // not this time, and surely not taken
	OutcomeUnsure    Outcome = "unsure"    // sent, but not surely answered
)

// Attempt is one POST to EasyBroker.
type Attempt struct {
	Number  int
	BegunAt time.Time
	EndedAt time.Time // zero while the attempt is open
	Outcome Outcome   // empty while the attempt is open
	Status  int       // HTTP status, 0 without an answer
	Detail  string    // what happened, for the operator; no personal data
}

// Claim is a lead that one courier holds until its lease runs out.
type Claim struct {
	Lead  Lead
	Fence int64 // rises with every claim; a settlement with an older one is too late
	Tries int   // how far the lead is on its schedule

	// FirstAttempt and LastAttempt began when EasyBroker may first and last
	// have taken the lead; zero before there was one.
	FirstAttempt, LastAttempt time.Time
}

// Settlement is what becomes of a claimed lead.
type Settlement struct {
	State  State
	Reason string
	At     time.Time
	DueAt  time.Time // zero: nothing left to do
	Tries  int

	// Attempt is how the open attempt ended; nil when the lead was looked up
	// or never sent.
	Attempt *Attempt
}

// Filter says which leads are asked for; its zero values ask for all.
type Filter struct {
	Site, PropertyID string
	State            State
	After, Before    time.Time // received from, and before
	Below            RemoteID  // older than this one
	Text             string    // stands in the folio, the property or what the visitor wrote
	Limit            int
}
