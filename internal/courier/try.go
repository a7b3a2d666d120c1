package courier

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
)

var (
	// errFrozen means that the process stood still between the intent and the
	// sending, for so long that the lease may be gone before an answer comes.
	errFrozen = errors.New("the process stood still before sending")
	// errStopped means that another call has meanwhile told that this one
	// would be in vain.
	errStopped = errors.New("the credential was stopped before sending")
)

// carry makes the attempt that was begun. It returns what writes down how it
// ended, so that the next call need not wait for that: its intent rides in the
// same commit as this settlement.
func (l *lane) carry(ctx context.Context, c call) (settle func(context.Context)) {
	began := time.Now()
	v := l.send(ctx, c)
	took := time.Since(began)
	to := l.after(c.Claim, v, began)
	l.land()
	c.ended.Done()
	return func(ctx context.Context) {
		defer l.touchDown(c.Lead.RemoteID)
		err := l.settle(ctx, c.Claim, to)
		l.courier.opt.Attempt(v.outcome, took)
		l.logAttempt(c.Claim, to, v, took)
		if errors.Is(err, lead.ErrLost) {
			// Somebody took us for dead. What we did is not written down, so no
			// list can prove for a while that it was not done.
			l.courier.clock.disturb()
		}
	}
}

// settle writes down what became of the lead, if need be again and again until
// the lease is over: then the lead is looked up.
func (l *lane) settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	const shortest, longest = 100 * time.Millisecond, 2 * time.Second
	began := time.Now()
	for pause := shortest; ; pause = min(2*pause, longest) {
		err := l.courier.outbox.Settle(context.WithoutCancel(ctx), c, to)
		if err == nil {
			if comesBack(c, to) {
				l.courier.stops[c.Lead.Site].pause.arrived()
			}
			if l.expect(to); to.DueAt.IsZero() {
				l.forget(c.Lead.RemoteID)
			}
			return nil
		}
		if errors.Is(err, lead.ErrLost) || ctx.Err() != nil || time.Since(began) > l.courier.lease() {
			l.courier.opt.Log.Error().Str("site", c.Lead.Site).Int64("remote_id", int64(c.Lead.RemoteID)).Err(err).Msg("lead not settled")
			return err
		}
		time.Sleep(pause)
	}
}

// comesBack reports whether a lead is queued again for another reason than that
// EasyBroker refused it.
func comesBack(c lead.Claim, to lead.Settlement) bool {
	refused := refusesID(c) || to.Attempt != nil && to.Attempt.Outcome == lead.OutcomeRefused
	return to.State == lead.Queued && !refused
}

// expect sets the alarm for what is due next for a lead.
func (l *lane) expect(to lead.Settlement) {
	if to.DueAt.IsZero() {
		return
	}
	due := time.Now().Add(to.DueAt.Sub(to.At))
	if to.State == lead.Queued {
		l.toSend.by(due)
	} else {
		l.toLook.by(due)
	}
}

func (l *lane) send(ctx context.Context, c call) verdict {
	if v, vain := l.inVain(c.begun); vain {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, l.courier.opt.Timeout)
	defer cancel()
	receipt, err := l.courier.broker.Create(ctx, l.account, request(c.Lead, l.routeOf(c.Claim)))
	return judge(receipt, err)
}

// inVain finds out, just before the call, that it must not be made any more.
// Then nothing is sent, and that says nothing new of the credential.
func (l *lane) inVain(begun time.Time) (verdict, bool) {
	v := verdict{outcome: lead.OutcomeDeferred, credential: true, unsent: true}
	if time.Since(begun) > l.courier.lease()-l.courier.opt.Timeout {
		v.detail = errFrozen.Error()
		return v, true
	}
	if now, _ := l.standing.next(time.Now()); now == wait || now == knock {
		v.detail = errStopped.Error()
		return v, true
	}
	return v, false
}

