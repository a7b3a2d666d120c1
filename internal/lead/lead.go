// Package lead is what leadrelay is all about: an inquiry that a visitor
// sends, the lead that it becomes once it is valid and on disk, and the states
// a lead goes through on its way to EasyBroker. It does no I/O.
package lead

import (
	"time"
)

// Field is our name of a field of an inquiry. EasyBroker uses the same words.
type Field string

// The fields that EasyBroker takes.
const (
	PropertyID Field = "property_id"
	Name       Field = "name"
	Email      Field = "email"
	Phone      Field = "phone"
	Message    Field = "message"
)

// Inquiry is what a visitor submitted, as it arrived.
type Inquiry struct {
	Site       string `json:"-"`
	PropertyID string `json:"-"`
	Name       string `json:"name,omitempty"`
	Email      string `json:"email,omitempty"`
	Phone      string `json:"phone,omitempty"` // as typed; it becomes E.164 on its way out
	Message    string `json:"message,omitempty"`

	// Context is what came with the inquiry and stays with us, unless the site's
	// [Template] names it: page_url, utm_*, consent.
	Context map[string]string `json:"context,omitempty"`
	// Extra are the form's other fields, for the operator to read. They stay
	// with us, too.
	Extra []Pair `json:"extra,omitempty"`
	// Ambiguous tells [New] that the form named more than one property, and that
	// PropertyID is the first. The lead says so in its context.
	Ambiguous bool `json:"-"`
	// LeftOut counts what came with the inquiry and is not kept, or not whole, for
	// want of room. [New] adds to it.
	LeftOut int `json:"-"`
}

// Lead is an Inquiry that passed [New]. There is no other way to make one, so
// code that holds a Lead need not check it again.
type Lead struct {
	Inquiry

	// RemoteID is zero until the store has kept the lead.
	RemoteID RemoteID
	Source   string // what EasyBroker is told as the inquiry's source
	State    State
	Reason   string // why it is in this state, for the operator

	ReceivedAt time.Time
	QueuedAt   time.Time // when the door or a person last queued it; its deadline counts from here
	// DueAt is when the courier looks at the lead again; zero when nothing is
	// left to do.
	DueAt       time.Time
	DeliveredAt time.Time
	ConfirmedAt time.Time
}

// New cleans the inquiry's text and makes a lead of it when it has all that
// rules ask for. The error is an [*InvalidError] that names every field that
// is wrong, not only the first.
func New(q Inquiry, source string, rules Rules, now time.Time) (Lead, error) {
	if err := rules.admit(&q); err != nil {
		return Lead{}, err
	}
	l := Lead{Inquiry: q, Source: source, State: Queued, ReceivedAt: now, QueuedAt: now, DueAt: now}
	l.fit()
	return l, nil
}

// Quarantine sets a lead apart that was not kept yet: it goes nowhere until a
// person has looked at it.
func (l *Lead) Quarantine(reason string) {
	l.State, l.Reason, l.DueAt = Quarantined, reason, time.Time{}
}

// Hold lets a lead that was not kept yet go nowhere before the time. It is
// queued like any other, so it goes out even if nobody thinks of it again.
func (l *Lead) Hold(until time.Time) { l.DueAt = until }

// Get returns the value of a field.
func (q *Inquiry) Get(f Field) string {
	if p := q.at(f); p != nil {
		return *p
	}
	return ""
}

// Set gives a field its value; a field that is none of ours is left out.
func (q *Inquiry) Set(f Field, value string) {
	if p := q.at(f); p != nil {
		*p = value
	}
}

func (q *Inquiry) at(f Field) *string {
	switch f {
	case PropertyID:
		return &q.PropertyID
	case Name:
		return &q.Name
	case Email:
		return &q.Email
	case Phone:
		return &q.Phone
	case Message:
		return &q.Message
	}
	return nil
}
