package lead

import (
	"fmt"
	"time"
)

// MoveError means that a person's move does not fit the state that the lead is
// in. The lead is as it was.
type MoveError struct {
	From State
	Verb string // what the person wanted: retry, release, discard, edit
}

func (e *MoveError) Error() string { return fmt.Sprintf("cannot %s a lead that is %s", e.Verb, e.From) }

// Retry queues a lead that has failed or was discarded, for now. One that
// EasyBroker has taken is only queued again when forced, since it then arrives
// a second time. One on its way is never queued: two couriers could carry it.
func (l *Lead) Retry(now time.Time, force bool) error {
	taken := l.State == Delivered || l.State == Confirmed
	if l.State != Failed && l.State != Discarded && (!taken || !force) {
		return &MoveError{From: l.State, Verb: "retry"}
	}
	l.queue(now)
	return nil
}

// Release queues a lead that looked like spam and is none.
func (l *Lead) Release(now time.Time) error {
	if l.State != Quarantined {
		return &MoveError{From: l.State, Verb: "release"}
	}
	l.queue(now)
	return nil
}

// queue begins the lead's way anew; its deadline counts from now.
func (l *Lead) queue(now time.Time) {
	l.State, l.Reason = Queued, ""
	l.QueuedAt, l.DueAt = now, now
	l.DeliveredAt, l.ConfirmedAt = time.Time{}, time.Time{}
}

// Discard throws a lead away that waits for a person. Its reason stays, for
// whoever restores it.
func (l *Lead) Discard() error {
	if l.State != Failed && l.State != Quarantined {
		return &MoveError{From: l.State, Verb: "discard"}
	}
	l.State, l.DueAt = Discarded, time.Time{}
	return nil
}

// Edit changes fields of a lead that waits for a person; its state stays. The
// whole inquiry is cleaned and checked as [New] does it, and on an error, an
// [*InvalidError] or a [*MoveError], nothing has changed.
func (l *Lead) Edit(changes map[Field]string, rules Rules) error {
	if l.State != Failed && l.State != Discarded && l.State != Quarantined {
		return &MoveError{From: l.State, Verb: "edit"}
	}
	q := l.Inquiry
	for f, value := range changes {
		q.Set(f, value)
	}
	if err := rules.admit(&q); err != nil {
		return err
	}
	l.Inquiry = q
	return nil
}