// after says what becomes of the lead, and notes what its end says of the
// credential and the site.
func (l *lane) after(c lead.Claim, v verdict, began time.Time) lead.Settlement {
	now := l.courier.clock.read()
	to := lead.Settlement{State: lead.Queued, Reason: v.detail, At: now, Tries: c.Tries + 1}
	to.Attempt = &lead.Attempt{Number: c.Number, EndedAt: now, Outcome: v.outcome, Status: v.status, Detail: v.detail}
	switch {
	case v.unsent:
	case v.credential, v.outcome == lead.OutcomeUnsure && !v.refusedID: // a refusal is about the lead, however it is meant
		l.failed(v, c.Lead.RemoteID)
	case l.standing.worked(began):
		l.courier.opt.Log.Info().Strs("sites", l.sites).Str("credential", lead.CredentialWorking).Msg("credential works again")
	}
	if v.credential {
		to.Tries = c.Tries
	}
	switch v.outcome {
	case lead.OutcomeDelivered:
		l.took(c.Lead.Site)
		to.State, to.Reason, to.DueAt = lead.Delivered, "", now.Add(firstLook)
	case lead.OutcomeRefused:
		l.refuse(c, v, &to)
	case lead.OutcomeUnsure:
		if v.refusedID {
			to.Reason = quote(v.detail, v.reason)
		}
		to.State, to.DueAt = lead.Doubtful, nextLook(now, now, now.Add(l.courier.opt.Settle), true)
	case lead.OutcomeDeferred:
		l.deferLead(c, v, &to)
	}
	return to
}

// took notes that EasyBroker takes the site's leads.
func (l *lane) took(site string) {
	if l.courier.stops[site].pause.tookOne() {
		l.courier.opt.Log.Info().Str("site", site).Msg("site goes on: EasyBroker takes its leads")
	}
}

// refuse fails the lead, unless EasyBroker refuses all of the site's: then it
// waits with the others.
func (l *lane) refuse(c lead.Claim, v verdict, to *lead.Settlement) {
	to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, cmp.Or(v.reason, v.detail)
	held, wait, news := l.courier.stops[c.Lead.Site].pause.refusedOne(&c.Lead, v.status, to.At)
	if held {
		to.State, to.DueAt = lead.Queued, to.At.Add(wait)
	}
	if news {
		l.courier.opt.Log.Error().Str("site", c.Lead.Site).Int("status", v.status).Msg("site paused: EasyBroker refuses lead after lead, whatever the property")
	}
	l.courier.opt.Refused(c.Lead.Site, v.status, whatAbout(v, to))
}

// whatAbout says what a refusal speaks of, going by what became of the lead.
func whatAbout(v verdict, to *lead.Settlement) About {
	switch {
	case to.State == lead.Queued:
		return AboutSite
	case v.refusedID:
		return AboutRemoteID
	}
	return AboutLead
}

// strangeTries and strangeWait: a refusal that nobody has seen EasyBroker give
// is believed after the third time.
const (
	strangeTries = 3
	strangeWait  = 30 * time.Minute
)

// deferLead puts the lead back: in its place when it was not its fault.
func (l *lane) deferLead(c lead.Claim, v verdict, to *lead.Settlement) {
	switch {
	case v.credential:
		to.DueAt = c.WasDueAt
	case v.strange && timesStrange(c.Deferred)+1 >= strangeTries:
		to.Attempt.Outcome = lead.OutcomeRefused
		l.refuse(c, v, to)
		return // a site that is paused knows no deadline
	default:
		to.DueAt = to.At.Add(max(strangeWait, jitter(l.courier.opt.Schedule.Wait(c.Tries), c)))
	}
	if to.State == lead.Queued && !v.held && l.courier.clock.since(c.Lead.QueuedAt) >= l.courier.opt.Deadline {
		to.State, to.Reason, to.DueAt = lead.Failed, lead.ReasonDeadline, time.Time{}
	}
}

func (l *lane) logAttempt(c lead.Claim, to lead.Settlement, v verdict, took time.Duration) {
	event := l.courier.opt.Log.Info()
	if v.outcome != lead.OutcomeDelivered {
		event = l.courier.opt.Log.Warn()
	}
	if to.Attempt.Outcome == lead.OutcomeRefused {
		event.Str("about", string(whatAbout(v, &to)))
	}
	next(event, to.DueAt).Int64("remote_id", int64(c.Lead.RemoteID)).Str("site", c.Lead.Site).Int("attempt", c.Number).
		Str("outcome", string(v.outcome)).Int("status", v.status).Str("detail", v.detail).
		Str("state", string(to.State)).Dur("took", took).
		Dur("age", to.At.Sub(c.Lead.ReceivedAt)).Msg("attempt")
}

// next says when the lead is looked at again, if ever.
func next(e *zerolog.Event, at time.Time) *zerolog.Event {
	if at.IsZero() {
		return e
	}
	return e.Time("next", at)
}
