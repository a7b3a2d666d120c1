package courier

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/courier/verify"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/panics"
)

// About is what a refusal speaks of.
type About string

// A refusal speaks of the lead, which mostly means its property, of its
// remote_id, or of all that the site sends.
const (
	AboutLead     About = "lead"
	AboutRemoteID About = "remote_id"
	AboutSite     About = "site"
)

// call is an attempt that has begun.
type call struct {
	lead.Claim
	begun time.Time       // just before its intent was written; monotonic
	ended *sync.WaitGroup // of the calls that began with it
}

// attempt makes an attempt that has begun. It returns the function that writes
// down how the attempt ended. So the next call need not wait for that, and its
// intent shares a commit with this settlement.
func (w *credentialWorker) attempt(ctx context.Context, c call) (settle func(context.Context)) {
	began := time.Now()
	v := w.send(ctx, c)
	took := time.Since(began)
	to := w.settlementFor(c.Claim, v, began)
	w.slots.callEnded()
	c.ended.Done()
	return func(ctx context.Context) {
		defer w.memory.AttemptEnded(c.Lead.RemoteID)
		err := w.settle(ctx, c.Claim, to)
		w.opt.Attempt(to.Attempt.Outcome, took)
		w.logAttempt(c.Claim, to, v, took)
		w.traceAttempt(c.Claim, to, v, began, took, err)
		if errors.Is(err, lead.ErrLost) {
			// Another courier took us for dead. What we did is not written down, so for
			// a while no list can prove that it was not done.
			w.clock.Disturb()
		}
	}
}

// send makes the call, unless it must not be made any more. Then it sends nothing,
// and the verdict says nothing new about the credential.
func (w *credentialWorker) send(ctx context.Context, c call) verdict {
	abort := func(reason string) verdict {
		return verdict{outcome: lead.OutcomeDeferred, aboutCredential: true, unsent: true, detail: reason, why: reason}
	}
	if time.Since(c.begun) > w.opt.lease()-w.opt.Timeout { // the lease may be gone before an answer comes
		return abort(lead.ReasonStoodStill)
	}
	if step, _ := w.breaker.Next(time.Now()); step < breaker.Single { // because of how another call has ended meanwhile
		return abort(lead.ReasonStopped)
	}
	if !w.lease.isHeld() {
		return abort(lead.ReasonLeaseLost)
	}
	ctx, cancel := context.WithTimeout(ctx, w.opt.Timeout)
	defer cancel()
	var receipt easybroker.Receipt
	var err error
	if caught := panics.Catch(func() {
		receipt, err = w.broker.Create(ctx, w.account, w.queues[c.Lead.Site].route.Request(c.Lead))
	}); caught != nil {
		w.logBug(c.Claim, caught)
		w.bugs.note(c.Lead.RemoteID)
		err = caught
	}
	v := judge(receipt, err)
	v.cut = v.status == 0 && err != nil && !w.lease.isHeld()
	return v
}

// settlementFor decides what becomes of the lead. It also notes what the verdict
// says about the credential and the site.
func (w *credentialWorker) settlementFor(c lead.Claim, v verdict, began time.Time) lead.Settlement {
	now := w.clock.Read()
	to := lead.Settlement{State: lead.Queued, Reason: v.why, At: now, Tries: c.Tries + 1}
	to.Attempt = &lead.Attempt{Number: c.Number, EndedAt: now, Outcome: v.outcome, Status: v.status, Detail: v.why}
	switch {
	case v.unsent, v.cut, v.bug:
	case v.aboutCredential, v.outcome == lead.OutcomeUnsure && !v.refusedID: // a refusal is about the lead, whatever it means
		w.noteFailure(v, c.Lead.RemoteID)
	case w.breaker.Worked(began):
		w.lease.renewSoon()
		w.opt.Log.Info().Strs("sites", w.sites).Str("credential", lead.CredentialWorking).Msg("credential works again")
	}
	if v.aboutCredential {
		to.Tries = c.Tries
	}
	switch v.outcome {
	case lead.OutcomeDelivered:
		if w.queues[c.Lead.Site].pause.leadTaken() {
			w.opt.Log.Info().Str("site", c.Lead.Site).Msg("site goes on: EasyBroker takes its leads")
		}
		to.State, to.Reason, to.DueAt = lead.Delivered, "", now.Add(firstLookUp)
	case lead.OutcomeRefused:
		w.refuse(c, v, &to)
	case lead.OutcomeUnsure:
		if v.refusedID {
			to.Reason = lead.Quote(v.why, v.reason)
		}
		to.State, to.DueAt = lead.Doubtful, nextLookUp(now, now, now.Add(w.opt.MaxListLag), true)
	case lead.OutcomeDeferred:
		w.deferLead(c, v, &to)
	}
	return to
}

// noteFailure tells the breaker about a failure. The id is zero if the call was
// for the list.
func (w *credentialWorker) noteFailure(v verdict, id lead.RemoteID) {
	changed := w.breaker.Failed(breaker.Failure{Credential: v.aboutCredential, Held: v.held, RetryAfter: v.retryAfter, Detail: v.why}, id)
	if due, stopped := w.breaker.ProbeDue(); stopped {
		w.sendWake.at(due) // nothing else may be due by then
	}
	if changed {
		w.lease.renewSoon()
		now := w.breaker.Status(w.sites)
		event := w.opt.Log.Warn()
		if v.held { // until a person changes something
			event = w.opt.Log.Error().Str("check", settingBehind(v.status))
		}
		event.Strs("sites", w.sites).Str("credential", now.State).Str("reason", now.Reason).Msg("credential stopped")
	}
}

