package lead

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

var (
	// ErrNotFound means that there is no such lead.
	ErrNotFound = errors.New("no such lead")
	// ErrLost means that the lease ran out and another courier or a person has the lead.
	ErrLost = errors.New("the lease ran out")
)

// State is the state of a lead. internal/README.md has a diagram of them.
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

// States returns all states, in the usual order of a lead's way.
func States() []State {
	return []State{Quarantined, Queued, Sending, Doubtful, Delivered, Confirmed, Failed, Discarded}
}

// moves lists the states that may follow each state. The comments say which moves
// are made by a person, or by the relay on a rare occasion.
var moves = map[State][]State{
	Quarantined: {Queued, Discarded},                       // by a person
	Queued:      {Sending, Failed, Quarantined, Confirmed}, // quarantined: before its first attempt; confirmed: after a backup was restored
	Sending:     {Delivered, Queued, Doubtful, Failed},
	Doubtful:    {Confirmed, Queued, Failed},
	Delivered:   {Confirmed, Queued},            // queued: sent again by a person, never by itself
	Confirmed:   {Queued},                       // as above
	Failed:      {Queued, Discarded, Confirmed}, // by a person; confirmed: a replay has found it
	Discarded:   {Queued},                       // by a person
}

// CanBecome reports whether a lead may move from s to next.
func (s State) CanBecome(next State) bool { return slices.Contains(moves[s], next) }

// IllegalMoveError means that the program tried to write a move that is not in the
// table of moves. The lead is unchanged.
type IllegalMoveError struct{ From, To State }

func (e *IllegalMoveError) Error() string {
	return fmt.Sprintf("a lead that is %s cannot become %s", e.From, e.To)
}

// CheckMove returns an [IllegalMoveError] if a lead in state s must not become next.
// Staying in a state is always allowed.
func (s State) CheckMove(next State) error {
	if s == next || s.CanBecome(next) {
		return nil
	}
	return &IllegalMoveError{From: s, To: next}
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes of an attempt. An unsure one leaves the lead doubtful.
const (
	OutcomeDelivered Outcome = "delivered" // EasyBroker took the lead
	OutcomeRefused   Outcome = "refused"   // EasyBroker will never take the lead
	OutcomeDeferred  Outcome = "deferred"  // EasyBroker has surely not taken it; another attempt may succeed
	OutcomeUnsure    Outcome = "unsure"    // EasyBroker may or may not have taken it
)

// Attempt is one POST to EasyBroker.
type Attempt struct {
	Number      int
	BegunAt     time.Time
	EndedAt     time.Time   // zero while the attempt is open
	Outcome     Outcome     // empty while the attempt is open
	Status      int         // HTTP status, 0 without an answer
	Detail      string      // what happened, for the operator; no personal data
	Fingerprint Fingerprint // of what it sent
}

// MaybeTaken reports whether EasyBroker may have taken the attempt.
func (a *Attempt) MaybeTaken() bool {
	return a.Outcome != OutcomeRefused && a.Outcome != OutcomeDeferred
}

// What a person should know of a lead that is otherwise done.
const (
	ReasonMissing = "missing" // delivered, but EasyBroker's list does not have it
	ReasonTwice   = "twice"   // EasyBroker's list has it more than once
)

// ReasonDeadline is the reason of a lead that failed because of its deadline.
const ReasonDeadline = "deadline"

// ReasonFlood is the reason of a lead that was quarantined because too many came.
const ReasonFlood = "flood"

// Count is the number of a site's leads in a state, and when the oldest of them was
// received.
type Count struct {
	Site   string
	State  State
	Leads  int
	Oldest time.Time
}
