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

// moves are where a lead may go from each state. What only a person does, a
// sign of spam that came late, or a list that was read after a backup was
// restored, is marked.
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

// IllegalMoveError means that the program wanted to write down a move that no lead
// makes. The lead is as it was.
type IllegalMoveError struct{ From, To State }

func (e *IllegalMoveError) Error() string {
	return fmt.Sprintf("a lead that is %s cannot become %s", e.From, e.To)
}

// CheckMove returns an [IllegalMoveError] unless a lead that was in state s may be
// in the next one. Staying in a state is no move.
func (s State) CheckMove(next State) error {
	if s == next || s.CanBecome(next) {
		return nil
	}
	return &IllegalMoveError{From: s, To: next}
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

// What a person must know of a lead that is otherwise done.
const (
	ReasonMissing = "missing" // delivered, but EasyBroker's list does not have it
	ReasonTwice   = "twice"   // EasyBroker's list has it more than once
)

// ReasonDeadline is why a lead failed that could not be delivered in time.
const ReasonDeadline = "deadline"

// ReasonFlood is why a lead was set apart that is one of too many.
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

	// A paused site makes trials: with the newest lead rather than with the one
	// that waits longest, and not with one of these properties.
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

// Settlement is what becomes of a claimed lead.
type Settlement struct {
	State  State
	Reason string
	At     time.Time
	DueAt  time.Time // zero: nothing left to do
	Tries  int

	// Attempt is how the open attempt ended; nil when the lead was looked up.
	Attempt *Attempt
}

// Count is how many leads of a site are in a state, and when the oldest of
// them came in.
type Count struct {
	Site   string
	State  State
	Leads  int
	Oldest time.Time
}

// Filter says which leads are asked for; its zero values ask for all.
type Filter struct {
	Site, PropertyID string
	State            State
	After, Before    time.Time  // received from, and before
	Below            RemoteID   // older than this one
	Text             string     // stands in the folio, the property or what the visitor wrote
	RemoteIDs        []RemoteID // only these; none of them: all
	Limit            int
}