// settingBehind returns the settings that a person should look at when EasyBroker holds
// a credential with the status.
func settingBehind(status int) string {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return "EASYBROKER_API_KEY, and EASYBROKER_API (partner or account)"
	}
	return "EASYBROKER_URL" // it redirects
}

// refuse fails the lead. If EasyBroker refuses all of the site's leads, the
// lead waits instead, with the others.
func (w *credentialWorker) refuse(c lead.Claim, v verdict, to *lead.Settlement) {
	to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, cmp.Or(v.reason, v.why)
	waits, wait, begun := w.queues[c.Lead.Site].pause.leadRefused(&c.Lead, v.status, to.At)
	if waits {
		to.State, to.DueAt = lead.Queued, to.At.Add(wait)
	}
	if begun {
		w.opt.Log.Error().Str("site", c.Lead.Site).Int("status", v.status).Msg("site paused: EasyBroker refuses lead after lead, whatever the property")
	}
	w.opt.Refused(c.Lead.Site, v.status, refusalAbout(v, to))
}

// refusalAbout returns what a refusal speaks of, judging by what became of the
// lead.
func refusalAbout(v verdict, to *lead.Settlement) About {
	switch {
	case to.State == lead.Queued:
		return AboutSite
	case v.refusedID:
		return AboutRemoteID
	}
	return AboutLead
}

// deferLead puts the lead back into the queue. The lead keeps its place there if the
// failure is not about it.
func (w *credentialWorker) deferLead(c lead.Claim, v verdict, to *lead.Settlement) {
	// A refusal that nobody has seen EasyBroker give is believed the third time.
	const strangeTries, strangeWait = 3, 30 * time.Minute
	switch {
	case v.aboutCredential:
		to.DueAt = c.WasDueAt
	case v.strange && timesStrange(c.Deferred)+1 >= strangeTries:
		to.Attempt.Outcome = lead.OutcomeRefused
		w.refuse(c, v, to)
		return // the deadline does not count: the lead has failed, or waits for a paused site
	default:
		to.DueAt = to.At.Add(max(strangeWait, jitter(w.opt.Schedule.Wait(c.Tries), c)))
	}
	if to.State == lead.Queued && !v.held && w.isOverdue(&c.Lead) {
		to.State, to.Reason, to.DueAt = lead.Failed, lead.ReasonDeadline, time.Time{}
	}
}

// settle writes down what becomes of the lead. If the store fails, it tries again
// until the lease is over; after that the lead is looked up.
func (w *credentialWorker) settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	const shortest, longest = 100 * time.Millisecond, 2 * time.Second
	began := time.Now()
	for wait := shortest; ; wait = min(2*wait, longest) {
		err := w.outbox.Settle(context.WithoutCancel(ctx), c, to)
		if err == nil {
			w.noteSettled(c, to)
			return nil
		}
		_, isBug := errors.AsType[*lead.IllegalMoveError](err) // ours, and no later try can succeed
		if isBug || errors.Is(err, lead.ErrLost) || ctx.Err() != nil || time.Since(began) > w.opt.lease() {
			w.opt.Log.Error().Str("site", c.Lead.Site).Int64("remote_id", int64(c.Lead.RemoteID)).Err(err).Msg("lead not settled")
			return err
		}
		time.Sleep(wait)
	}
}

// noteSettled wakes the loop that has the lead next, which is that of another courier if
// one has taken over. If nothing is left to do, it forgets the lead.
func (w *credentialWorker) noteSettled(c lead.Claim, to lead.Settlement) {
	next := w.courier.workerOf(c.Lead.Site)
	if to.DueAt.IsZero() || next == nil { // without its site a lead waits until that is back
		w.memory.Forget(c.Lead.RemoteID)
		return
	}
	wasRefused := verify.RemoteIDRefused(c) || to.Attempt != nil && to.Attempt.Outcome == lead.OutcomeRefused
	wake := next.lookUpWake
	if to.State == lead.Queued {
		wake = next.sendWake
		if !wasRefused {
			next.queues[c.Lead.Site].pause.leadArrived()
		}
	}
	wake.at(time.Now().Add(to.DueAt.Sub(to.At)))
}

func (w *credentialWorker) logAttempt(c lead.Claim, to lead.Settlement, v verdict, took time.Duration) {
	event := w.opt.Log.Info()
	if to.Attempt.Outcome != lead.OutcomeDelivered {
		event = w.opt.Log.Warn()
	}
	if to.Attempt.Outcome == lead.OutcomeRefused {
		event.Str("about", string(refusalAbout(v, &to)))
	}
	withTrace(withNext(event, to.DueAt), &c.Lead).Int64("remote_id", int64(c.Lead.RemoteID)).Str("site", c.Lead.Site).Int("attempt", c.Number).
		Str("outcome", string(to.Attempt.Outcome)).Int("status", v.status).Str("detail", v.detail).
		Str("state", string(to.State)).Dur("took", took).
		Dur("age", to.At.Sub(c.Lead.ReceivedAt)).Msg("attempt")
}

// withNext adds when the lead is seen to again, if ever.
func withNext(e *zerolog.Event, at time.Time) *zerolog.Event {
	if at.IsZero() {
		return e
	}
	return e.Time("next", at)
}
