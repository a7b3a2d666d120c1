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

// Due asks for leads that a courier must work on.
type Due struct {
	Now   time.Time
	Since time.Time     // only leads that fell due from then on; zero for all
	N     int           // how many at most
	Lease time.Duration // how long the courier holds them

	// MaxAhead is how far ahead a lead can be due. If one is due later, the clock
	// was set back since, and the lead is due now. Zero means no limit.
	MaxAhead time.Duration
	// SkipPeek is set if the courier knows that some leads are due. Then the store
	// claims them without looking first whether there are any.
	SkipPeek bool

	// A paused site makes trials: with its newest lead instead of the one that has
	// waited longest, and with none of the properties in Except.
	Newest bool
	Except []string

	// Fingerprint returns the fingerprint of what the attempt for a lead will send.
	// It is nil if nobody asks for it later. It runs inside the transaction.
	Fingerprint func(*Lead) Fingerprint
}

// Claim is a lead that one courier holds until its lease runs out.
type Claim struct {
	Lead     Lead
	Fence    int64     // rises with every claim; a settlement with an older one is too late
	Tries    int       // how far the lead is on its schedule
	WasDueAt time.Time // when the lead was due before it was claimed

	// Number is the number of the attempt that has begun. It is zero if the lead is
	// to be looked up.
	Number int

	// MaybeTaken is how many of the lead's earlier attempts EasyBroker may have
	// taken, of those that are kept. FirstAttempt and LastAttempt are when the first
	// and the last of them began, LastEndedAt is when the last one ended, and
	// Fingerprints are of what they sent.
	MaybeTaken                             int
	FirstAttempt, LastAttempt, LastEndedAt time.Time
	Fingerprints                           []Fingerprint

	LastStatus int   // what EasyBroker answered to the last attempt that has ended
	Deferred   []int // what it answered to the attempts that it surely has not taken
}

// Settlement is the new state of a claimed lead.
type Settlement struct {
	State  State
	Reason string
	At     time.Time
	DueAt  time.Time // zero if nothing is left to do
	Tries  int

	// Attempt is how the open attempt ended. It is nil if the lead was looked up.
	Attempt *Attempt
}

// Count is the number of a site's leads in a state, and when the oldest of them was
// received.
type Count struct {
	Site   string
	State  State
	Leads  int
	Oldest time.Time
}

// Filter selects leads. A zero value selects all.
type Filter struct {
	Site, PropertyID string
	State            State
	After, Before    time.Time  // received at After or later, and before Before
	Below            RemoteID   // with a smaller remote id
	Text             string     // that mention the text: see [Lead.Mentions]
	RemoteIDs        []RemoteID // only these, if there are any
	Limit            int
}
