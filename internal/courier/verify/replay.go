package verify

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// errMoved means that a lead is no longer what it was when the list was read.
var errMoved = errors.New("it has moved meanwhile")

// whyInProgress says why a replay leaves a lead in the state alone.
var whyInProgress = map[lead.State]string{
	lead.Quarantined: "it looks like spam; release it first",
	lead.Queued:      "it is on its way already",
	lead.Sending:     "it is being sent",
	lead.Doubtful:    "it is being looked for in EasyBroker",
}

const (
	// maxReplayed is how many leads a replay sees to. It could not read the lists of
	// many more in the time that it has.
	maxReplayed = 10_000
	// searchTimeout is how long the search for a page of them may take.
	searchTimeout = 5 * time.Second
)

// Replay queues those of the leads again that EasyBroker's list does not have. A
// dry run only says which those are. Replay looks each lead up first, whatever
// became of it, and leaves one that is on its way alone: so to replay twice
// delivers once. If there are more than ten thousand leads, it takes the oldest,
// and left is how many it leaves out.
func (a *Auditor) Replay(ctx context.Context, f lead.Filter, dryRun bool) (all []lead.Replayed, left int, err error) {
	end, err := a.beginCommand(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer end()
	candidates, left, err := a.candidates(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	all = make([]lead.Replayed, len(candidates))
	byVerifier := map[*Verifier]map[string][]candidate{} // and by property
	for i, c := range candidates {
		all[i] = lead.Replayed{RemoteID: c.id, Site: c.site, State: c.state, Verdict: lead.Blocked, Why: whyInProgress[c.state]}
		c.Replayed = &all[i]
		v := a.bySite[c.site]
		switch {
		case all[i].Why != "":
		case c.isErased:
			all[i].Why = "what its visitor wrote was erased"
		case v == nil:
			all[i].Why = "its site is not in the settings"
		default:
			if byVerifier[v] == nil {
				byVerifier[v] = map[string][]candidate{}
			}
			byVerifier[v][c.property] = append(byVerifier[v][c.property], c)
		}
	}
	var replays errgroup.Group
	replays.SetLimit(maxListsAtOnce)
	for v, byProperty := range byVerifier {
		replays.Go(func() error { return a.replayCredential(ctx, v, byProperty, dryRun) })
	}
	return all, left, replays.Wait()
}

// candidate is one lead of a replay as it was when it was listed, and what becomes
// of it. What the visitor wrote is read later, when it is needed.
type candidate struct {
	id             lead.RemoteID
	site, property string
	state          lead.State
	isErased       bool
	queuedAt       time.Time

	*lead.Replayed
}

// candidates lists all leads that the filter means before any of them moves,
// oldest first, so that the lead that waits longest is queued first.
func (a *Auditor) candidates(ctx context.Context, f lead.Filter) (all []candidate, left int, err error) {
	f.Limit = 500
	for more := true; more; {
		var page []lead.Lead
		if page, more, err = a.search(ctx, f); err != nil {
			return nil, 0, err
		}
		for _, l := range page {
			all = append(all, candidate{id: l.RemoteID, site: l.Site, property: l.PropertyID, state: l.State, isErased: l.IsErased(), queuedAt: l.QueuedAt})
			f.Below = l.RemoteID
		}
		if newer := len(all) - maxReplayed; newer > 0 {
			left += newer
			all = slices.Delete(all, 0, newer)
		}
	}
	slices.Reverse(all)
	return all, left, nil
}

func (a *Auditor) search(ctx context.Context, f lead.Filter) ([]lead.Lead, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	return a.ledger.List(ctx, f)
}

// replayCredential reads the list once for each property.
func (a *Auditor) replayCredential(ctx context.Context, v *Verifier, byProperty map[string][]candidate, dryRun bool) error {
	var stopped *breaker.StoppedError
	reserved := v.Budget.reserve()
	defer reserved.shrinkTo(0)
	for property, candidates := range byProperty {
		if stopped != nil { // and will be for the other properties, too
			block(candidates, stopped)
			continue
		}
		began := v.Clock.Read()
		reserved.shrinkTo(0)
		items, err := v.reader.readAll(ctx, easybroker.Query{PropertyID: property, After: lead.Epoch()},
			readOptions{reserved: reserved, keep: keepOnly(v.reader, candidates, func(c candidate) int64 { return int64(c.id) })})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			_ = errors.As(err, &stopped)
			block(candidates, err)
			continue
		}
		l := newListing(v, a.ledger, items)
		for _, c := range candidates {
			if err := a.replayOne(ctx, l, c, began, dryRun); err != nil {
				return err
			}
		}
	}
	return nil
}

func block(candidates []candidate, err error) {
	for _, c := range candidates {
		c.Why = "EasyBroker's list cannot be read: " + Why(err)
	}
}

// replayOne judges a lead by the listing that we began to read then. It says
// nothing about a lead that has moved meanwhile, because the list was then about
// another attempt.
func (a *Auditor) replayOne(ctx context.Context, l *listing, c candidate, began time.Time, dryRun bool) error {
	found, _, err := a.ledger.Find(ctx, c.id)
	if errors.Is(err, lead.ErrNotFound) || err == nil && c.hasMoved(found) {
		c.Why = errMoved.Error()
		return nil
	}
	if err != nil {
		return err
	}
	s, items, err := l.match(ctx, found)
	switch {
	case err != nil:
		return err
	case len(items) > 0 && !s.isAnySame(items):
		c.Why = lead.ReasonForeignID
	case len(items) > 0:
		c.Verdict = lead.Present
		return a.confirm(ctx, c, dryRun)
	case l.verifier.Memory.isActive(c.id):
		c.Why = whyInProgress[lead.Sending]
	case began.Sub(found.DeliveredAt) < l.verifier.MaxListLag: // the list may not have it yet
		c.Why = "it was delivered just now, and EasyBroker's list may lag behind"
	case dryRun:
		c.Verdict = lead.WouldBeSent
	default:
		return a.queue(ctx, c)
	}
	return nil
}

func (c candidate) hasMoved(l lead.Lead) bool {
	return l.State != c.state || !l.QueuedAt.Equal(c.queuedAt)
}

// confirm confirms a delivered lead that is there, and one that has failed:
// EasyBroker took it all the same.
func (a *Auditor) confirm(ctx context.Context, c candidate, dryRun bool) error {
	if dryRun || c.state != lead.Delivered && c.state != lead.Failed {
		return nil
	}
	changed, err := a.ledger.Confirm(ctx, c.id, a.clock.Read(), "")
	if changed {
		c.State = lead.Confirmed
	}
	return err
}

// queue queues the lead, unless it has moved since the list was read.
func (a *Auditor) queue(ctx context.Context, c candidate) error {
	now := a.clock.Read()
	queued, err := a.ledger.Amend(ctx, c.id, func(l *lead.Lead) error {
		if c.hasMoved(*l) {
			return errMoved
		}
		return l.Retry(now, true) // the list, not our word, says that it is not there
	})
	switch {
	case errors.Is(err, errMoved), errors.Is(err, lead.ErrNotFound):
		c.Why = errMoved.Error()
		return nil
	case err != nil:
		return err
	}
	c.State, c.Verdict = queued.State, lead.Sent
	a.wake(queued.Site)
	return nil
}
