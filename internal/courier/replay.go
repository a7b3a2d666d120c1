package courier

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// errMoved means that a lead is not any more what it was when the list was read.
var errMoved = errors.New("it has moved meanwhile")

// onItsWay says why a lead in the state is left alone by a replay.
var onItsWay = map[lead.State]string{
	lead.Quarantined: "it looks like spam; release it first",
	lead.Queued:      "it is on its way already",
	lead.Sending:     "it is being sent",
	lead.Doubtful:    "it is being looked for in EasyBroker",
}

const (
	// mostReplayed is how many leads a replay sees to. It could not read the
	// lists of many more in the time that it has.
	mostReplayed = 10_000
	// searchPatience is how long a page of them is looked for.
	searchPatience = 5 * time.Second
)

// Replay queues those of the leads again that EasyBroker's list does not have,
// or says in a dry run which those are. Each lead is looked up first, whatever
// became of it, and one on its way is left alone: so replaying twice delivers
// once. Of more than ten thousand leads it takes the oldest; left is how many
// are left out.
func (a *Auditor) Replay(ctx context.Context, f lead.Filter, dryRun bool) (all []lead.Replayed, left int, err error) {
	done, err := a.await(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer done()
	turns, left, err := a.listAll(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	all = make([]lead.Replayed, len(turns))
	groups := map[*lane]map[string][]turn{}
	for i, t := range turns {
		all[i] = lead.Replayed{RemoteID: t.id, Site: t.site, State: t.state, Verdict: lead.Blocked, Why: onItsWay[t.state]}
		t.Replayed = &all[i]
		l := a.bySite[t.site]
		switch {
		case all[i].Why != "":
		case l == nil:
			all[i].Why = "its site is not in the settings"
		default:
			if groups[l] == nil {
				groups[l] = map[string][]turn{}
			}
			groups[l][t.property] = append(groups[l][t.property], t)
		}
	}
	var lanes errgroup.Group
	lanes.SetLimit(listsAtOnce)
	for l, byProperty := range groups {
		lanes.Go(func() error { return a.replayLane(ctx, l, byProperty, dryRun) })
	}
	return all, left, lanes.Wait()
}

// turn is one lead of a replay as it was when it was listed, and what becomes of
// it. What the visitor wrote is read when its turn has come.
type turn struct {
	id             lead.RemoteID
	site, property string
	state          lead.State
	queuedAt       time.Time

	*lead.Replayed
}

// listAll lists all that the filter means before any of it moves, oldest
// first: who waits longest is queued first.
func (a *Auditor) listAll(ctx context.Context, f lead.Filter) (turns []turn, left int, err error) {
	f.Limit = 500
	for more := true; more; {
		var page []lead.Lead
		if page, more, err = a.listPage(ctx, f); err != nil {
			return nil, 0, err
		}
		for _, one := range page {
			turns = append(turns, turn{id: one.RemoteID, site: one.Site, property: one.PropertyID, state: one.State, queuedAt: one.QueuedAt})
			f.Below = one.RemoteID
		}
		if newer := len(turns) - mostReplayed; newer > 0 {
			left += newer
			turns = slices.Delete(turns, 0, newer)
		}
	}
	slices.Reverse(turns)
	return turns, left, nil
}

func (a *Auditor) listPage(ctx context.Context, f lead.Filter) ([]lead.Lead, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, searchPatience)
	defer cancel()
	return a.ledger.List(ctx, f)
}

// replayLane reads the list once for each property.
func (a *Auditor) replayLane(ctx context.Context, l *lane, byProperty map[string][]turn, dryRun bool) error {
	var stopped *stoppedError
	hold := a.hold()
	defer hold.backTo(0)
	for property, turns := range byProperty {
		if stopped != nil { // and will be for the others, too
			block(turns, stopped)
			continue
		}
		began := l.courier.clock.read()
		hold.backTo(0)
		items, err := l.readAll(ctx, easybroker.Query{PropertyID: property, After: lead.Epoch()},
			wish{hold: hold, wanted: asked(l, turns, func(t turn) lead.RemoteID { return t.id })})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			_ = errors.As(err, &stopped)
			block(turns, err)
			continue
		}
		s := a.shelve(l, items)
		for _, t := range turns {
			if err := a.replayOne(ctx, s, t, began, dryRun); err != nil {
				return err
			}
		}
	}
	return nil
}

func block(turns []turn, err error) {
	for _, t := range turns {
		t.Why = "EasyBroker's list cannot be read: " + whyNot(err)
	}
}

// replayOne judges a lead by what is on the shelf since began. It says nothing of
// a lead that has moved meanwhile: what the list said is then about another
// attempt.
func (a *Auditor) replayOne(ctx context.Context, s *shelf, t turn, began time.Time, dryRun bool) error {
	one, _, err := a.ledger.Find(ctx, t.id)
	if errors.Is(err, lead.ErrNotFound) || err == nil && t.hasMoved(one) {
		t.Why = errMoved.Error()
		return nil
	}
	if err != nil {
		return err
	}
	c, items, err := s.take(ctx, one)
	switch {
	case err != nil:
		return err
	case len(items) > 0 && !s.isOurs(c, items):
		t.Why = reasonTaken
	case len(items) > 0:
		t.Verdict = lead.Present
		return a.present(ctx, t, dryRun)
	case s.trace(t.id).flies:
		t.Why = onItsWay[lead.Sending]
	case began.Sub(one.DeliveredAt) < s.courier.opt.Settle: // the list may not have it yet
		t.Why = "it was delivered just now, and EasyBroker's list may lag behind"
	case dryRun:
		t.Verdict = lead.WouldBeSent
	default:
		return a.queue(ctx, t)
	}
	return nil
}

func (t turn) hasMoved(one lead.Lead) bool {
	return one.State != t.state || !one.QueuedAt.Equal(t.queuedAt)
}

// present confirms a delivered lead that is there, and one that has failed:
// EasyBroker took it all the same.
func (a *Auditor) present(ctx context.Context, t turn, dryRun bool) error {
	if dryRun || t.state != lead.Delivered && t.state != lead.Failed {
		return nil
	}
	news, err := a.ledger.Confirm(ctx, t.id, a.clock.read(), "")
	if news {
		t.State = lead.Confirmed
	}
	return err
}

// queue queues the lead, unless it has moved since the list was read.
func (a *Auditor) queue(ctx context.Context, t turn) error {
	now := a.clock.read()
	queued, err := a.ledger.Amend(ctx, t.id, func(one *lead.Lead) error {
		if t.hasMoved(*one) {
			return errMoved
		}
		return one.Retry(now, true) // the list, not our word, says that it is not there
	})
	switch {
	case errors.Is(err, errMoved), errors.Is(err, lead.ErrNotFound):
		t.Why = errMoved.Error()
		return nil
	case err != nil:
		return err
	}
	t.State, t.Verdict = queued.State, lead.Sent
	a.Wake(queued.Site)
	return nil
}
