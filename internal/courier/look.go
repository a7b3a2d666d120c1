package courier

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

const (
	// lookBatch is how many leads are looked for together, unless they are large.
	lookBatch = 500
	// lookLease is how long a batch may take.
	lookLease = 5 * time.Minute
	// lookPause stands behind a batch that had all that was due, so that the next
	// one is worth it.
	lookPause = 3 * time.Second
	// firstLook is when a delivered lead is looked for.
	firstLook = 10 * time.Second
	// freshFor is how long a delivered lead is looked for among all that came
	// lately; after that it is looked for by its property.
	freshFor = 2 * time.Minute
	// graces is after how many settle delays a delivered lead is missing.
	graces = 3
	// longDoubt is when a doubt needs a person.
	longDoubt = time.Hour
)

// reasonBeyondProof is why a person must see to a general inquiry: a replay
// reads all of the list once, which the courier would do over and over.
const reasonBeyondProof = "perhaps in EasyBroker, and without a property not to be found by its stamps; replay it"

// lookAll looks up what is due for it.
func (l *lane) lookAll(ctx context.Context) {
	for ctx.Err() == nil {
		now := time.Now()
		if from := l.standing.looksFrom(now); from.After(now) {
			l.toLook.sleep(ctx, from)
			continue
		}
		wall := l.courier.clock.read()
		claims, due, err := l.courier.outbox.ClaimLookups(context.WithoutCancel(ctx), l.sites,
			lead.Due{Now: wall, MaxAhead: l.courier.farthestLook(&l.lookJumps), N: lookBatch, Lease: lookLease})
		switch {
		case err != nil:
			l.courier.opt.Log.Error().Strs("sites", l.sites).Err(err).Msg("look-ups not claimed")
			l.toLook.sleep(ctx, now.Add(time.Second))
		case len(claims) > 0:
			l.lookUp(ctx, claims)
			isRest := due.IsZero() || due.After(wall)
			if len(claims) < lookBatch && isRest {
				l.pause(ctx, lookPause)
			}
		case due.IsZero():
			l.toLook.sleep(ctx, now.Add(poll))
		default:
			l.toLook.sleep(ctx, now.Add(min(poll, due.Sub(wall))))
		}
	}
}

