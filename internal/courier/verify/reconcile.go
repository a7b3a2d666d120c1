package verify

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Reconcile compares the leads that EasyBroker has taken since then with what it
// lists, several credentials at a time. It confirms a lead that is listed though
// we did not know it, so that a restored backup does not send it again. If a list
// cannot be read in full, the report names it and says nothing about its leads.
func (a *Auditor) Reconcile(ctx context.Context, since time.Time) (lead.Drift, error) {
	end, err := a.beginCommand(ctx)
	if err != nil {
		return lead.Drift{}, err
	}
	defer end()
	all := lead.Drift{Since: since, ReadAt: a.clock.Read()}
	parts := make([]lead.Drift, len(a.verifiers))
	var comparisons errgroup.Group
	comparisons.SetLimit(maxListsAtOnce)
	for i, v := range a.verifiers {
		comparisons.Go(func() (err error) { parts[i], err = a.compare(ctx, v, since); return err })
	}
	if err := comparisons.Wait(); err != nil {
		return lead.Drift{}, err
	}
	for _, part := range parts {
		all.Add(part)
	}
	a.log.Info().Int("ours", all.Ours).Int("listed", all.Listed).Int("only_here", all.Count(lead.OnlyHere)).
		Int("only_there", all.Count(lead.OnlyThere)).Int("twice", all.Count(lead.Twice)).Int("differing", all.Count(lead.Differing)).
		Int("confirmed", all.Confirmed).Int("unreadable", len(all.Unreadable)).Msg("reconciled")
	return all, nil
}

// compare compares the leads of one credential with its list.
func (a *Auditor) compare(ctx context.Context, v *Verifier, since time.Time) (lead.Drift, error) {
	began := v.Clock.Read()
	q := easybroker.Query{After: v.windowSince(since)}
	reserved := v.Budget.reserve()
	defer reserved.shrinkTo(0)
	items, err := v.reader.readAll(ctx, q, readOptions{reserved: reserved})
	if errors.Is(err, errMoving) { // leads come in all the time, but the older part of the list stands still
		q.Before = began.Add(v.reader.brokerAhead()).Add(-v.MaxListLag)
		reserved.shrinkTo(0)
		items, err = v.reader.readAll(ctx, q, readOptions{reserved: reserved})
	}
	if ctx.Err() != nil {
		return lead.Drift{}, ctx.Err()
	}
	if err != nil {
		return lead.Drift{Unreadable: []lead.Unreadable{{Sites: v.Sites, Why: Why(err)}}}, nil
	}
	c := &comparison{listing: newListing(v, a.ledger, items), began: began, drift: lead.Drift{Listed: len(items), Until: q.Before}}
	if err := c.expected(ctx, since); err != nil {
		return lead.Drift{}, err
	}
	return c.drift, c.remaining(ctx)
}

// comparison is that of one credential.
type comparison struct {
	*listing
	began time.Time // when we began to read the list
	drift lead.Drift
}

// expected compares the leads that the list should have, oldest first.
func (c *comparison) expected(ctx context.Context, since time.Time) error {
	var ids []lead.RemoteID
	for _, site := range c.verifier.Sites {
		taken, err := c.ledger.Taken(ctx, site, since)
		if err != nil {
			return err
		}
		ids = append(ids, taken...)
	}
	slices.Sort(ids)
	return c.each(ctx, ids, func(l lead.Lead) error {
		if l.State != lead.Delivered && l.State != lead.Confirmed {
			return nil // a person has moved it meanwhile
		}
		listed, err := c.check(ctx, l)
		if listed || c.drift.Until.IsZero() || !takenAt(l).After(c.drift.Until) {
			c.drift.Ours++
		}
		delete(c.byID, l.RemoteID)
		return err
	})
}

// check compares one lead with what is listed of it. It reports whether anything is.
func (c *comparison) check(ctx context.Context, l lead.Lead) (listed bool, err error) {
	s, items, err := c.match(ctx, l)
	if err != nil {
		return false, err
	}
	if len(items) == 0 {
		if c.began.Sub(takenAt(l)) > MissingAfter(c.verifier.MaxListLag) && !l.IsErased() {
			c.drift.Note(lead.OnlyHere, drifted(l))
		}
		return false, nil
	}
	twice := slices.ContainsFunc(items, func(item easybroker.Listed) bool { return !item.HappenedAt.Equal(items[0].HappenedAt) })
	if twice && !l.IsBlocked() {
		c.drift.Note(lead.Twice, drifted(l))
	}
	rectified := l.Rectified() // which the lead says itself
	fields := slices.DeleteFunc(s.differingFields(items[0]), func(f lead.Field) bool { return slices.Contains(rectified, f) })
	if len(fields) > 0 && !l.IsErased() { // ours has no contents any more
		d := drifted(l)
		d.Fields = fields
		c.drift.Note(lead.Differing, d)
	}
	if !s.isAnySame(items) {
		return true, nil // somebody else's contact request under its remote_id proves nothing
	}
	if l.State != lead.Delivered && l.State != lead.Doubtful && l.State != lead.Queued {
		return true, nil
	}
	reason := ""
	if twice {
		reason = lead.ReasonTwice
	}
	changed, err := c.ledger.Confirm(ctx, l.RemoteID, c.verifier.Clock.Read(), reason)
	if changed {
		c.drift.Confirmed++
	}
	return true, err
}

// remaining sees to what is listed beyond the leads that should be.
func (c *comparison) remaining(ctx context.Context) error {
	if len(c.byID) == 0 {
		return nil
	}
	err := c.each(ctx, slices.Sorted(maps.Keys(c.byID)), func(l lead.Lead) error {
		err := c.unexpected(ctx, l)
		delete(c.byID, l.RemoteID)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(c.byID)) {
		c.drift.Note(lead.OnlyThere, lead.Drifted{RemoteID: id, PropertyID: shorten(c.byID[id][0].PropertyID)})
	}
	slices.SortFunc(c.drift.OnlyThere, func(a, b lead.Drifted) int { return cmp.Compare(a.RemoteID, b.RemoteID) })
	return nil
}

// unexpected sees to a lead that is listed although it was not taken, or not
// lately.
func (c *comparison) unexpected(ctx context.Context, l lead.Lead) error {
	switch l.State {
	case lead.Sending: // its courier will find out
		return nil
	case lead.Failed, lead.Discarded, lead.Quarantined:
		if !l.IsBlocked() { // which nobody is told of
			c.drift.Note(lead.OnlyThere, drifted(l))
		}
		return nil
	case lead.Queued, lead.Doubtful, lead.Delivered, lead.Confirmed:
	}
	if !slices.Contains(c.verifier.Sites, l.Site) {
		return nil // its site has another credential now, or none
	}
	_, err := c.check(ctx, l)
	return err
}

// takenAt returns when EasyBroker had the lead at the latest.
func takenAt(l lead.Lead) time.Time {
	for _, at := range []time.Time{l.DeliveredAt, l.ConfirmedAt} {
		if !at.IsZero() {
			return at
		}
	}
	return l.ReceivedAt
}

// shorten returns a property as EasyBroker names it, in one line. No property
// that we take is longer.
func shorten(property string) string {
	const longest = 64
	runes := []rune(lead.Line(property))
	return string(runes[:min(len(runes), longest)])
}

func drifted(l lead.Lead) lead.Drifted {
	return lead.Drifted{RemoteID: l.RemoteID, Site: l.Site, State: l.State, PropertyID: l.PropertyID}
}
