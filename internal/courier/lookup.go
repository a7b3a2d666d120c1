package courier

import (
	"context"
	"errors"
	"net/http"
	"time"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/courier/verify"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/panics"
)

const (
	// lookUpBatch is how many leads are looked up together, unless they are large.
	lookUpBatch = 500
	// lookUpLease is how long a batch may take.
	lookUpLease = 5 * time.Minute
	// lookUpPause comes after a batch of all that was due, so that the next batch is
	// worth its reading.
	lookUpPause = 3 * time.Second
	// longDoubt is how long a doubt may last before it needs a person.
	longDoubt = time.Hour
)

// lookUpLoop looks up the leads that are due for it.
func (w *credentialWorker) lookUpLoop(ctx context.Context) {
	for ctx.Err() == nil {
		if !w.lease.isHeld() { // ctx ends soon
			sleep(ctx, leaseMargin)
			continue
		}
		now := time.Now()
		if from := w.breaker.ReadableFrom(now); from.After(now) {
			w.lookUpWake.sleep(ctx, from)
			continue
		}
		wall := w.clock.Read()
		claims, due, err := w.outbox.ClaimLookups(context.WithoutCancel(ctx), w.sites,
			lead.Due{Now: wall, MaxAhead: w.lookUpHorizon.maxAhead(), N: lookUpBatch, Lease: lookUpLease})
		switch {
		case err != nil:
			w.opt.Log.Error().Strs("sites", w.sites).Err(err).Msg("look-ups not claimed")
			w.lookUpWake.sleep(ctx, now.Add(time.Second))
		case len(claims) > 0:
			w.lookUp(ctx, claims)
			isAll := due.IsZero() || due.After(wall)
			if len(claims) < lookUpBatch && isAll {
				sleep(ctx, lookUpPause)
			}
		case due.IsZero():
			w.lookUpWake.sleep(ctx, now.Add(maxSleep))
		default:
			w.lookUpWake.sleep(ctx, now.Add(min(maxSleep, due.Sub(wall))))
		}
	}
}

// lookUp looks up the claimed leads. If it panics, one of them has met a bug: each is
// looked up alone then, and the one comes back when its lease is over.
func (w *credentialWorker) lookUp(ctx context.Context, claims []lead.Claim) {
	settled := map[lead.RemoteID]bool{}
	caught := panics.Catch(func() { w.lookUpTogether(ctx, claims, settled) })
	if caught == nil {
		return
	}
	w.logBug(claims[0], caught) // or another of them
	if len(claims) == 1 {
		return
	}
	for _, c := range claims {
		if !settled[c.Lead.RemoteID] {
			w.lookUp(ctx, []lead.Claim{c})
		}
	}
}

// lookUpTogether settles each of the leads by what the list says. It gives back those that
// it does not get to while they are ours.
func (w *credentialWorker) lookUpTogether(ctx context.Context, claims []lead.Claim, settled map[lead.RemoteID]bool) {
	ctx, cancel := context.WithTimeout(ctx, lookUpLease)
	defer cancel()
	groups := w.verifier.Group(claims)
	for i, group := range groups {
		if now := time.Now(); ctx.Err() != nil || w.breaker.ReadableFrom(now).After(now) {
			w.unclaim(ctx, groups[i:])
			return
		}
		began := time.Now()
		for f := range w.verifier.LookUp(ctx, group) {
			to, ended := w.settlementAfter(f), time.Now()
			w.logLookUp(f, to)
			err := w.settle(ctx, f.Claim, to) // settle has logged it, and the lead comes back when the lease is over
			w.traceLookUp(f, to, began, ended, err)
			settled[f.Claim.Lead.RemoteID] = true
		}
	}
}

func (w *credentialWorker) unclaim(ctx context.Context, groups []verify.Group) {
	for _, g := range groups {
		for _, c := range g.Claims {
			if err := w.outbox.Unclaim(context.WithoutCancel(ctx), c); err != nil {
				w.opt.Log.Warn().Str("site", c.Lead.Site).Int64("remote_id", int64(c.Lead.RemoteID)).Err(err).Msg("look-up not given back")
			}
			if next := w.courier.workerOf(c.Lead.Site); next != nil && next != w {
				next.lookUpWake.at(time.Now())
			}
		}
	}
}

