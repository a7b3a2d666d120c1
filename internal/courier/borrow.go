package courier

import (
	"context"
	"time"

	"leadrelay/internal/courier/breaker"
)

// A person may ask any replica what has arrived at EasyBroker. The one that does not
// hold the credential borrows calls from the holder, so that both together keep the
// credential's pace.

// carriedElsewhere is the state of a credential as an operator reads it whose command
// got no call.
const carriedElsewhere = "carried by another replica"

// borrowed are calls that the holder has lent.
type borrowed struct {
	turn chan struct{} // is held by who uses or changes the others
	left int64
	till time.Time // they are not kept for later
}

// lend gives the others the calls that they have asked for, as the pace allows.
func (w *credentialWorker) lend(ctx context.Context) {
	for {
		select {
		case <-w.lease.owing:
		case <-ctx.Done():
			return
		}
		for w.lease.owes() {
			if w.pacer.read(ctx) != nil {
				return
			}
			w.lease.lendOne()
		}
		w.lease.renewSoon()
	}
}

func (l *lease) owes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted > l.lent
}

func (l *lease) lendOne() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent++
}

// borrow waits until the holder has lent a call, but not beyond a time. It borrows
// some at once, since each time takes seconds.
func (w *credentialWorker) borrow(ctx context.Context, latest time.Time) error {
	const pause = 200 * time.Millisecond
	l, b := w.lease, &w.lease.borrowed
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.left > 0 && time.Now().Before(b.till) {
		b.left--
		return nil
	}
	some := max(1, int64(w.opt.Rate/2))
	count, err := l.want(ctx, some)
	for err != nil || !l.hasLent(count) {
		if l.isHeld() { // we have become the holder
			return w.pacer.read(ctx)
		}
		if time.Now().After(latest) {
			return notLent(err)
		}
		if sleep(ctx, pause); ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // just after the start nobody may have asked for the lease yet
			count, err = l.want(ctx, some)
		}
	}
	b.left, b.till = some-1, time.Now().Add(askEvery)
	return nil
}

// notLent is why there was no call, by the error of the last question for some.
func notLent(err error) error {
	reason := "it lends no call"
	if err != nil {
		reason = "the database does not answer"
	}
	return &breaker.StoppedError{State: carriedElsewhere, Reason: reason}
}

func (l *lease) want(ctx context.Context, calls int64) (count int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	return l.desk.leases.WantCalls(ctx, l.request.Credential, calls)
}

func (l *lease) hasLent(count int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lent >= count
}
