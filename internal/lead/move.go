package lead

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// MoveError means that a person's move is not possible in the lead's state. The
// lead is unchanged.
type MoveError struct {
	From State
	Verb string // what the person wanted: retry, release, discard, edit
}

func (e *MoveError) Error() string { return fmt.Sprintf("cannot %s a lead that is %s", e.Verb, e.From) }

// Retry queues a lead that has failed or was discarded; it is due now. A lead that
// EasyBroker has taken is queued only if forced, because it then arrives a second
// time. A lead on its way is never queued, because two couriers could send it.
func (l *Lead) Retry(now time.Time, force bool) error {
	if l.IsErased() || l.State != Failed && l.State != Discarded && (!l.IsTaken() || !force) {
		return &MoveError{From: l.State, Verb: "retry"}
	}
	l.queue(now)
	return nil
}

// Release queues a quarantined lead.
func (l *Lead) Release(now time.Time) error {
	if l.IsErased() || l.State != Quarantined {
		return &MoveError{From: l.State, Verb: "release"}
	}
	l.queue(now)
	return nil
}

// queue puts the lead back at the start of its way. Its deadline counts from now.
func (l *Lead) queue(now time.Time) {
	l.State, l.Reason = Queued, ""
	l.QueuedAt, l.DueAt = now, now
	l.DeliveredAt, l.ConfirmedAt = time.Time{}, time.Time{}
	if l.Context[rectified] != "" { // what is sent now is what stands here
		l.Context = maps.Clone(l.Context)
		delete(l.Context, rectified)
	}
}

// Discard throws away a lead that waits for a person. The reason stays, in case
// somebody retries the lead.
func (l *Lead) Discard() error {
	if l.State != Failed && l.State != Quarantined {
		return &MoveError{From: l.State, Verb: "discard"}
	}
	l.State, l.DueAt = Discarded, time.Time{}
	return nil
}

// IsTaken reports whether EasyBroker has the lead.
func (l *Lead) IsTaken() bool { return l.State == Delivered || l.State == Confirmed }

// Edit changes fields of a lead that waits for a person, or that EasyBroker has: it takes
// no correction, so the lead says then which fields are others there. The state stays. The
// whole inquiry is cleaned and checked as in [New]. If Edit returns an error, which is an
// [*InvalidError] or a [*MoveError], the lead is unchanged.
func (l *Lead) Edit(changes map[Field]string, rules Rules) error {
	if l.IsErased() || l.State != Failed && l.State != Discarded && l.State != Quarantined && !l.IsTaken() {
		return &MoveError{From: l.State, Verb: "edit"}
	}
	q := l.Inquiry
	for f, value := range changes {
		q.Set(f, value)
	}
	if err := rules.cleanAndCheck(&q); err != nil {
		return err
	}
	if l.IsTaken() {
		if q.PropertyID != l.PropertyID { // under which it is looked for in EasyBroker's list
			return &InvalidError{Fields: []FieldError{{Field: PropertyID, Code: Taken}}}
		}
		q.noteRectified(l)
	}
	l.Inquiry = q
	return nil
}

// noteRectified notes which fields are others than in the lead that EasyBroker has, in the
// context that was cleaned into a map of its own.
func (q *Inquiry) noteRectified(taken *Lead) {
	var names []string
	before := taken.Rectified()
	for _, f := range Fields() {
		if slices.Contains(before, f) || q.Get(f) != taken.Get(f) {
			names = append(names, string(f))
		}
	}
	if len(names) > 0 {
		q.setContext(rectified, strings.Join(names, ", "))
	}
}

// Rectified returns the fields that a person has changed after EasyBroker had taken the
// lead. EasyBroker has the old ones, unless somebody corrects them there.
func (l *Lead) Rectified() (fields []Field) {
	if l.Context[rectified] == "" {
		return nil
	}
	for name := range strings.SplitSeq(l.Context[rectified], ", ") {
		fields = append(fields, Field(name))
	}
	return fields
}
