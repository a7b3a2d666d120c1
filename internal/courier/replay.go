package courier

import (
	"context"
	"errors"
	"slices"

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

// Replay queues those of the leads again that EasyBroker's list does not have,
// or says in a dry run which those are. Each lead is looked up first, whatever
// became of it, and one on its way is left alone: so replaying twice delivers
// once.
func (a *Auditor) Replay(ctx context.Context, f lead.Filter, dryRun bool) ([]lead.Replayed, error) {
	leads, err := a.listAll(ctx, f)
	if err != nil {
		return nil, err
	}
	all := make([]lead.Replayed, len(leads))
	groups := map[*lane]map[string][]turn{}
	for i, one := range leads {
		all[i] = lead.Replayed{RemoteID: one.RemoteID, Site: one.Site, State: one.State, Verdict: lead.Blocked, Why: onItsWay[one.State]}
		l := a.bySite[one.Site]
		switch {
		case all[i].Why != "":
		case l == nil:
			all[i].Why = "its site is not in the settings"
		default:
			if groups[l] == nil {
				groups[l] = map[string][]turn{}
			}
			groups[l][one.PropertyID] = append(groups[l][one.PropertyID], turn{one, &all[i]})
		}
	}
	var lanes errgroup.Group
	for l, byProperty := range groups {
		lanes.Go(func() error { return a.replayLane(ctx, l, byProperty, dryRun) })
	}
	return all, lanes.Wait()
}

// turn is one lead of a replay, and what becomes of it.
type turn struct {
	lead lead.Lead
	*lead.Replayed
}

// listAll lists all that the filter means before any of it moves, oldest
// first: who waits longest is queued first.
func (a *Auditor) listAll(ctx context.Context, f lead.Filter) ([]lead.Lead, error) {
	var all []lead.Lead
	f.Limit = 500
	for more := true; more; {
		var page []lead.Lead
		var err error
		if page, more, err = a.ledger.List(ctx, f); err != nil {
			return nil, err
		}
		if all = append(all, page...); len(all) > 0 {
			f.Below = all[len(all)-1].RemoteID
		}
	}
	slices.Reverse(all)
	return all, nil
}

// replayLane reads the list once for each property.
func (a *Auditor) replayLane(ctx context.Context, l *lane, byProperty map[string][]turn, dryRun bool) error {
	var stopped *stoppedError
	for property, turns := range byProperty {
		if stopped != nil { // and will be for the others, too
			block(turns, stopped)
			continue
		}
		began := l.courier.clock.read()
		items, err := l.readAll(ctx, easybroker.Query{PropertyID: property, After: lead.Epoch()})
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
			if err := a.replayOne(ctx, s, t, began.Sub(t.lead.DeliveredAt) < l.courier.opt.Settle, dryRun); err != nil {
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

// replayOne judges a lead by what is on the shelf. fresh is set when it was
// delivered so short ago that the list may not have it yet.
func (a *Auditor) replayOne(ctx context.Context, s *shelf, t turn, fresh, dryRun bool) error {
	c, items, err := s.take(ctx, t.lead)
	switch {
	case err != nil:
		return err
	case len(items) > 0 && !s.isOurs(c, items):
		t.Why = reasonTaken
	case len(items) > 0:
		t.Verdict = lead.Present
		return a.present(ctx, t, dryRun)
	case s.trace(t.lead.RemoteID).flies:
		t.Why = onItsWay[lead.Sending]
	case fresh:
		t.Why = "it was delivered just now, and EasyBroker's list may lag behind"
	case dryRun:
		t.Verdict = lead.WouldBeSent
	default:
		return a.queue(ctx, t)
	}
	return nil
}

// present confirms a delivered lead that is there, and one that has failed:
// EasyBroker took it all the same.
func (a *Auditor) present(ctx context.Context, t turn, dryRun bool) error {
	if dryRun || t.lead.State != lead.Delivered && t.lead.State != lead.Failed {
		return nil
	}
	news, err := a.ledger.Confirm(ctx, t.RemoteID, a.clock.read(), "")
	if news {
		t.State = lead.Confirmed
	}
	return err
}

// queue queues the lead, unless it has moved since the list was read: what the
// list said is then about another attempt.
func (a *Auditor) queue(ctx context.Context, t turn) error {
	now := a.clock.read()
	queued, err := a.ledger.Amend(ctx, t.RemoteID, func(one *lead.Lead) error {
		if one.State != t.lead.State || !one.QueuedAt.Equal(t.lead.QueuedAt) {
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