// lookUp reads EasyBroker's list for the claimed leads: once for all that were
// delivered just now, and once for each property of the others, of which the
// list must be read in full. What it does not get to while the claims are its
// own is given back.
func (l *lane) lookUp(ctx context.Context, claims []lead.Claim) {
	ctx, cancel := context.WithTimeout(ctx, lookLease)
	defer cancel()
	wall := l.courier.clock.read()
	for i := range claims {
		l.routeOf(claims[i]).remember(&claims[i])
	}
	fresh, others := partition(claims, func(c lead.Claim) bool {
		return c.Lead.State == lead.Delivered && c.MaybeTaken == 1 && wall.Sub(c.LastAttempt) < freshFor && l.trace(c.Lead.RemoteID).whole
	})
	groups := [][]lead.Claim{fresh}
	byProperty := map[string]int{}
	for _, c := range others {
		i, known := byProperty[lookGroup(c.Lead)]
		if !known {
			i = len(groups)
			byProperty[lookGroup(c.Lead)] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	for i, group := range groups {
		if len(group) == 0 {
			continue
		}
		if ctx.Err() != nil || l.standing.looksFrom(time.Now()).After(time.Now()) {
			l.release(ctx, slices.Concat(groups[i:]...))
			return
		}
		l.lookFor(ctx, group, i == 0)
	}
}

func (l *lane) release(ctx context.Context, claims []lead.Claim) {
	for _, c := range claims {
		if err := l.courier.outbox.Release(context.WithoutCancel(ctx), c); err != nil {
			l.courier.opt.Log.Warn().Str("site", c.Lead.Site).Int64("remote_id", int64(c.Lead.RemoteID)).Err(err).Msg("look-up not given back")
		}
	}
}

// lookFor looks for a group with one reading of the list. fresh leads are
// sought among the latest of all; the list is then not read to its end.
func (l *lane) lookFor(ctx context.Context, group []lead.Claim, fresh bool) {
	q := l.queryFor(group, fresh)
	// All must be seen where there may be more than one of a kind.
	twins := !fresh && l.account.API != easybroker.Partner || slices.ContainsFunc(group, func(c lead.Claim) bool { return c.MaybeTaken > 1 })
	began, steady := l.courier.clock.read(), l.courier.clock.steadyFor()
	enough := func(items []easybroker.Listed) bool {
		return !twins && !slices.ContainsFunc(group, func(c lead.Claim) bool { return len(l.matches(c, items)) == 0 })
	}
	hold := l.courier.hold()
	defer hold.backTo(0)
	w := wish{some: fresh, enough: enough, hold: hold, wanted: asked(l, group, func(c lead.Claim) lead.RemoteID { return c.Lead.RemoteID })}
	reading, err := l.read(ctx, q, w)
	if again := l.queryFor(group, fresh); err == nil && isWider(again, q) { // its Date tells only now how wrong our clock is
		q = again
		reading, err = l.read(ctx, q, w)
	}
	if errors.Is(err, errTooManyPages) {
		var all []easybroker.Listed
		if all, err = l.readHalves(ctx, q, reading, wish{wanted: w.wanted, hold: hold}); err == nil {
			reading.items, reading.whole = all, true
		}
	}
	l.tellUnread(err)
	for _, c := range group {
		sight := sight{matches: l.matches(c, reading.items), whole: reading.whole, began: began, steady: steady, err: err}
		if !twins && len(sight.matches) > 0 {
			sight.err = nil // what was seen is there, however the reading went on
		}
		if refusesID(c) && sight.whole && len(sight.matches) == 0 {
			sight.matches, sight.err = l.whoHasID(ctx, c, q)
		}
		to := l.conclude(c, sight)
		l.logLook(c, to, sight)
		_ = l.settle(ctx, c, to) // the log has it, and the lead comes back when the lease is over
	}
}

// tellUnread tells, once a minute at most and not for each lead, that the list
// could not be read.
func (l *lane) tellUnread(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	l.unread.Do(func() {
		l.courier.opt.Log.Warn().Strs("sites", l.sites).AnErr("cause", err).Msg("EasyBroker's list could not be read; what waits for it is looked up again")
	})
}

// windowFor is from when on the list is asked for the group. An attempt of an
// earlier life of the process was stamped by a clock that nobody knows any
// more, so the property's list is then read from its beginning.
func (l *lane) windowFor(group []lead.Claim) time.Time {
	if slices.ContainsFunc(group, func(c lead.Claim) bool { return !l.trace(c.Lead.RemoteID).whole }) {
		return lead.Epoch()
	}
	first := slices.MinFunc(group, func(a, b lead.Claim) int { return a.FirstAttempt.Compare(b.FirstAttempt) })
	return l.windowFrom(first.FirstAttempt)
}

// windowFrom is from when on the list is asked for a lead whose first attempt
// began then: earlier by what the clocks may differ, and by what ours is known
// to be ahead of EasyBroker's. An attempt in the future was stamped by a clock
// that has been set back since, so no later window is safe than that of all
// leads.
func (l *lane) windowFrom(first time.Time) time.Time {
	if first.IsZero() || first.After(l.courier.clock.read()) {
		return lead.Epoch()
	}
	return first.Add(-clockSkew).Add(min(0, l.ahead()))
}

// sight is what one reading of the list showed of a lead.
type sight struct {
	matches []easybroker.Listed
	whole   bool          // the list was read in full
	began   time.Time     // when the reading did, on the wall
	steady  time.Duration // for how long our clock could be believed then
	err     error
}

// conclude says what becomes of a lead that was looked up.
func (l *lane) conclude(c lead.Claim, s sight) lead.Settlement {
	now := l.courier.clock.read()
	to := lead.Settlement{State: c.Lead.State, Reason: c.Lead.Reason, At: now, Tries: c.Tries}
	// The attempt may have been taken as late as its time-out. Where it ended
	// later we stood still meanwhile, and its bytes may have left at that very end.
	sent := c.LastAttempt.Add(l.courier.opt.Timeout)
	if c.LastEndedAt.After(sent) {
		sent = c.LastEndedAt.Add(l.courier.opt.Timeout)
	}
	settled := sent.Add(l.courier.opt.Settle)
	to.DueAt = nextLook(now, sent, settled, c.Lead.State == lead.Doubtful)
	switch {
	case s.err != nil:
		if c.Lead.State == lead.Doubtful {
			to.Reason = requote(c.Lead.Reason, "look-up failed: "+judge(easybroker.Receipt{}, s.err).detail)
		}
	case len(s.matches) > 0:
		l.seen(c, s, &to)
	case c.Lead.State == lead.Confirmed: // it was seen, and has no twin
		to.DueAt = time.Time{}
	case !s.whole || !l.proves(c, s, settled):
		if c.Lead.State == lead.Doubtful {
			to.Reason = requote(c.Lead.Reason, "not in EasyBroker's list yet")
		}
	case c.Lead.State == lead.Doubtful:
		l.absent(c, sent, &to)
	default:
		l.missing(c, s, &to)
	}
	return to
}

// proves reports whether a list that was read in full and does not have the
// lead proves that it is not there: the list has had its time since the last
// attempt, by a clock that could be believed when the reading began and still can.
func (l *lane) proves(c lead.Claim, s sight, settled time.Time) bool {
	patience := l.courier.opt.Timeout + l.courier.opt.Settle
	setBack := c.LastAttempt.After(s.began) || c.LastEndedAt.After(s.began)
	// In this order: an attempt that turns out to be lost disturbs the clock before it is over.
	flies, steady := l.trace(c.Lead.RemoteID).flies, min(s.steady, l.courier.clock.steadyFor())
	return steady >= patience && !flies && (setBack || !s.began.Before(settled))
}

// seen concludes from what is there.
func (l *lane) seen(c lead.Claim, s sight, to *lead.Settlement) {
	byID := l.account.API == easybroker.Partner && s.matches[0].RemoteID != 0
	switch n := len(s.matches); {
	case byID && !slices.ContainsFunc(s.matches, func(m easybroker.Listed) bool { return l.isSame(m, c) }):
		l.collision(to)
		return
	case !byID && n > 1 && c.Lead.State == lead.Doubtful:
		to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, "several contact requests in EasyBroker look like this lead"
		return
	case n > 1:
		to.State, to.DueAt, to.Reason = lead.Confirmed, time.Time{}, lead.ReasonTwice
	case c.Lead.State == lead.Confirmed:
		to.DueAt = time.Time{}
	case c.MaybeTaken > 1: // the other attempt may still turn up
		to.State, to.DueAt, to.Reason = lead.Confirmed, to.At.Add(l.courier.opt.Settle), ""
	default:
		to.State, to.DueAt, to.Reason = lead.Confirmed, time.Time{}, ""
	}
	if c.Lead.State != lead.Confirmed {
		l.courier.opt.Seen(to.At.Sub(c.LastAttempt))
	}
}

// collision is for a remote_id that EasyBroker has, of somebody else.
func (l *lane) collision(to *lead.Settlement) {
	to.Reason = reasonTaken
	if to.State == lead.Doubtful {
		to.State, to.DueAt = lead.Failed, time.Time{}
	}
}

// absent puts a lead that is surely not there back into the queue. When
// EasyBroker has refused its remote_id, that is not because it has the lead,
// unless an earlier attempt took effect and the list lags behind for longer
// than it may. A conflict (409) may be of another kind and pass, so it has that
// hour, too.
func (l *lane) absent(c lead.Claim, sent time.Time, to *lead.Settlement) {
	to.State, to.DueAt, to.Reason = lead.Queued, to.At, "not in EasyBroker's list"
	if l.isBeyondProof(c) {
		to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, reasonBeyondProof
		return
	}
	isSure := c.MaybeTaken == 1 && c.LastStatus != http.StatusConflict
	if refusesID(c) && (isSure || l.courier.clock.since(c.FirstAttempt) > longDoubt) {
		l.refuse(c, l.refusedID(c), to)
	} else if l.courier.clock.since(c.Lead.QueuedAt) >= l.courier.opt.Deadline {
		to.State, to.DueAt, to.Reason = lead.Failed, time.Time{}, lead.ReasonDeadline
	} else if due := sent.Add(jitter(l.courier.opt.Schedule.Wait(c.Tries-1), c)); due.After(to.At) {
		to.DueAt = due
	}
}

// missing reports a lead that EasyBroker took and does not show. It is looked
// for until the deadline and never sent again.
func (l *lane) missing(c lead.Claim, s sight, to *lead.Settlement) {
	age := s.began.Sub(c.Lead.DeliveredAt)
	if age < 0 { // the clock was set back since
		age = s.steady
	}
	if age < graces*l.courier.opt.Settle {
		return
	}
	to.Reason = lead.ReasonMissing
	if age >= l.courier.opt.Deadline {
		to.DueAt = time.Time{}
	}
}

func (l *lane) logLook(c lead.Claim, to lead.Settlement, s sight) {
	event := l.courier.opt.Log.Info()
	switch {
	case to.State == lead.Failed, to.Reason == lead.ReasonTwice, to.Reason == lead.ReasonMissing && c.Lead.Reason != to.Reason,
		to.State == lead.Doubtful && to.At.Sub(c.LastAttempt) > longDoubt:
		event = l.courier.opt.Log.Error()
	}
	next(event, to.DueAt).Int64("remote_id", int64(c.Lead.RemoteID)).Str("site", c.Lead.Site).Int("found", len(s.matches)).
		Bool("whole", s.whole).AnErr("cause", s.err).Str("state", string(to.State)).Str("reason", lead.Line(unquoted(to.Reason))).Msg("look-up")
}

func partition[T any](all []T, first func(T) bool) (yes, no []T) {
	for _, v := range all {
		if first(v) {
			yes = append(yes, v)
		} else {
			no = append(no, v)
		}
	}
	return yes, no
}
