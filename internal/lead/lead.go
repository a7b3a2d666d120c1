// Package lead defines what leadrelay works on: an inquiry that a visitor sends,
// the lead that it becomes once it is valid and on disk, and the states that a
// lead goes through on its way to EasyBroker. It does no I/O.
package lead

import "time"

// Lead is an [Inquiry] that passed [New]. There is no other way to make one, so
// code that holds a Lead need not check it again.
type Lead struct {
	Inquiry

	// RemoteID is zero until the store has kept the lead.
	RemoteID RemoteID
	Source   string // what we send to EasyBroker as the inquiry's source
	State    State
	Reason   string // why it is in this state, for the operator

	ReceivedAt time.Time
	QueuedAt   time.Time // when it was last queued, on arrival or by a person; its deadline counts from here
	// DueAt is when the courier looks at the lead again. It is zero if nothing is
	// left to do.
	DueAt       time.Time
	DeliveredAt time.Time
	ConfirmedAt time.Time

	Trace Trace // of the post that brought it
}

// New cleans the inquiry's text and makes a lead of it if it meets the rules. The
// error is an [*InvalidError] that names every wrong field, not only the first.
func New(q Inquiry, source string, rules Rules, now time.Time) (Lead, error) {
	if err := rules.cleanAndCheck(&q); err != nil {
		return Lead{}, err
	}
	l := Lead{Inquiry: q, Source: source, State: Queued, ReceivedAt: now, QueuedAt: now, DueAt: now}
	l.fit()
	return l, nil
}

// Quarantine sets a new lead apart before it is kept. It is not sent until a
// person has looked at it.
func (l *Lead) Quarantine(reason string) {
	l.State, l.Reason, l.DueAt = Quarantined, reason, time.Time{}
}

// DelayUntil makes a new lead due later, before it is kept. It stays queued, so it
// is sent at that time even if nobody acts on it.
func (l *Lead) DelayUntil(until time.Time) { l.DueAt = until }
