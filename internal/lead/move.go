package lead

import (
	"fmt"
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
	taken := l.State == Delivered || l.State == Confirmed
	if l.IsErased() || l.State != Failed && l.State != Discarded && (!taken || !force) {
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

// Edit changes fields of a lead that waits for a person. The state stays. The whole
// inquiry is cleaned and checked as in [New]. If Edit returns an error, which is an
// [*InvalidError] or a [*MoveError], the lead is unchanged.
func (l *Lead) Edit(changes map[Field]string, rules Rules) error {
	if l.IsErased() || l.State != Failed && l.State != Discarded && l.State != Quarantined {
		return &MoveError{From: l.State, Verb: "edit"}
	}
	q := l.Inquiry
	for f, value := range changes {
		q.Set(f, value)
	}
	if err := rules.cleanAndCheck(&q); err != nil {
		return err
	}
	l.Inquiry = q
	return nil
}