// AwaitTurn implements [verify.Source]. It waits for a credential that is cooling
// down, but no longer than a probe takes. It does not wait for one that is
// stopped: the worker's own probes find out when that works again.
func (w *credentialWorker) AwaitTurn(ctx context.Context) error {
	latest := time.Now().Add(w.opt.Probe)
	for {
		now := time.Now()
		from := w.breaker.ReadableFrom(now)
		if !from.After(now) && !w.lease.isHeld() {
			return w.borrow(ctx, latest)
		}
		if !from.After(now) {
			return w.pacer.read(ctx)
		}
		if c := w.breaker.Status(nil); from.After(latest) || c.State != lead.CredentialResting && w.breaker.IsStopped() {
			return &breaker.StoppedError{State: c.State, Reason: c.Reason}
		}
		if sleep(ctx, from.Sub(now)); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// List implements [verify.Source]. It makes one call and notes what that says
// about the credential.
func (w *credentialWorker) List(ctx context.Context, q easybroker.Query) (easybroker.Page, error) {
	ctx, release := w.lease.bound(ctx)
	defer release()
	ctx, cancel := context.WithTimeout(ctx, w.opt.Timeout)
	defer cancel()
	page, err := w.broker.List(ctx, w.account, q)
	if err == nil {
		return page, nil
	}
	isCut := errors.Is(ctx.Err(), context.Canceled)
	if isCut || !w.lease.isHeld() { // how the credential stands is the holder's to say
		return page, err
	}
	// If the credential works, a list that answers badly says nothing about it.
	if v := judge(easybroker.Receipt{}, err); v.aboutCredential || w.breaker.IsStopped() {
		w.noteFailure(v, 0)
	}
	return page, err
}

// settlementAfter decides what becomes of a lead that was looked up.
func (w *credentialWorker) settlementAfter(f verify.Finding) lead.Settlement {
	c, now := f.Claim, w.clock.Read()
	isDoubtful := c.Lead.State == lead.Doubtful
	to := lead.Settlement{State: c.Lead.State, Reason: c.Lead.Reason, At: now, Tries: c.Tries}
	to.DueAt = nextLookUp(now, f.SentBy, f.SentBy.Add(w.opt.MaxListLag), isDoubtful)
	switch {
	case f.Result == verify.Unread:
		if isDoubtful {
			to.Reason = lead.Requote(c.Lead.Reason, lead.LookUpFailed(verify.Why(f.Err)))
		}
	case f.Found > 0:
		w.settleFound(f, &to)
	case c.Lead.State == lead.Confirmed: // it was seen, and it is not there twice
		to.DueAt = time.Time{}
	case f.Result == verify.Unproven:
		if isDoubtful {
			to.Reason = lead.Requote(c.Lead.Reason, lead.ReasonNotListedYet)
		}
	case isDoubtful:
		w.settleAbsent(f, &to)
	default:
		w.settleMissing(f, &to)
	}
	return to
}

// settleFound settles a lead that the list has, or something like it.
func (w *credentialWorker) settleFound(f verify.Finding, to *lead.Settlement) {
	c := f.Claim
	switch {
	case f.Result == verify.Foreign:
		to.Reason = lead.ReasonForeignID
		if to.State == lead.Doubtful {
			to.State, to.DueAt = lead.Failed, time.Time{}
		}
		return
	case f.Result == verify.Ambiguous && c.Lead.State == lead.Doubtful:
		to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, lead.ReasonSeveral
		return
	case f.Found > 1:
		to.State, to.DueAt, to.Reason = lead.Confirmed, time.Time{}, lead.ReasonTwice
	case c.Lead.State == lead.Confirmed:
		to.DueAt = time.Time{}
	case c.MaybeTaken > 1: // the other attempt may still turn up
		to.State, to.DueAt, to.Reason = lead.Confirmed, to.At.Add(w.opt.MaxListLag), ""
	default:
		to.State, to.DueAt, to.Reason = lead.Confirmed, time.Time{}, ""
	}
	if c.Lead.State != lead.Confirmed {
		w.opt.Seen(to.At.Sub(c.LastAttempt))
	}
}

// settleAbsent puts a lead that is surely not there back into the queue. If
// EasyBroker has refused its remote_id, sending it again would not help, because a
// lead keeps its number. Then it fails, unless an earlier attempt may have taken
// effect while the list lags behind for longer than it should. A conflict (409)
// may be of another kind and pass, so such a lead has that hour, too.
func (w *credentialWorker) settleAbsent(f verify.Finding, to *lead.Settlement) {
	c := f.Claim
	to.State, to.DueAt, to.Reason = lead.Queued, to.At, lead.ReasonNotListed
	if f.BeyondProof {
		to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, lead.ReasonBeyondProof
		return
	}
	isSure := c.MaybeTaken == 1 && c.LastStatus != http.StatusConflict
	if w.bugs.areTooMany(c.Lead.RemoteID) {
		to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, lead.ReasonBug
	} else if verify.RemoteIDRefused(c) && (isSure || w.clock.Since(c.FirstAttempt) > longDoubt) {
		meaning := lead.ReasonNumber
		if w.account.API != easybroker.Partner {
			meaning = lead.ReasonConflict
		}
		w.refuse(c, verdict{status: c.LastStatus, refusedID: true, reason: lead.Requote(c.Lead.Reason, meaning)}, to)
	} else if w.isOverdue(&c.Lead) {
		to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, lead.ReasonDeadline
	} else if due := f.SentBy.Add(jitter(w.opt.Schedule.Wait(c.Tries-1), c)); due.After(to.At) {
		to.DueAt = due
	}
}

// settleMissing reports a lead that EasyBroker took and does not list. We look for
// it until the deadline and never send it again.
func (w *credentialWorker) settleMissing(f verify.Finding, to *lead.Settlement) {
	age := f.ReadAt.Sub(f.Claim.Lead.DeliveredAt)
	if age < 0 { // the clock was set back since
		age = f.Steady
	}
	if age < verify.MissingAfter(w.opt.MaxListLag) {
		return
	}
	to.Reason = lead.ReasonMissing
	if age >= w.opt.Deadline {
		to.DueAt = time.Time{}
	}
}

func (w *credentialWorker) logLookUp(f verify.Finding, to lead.Settlement) {
	c, event := f.Claim, w.opt.Log.Info()
	switch {
	case to.State == lead.Failed, to.Reason == lead.ReasonTwice, to.Reason == lead.ReasonMissing && c.Lead.Reason != to.Reason,
		to.State == lead.Doubtful && to.At.Sub(c.LastAttempt) > longDoubt:
		event = w.opt.Log.Error()
	}
	withTrace(withNext(event, to.DueAt), &c.Lead).Int64("remote_id", int64(c.Lead.RemoteID)).Str("site", c.Lead.Site).Int("found", f.Found).
		Bool("whole", f.Complete).AnErr("cause", f.Err).Str("state", string(to.State)).Str("reason", lead.Line(lead.Unquoted(to.Reason))).Msg("look-up")
}
