package courier

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// errFrozen means that the process stood still between the intent and the
// sending, for so long that the lease may be gone before an answer comes.
var errFrozen = errors.New("the process stood still before sending")

// try makes one attempt.
func (l *lane) try(ctx context.Context, c lead.Claim) error {
	begun := time.Now()
	if begun.Sub(c.Lead.ReceivedAt) >= l.courier.opt.Deadline {
		return l.settle(ctx, c, lead.Settlement{State: lead.Failed, Reason: "deadline", At: begun, Tries: c.Tries})
	}
	number, err := l.courier.outbox.Begin(ctx, c, begun, l.courier.lease())
	if err != nil {
		return err
	}
	v := l.send(ctx, c, begun, number > 1)
	ended := time.Now()
	to := l.after(c, v, ended)
	to.Attempt = &lead.Attempt{Number: number, BegunAt: begun, EndedAt: ended, Outcome: v.outcome, Status: v.status, Detail: v.detail}
	err = l.settle(ctx, c, to)
	l.courier.opt.Attempt(v.outcome, ended.Sub(begun))
	l.logAttempt(c, to, v)
	return err
}

// settle writes down what became of the lead. The lane may be asleep until a
// later time than the lead's next one, so it looks again.
func (l *lane) settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	err := l.courier.outbox.Settle(ctx, c, to)
	if !to.DueAt.IsZero() {
		l.wake()
	}
	return err
}

func (l *lane) send(ctx context.Context, c lead.Claim, begun time.Time, again bool) verdict {
	if time.Since(begun) > l.courier.lease()-l.courier.opt.Timeout {
		return judge(easybroker.Receipt{}, &easybroker.NotSentError{Err: errFrozen}, again)
	}
	ctx, cancel := context.WithTimeout(ctx, l.courier.opt.Timeout)
	defer cancel()
	receipt, err := l.courier.broker.Create(ctx, l.account, request(c.Lead, l.route(c.Lead.Site)))
	return judge(receipt, err, again)
}

// after says what becomes of the lead: see the table of states.
func (l *lane) after(c lead.Claim, v verdict, now time.Time) lead.Settlement {
	to := lead.Settlement{At: now, Tries: c.Tries + 1}
	if v.credential {
		to.Tries, to.DueAt = c.Tries, l.pause(v)
	}
	switch v.outcome {
	case lead.OutcomeDelivered:
		l.recovered()
		to.State = lead.Delivered
	case lead.OutcomeRefused:
		l.recovered()
		to.State, to.Reason = lead.Failed, cmp.Or(v.reason, v.detail)
	case lead.OutcomeUnsure:
		to.State, to.Reason = lead.Doubtful, v.detail
		to.DueAt = nextLook(now, now, now.Add(l.courier.opt.Settle))
	case lead.OutcomeDeferred: // always for the credential's sake
		to.State, to.Reason = lead.Queued, v.detail
	}
	return to
}

func (l *lane) logAttempt(c lead.Claim, to lead.Settlement, v verdict) {
	a := to.Attempt
	event := l.courier.opt.Log.Info()
	if v.outcome != lead.OutcomeDelivered {
		event = l.courier.opt.Log.Warn()
	}
	next(event, to.DueAt).Int64("remote_id", int64(c.Lead.RemoteID)).Str("site", c.Lead.Site).Int("attempt", a.Number).
		Str("outcome", string(v.outcome)).Int("status", v.status).Str("detail", v.detail).
		Str("state", string(to.State)).Dur("took", a.EndedAt.Sub(a.BegunAt)).
		Dur("age", a.EndedAt.Sub(c.Lead.ReceivedAt)).Msg("attempt")
}

// next says when the lead is looked at again, if ever.
func next(e *zerolog.Event, at time.Time) *zerolog.Event {
	if at.IsZero() {
		return e
	}
	return e.Time("next", at)
}
