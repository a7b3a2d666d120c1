package courier

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/courier/verify"
	"leadrelay/internal/lead"
)

// isTraced reports whether somebody is to be told of what is done with the lead.
func (w *credentialWorker) isTraced(l *lead.Lead) bool { return w.opt.Traced != nil && l.Trace != "" }

// traceAttempt tells of an attempt that has ended. What the lead is now is not known if that
// could not be written down.
func (w *credentialWorker) traceAttempt(c lead.Claim, to lead.Settlement, v verdict, began time.Time, took time.Duration, err error) {
	if !w.isTraced(&c.Lead) {
		return
	}
	step := stepOf(&c.Lead, began, began.Add(took))
	step.Attempt, step.URL, step.Outcome, step.Status = c.Number, w.account.ContactRequests(), to.Attempt.Outcome, v.status
	if err == nil {
		step.State = to.State
	}
	w.opt.Traced(step)
}

// traceLookUp tells of a look-up, unless what it has found could not be written down.
func (w *credentialWorker) traceLookUp(f verify.Finding, to lead.Settlement, began, ended time.Time, err error) {
	if !w.isTraced(&f.Claim.Lead) || err != nil {
		return
	}
	step := stepOf(&f.Claim.Lead, began, ended)
	step.State, step.Found = to.State, f.Found
	w.opt.Traced(step)
}

func stepOf(l *lead.Lead, began, ended time.Time) lead.TraceStep {
	return lead.TraceStep{Trace: l.Trace, Site: l.Site, RemoteID: l.RemoteID, Began: began, Ended: ended, Was: l.State}
}

// withTrace adds the id of the lead's trace to a line of the log, if it has one.
func withTrace(e *zerolog.Event, l *lead.Lead) *zerolog.Event {
	if id := l.Trace.ID(); id != "" {
		return e.Str("trace_id", id)
	}
	return e
}

// tracedLedger tells of the leads that a person's command confirms.
type tracedLedger struct {
	verify.Ledger
	traced func(lead.TraceStep)
}

func (t tracedLedger) Confirm(ctx context.Context, id lead.RemoteID, at time.Time, reason string) (bool, error) {
	began := time.Now()
	changed, err := t.Ledger.Confirm(ctx, id, at, reason)
	if !changed || err != nil {
		return changed, err
	}
	if l, _, err := t.Find(ctx, id); err == nil && l.Trace != "" { // otherwise a trace lacks its end
		step := stepOf(&l, began, time.Now())
		step.Was, step.State, step.Found = "", l.State, 1
		t.traced(step)
	}
	return true, nil
}
