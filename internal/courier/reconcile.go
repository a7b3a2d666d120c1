package courier

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

// listsAtOnce is how many credentials' lists a person's command holds at once.
const listsAtOnce = 4

// Reconcile compares the leads that EasyBroker has taken since then with what
// it lists, one credential beside the other. A lead that is listed though we
// did not know it is confirmed on the way, so that a restored backup does not
// send it again. A list that cannot be read in full is named in the report, and
// says nothing of any lead.
func (a *Auditor) Reconcile(ctx context.Context, since time.Time) (lead.Drift, error) {
	done, err := a.await(ctx)
	if err != nil {
		return lead.Drift{}, err
	}
	defer done()
	whole := lead.Drift{Since: since, ReadAt: a.clock.read()}
	parts := make([]lead.Drift, len(a.lanes))
	var lanes errgroup.Group
	lanes.SetLimit(listsAtOnce)
	for i, l := range a.lanes {
		lanes.Go(func() (err error) { parts[i], err = a.compare(ctx, l, since); return err })
	}
	if err := lanes.Wait(); err != nil {
		return lead.Drift{}, err
	}
	for _, part := range parts {
		whole.Add(part)
	}
	a.opt.Log.Info().Int("ours", whole.Ours).Int("listed", whole.Listed).Int("only_here", whole.Count(lead.OnlyHere)).
		Int("only_there", whole.Count(lead.OnlyThere)).Int("twice", whole.Count(lead.Twice)).Int("differing", whole.Count(lead.Differing)).
		Int("confirmed", whole.Confirmed).Int("unreadable", len(whole.Unreadable)).Msg("reconciled")
	return whole, nil
}

// audit is the comparison of one credential.
type audit struct {
	*shelf
	began time.Time // when the list was read
	drift lead.Drift
}

func (a *Auditor) compare(ctx context.Context, l *lane, since time.Time) (lead.Drift, error) {
	began := l.courier.clock.read()
	q := easybroker.Query{After: l.windowFrom(since)}
	hold := a.hold()
	defer hold.backTo(0)
	items, err := l.readAll(ctx, q, wish{hold: hold})
	if errors.Is(err, errMoving) { // leads come in all the time; what is older stands still
		q.Before = began.Add(l.ahead()).Add(-l.courier.opt.Settle)
		hold.backTo(0)
		items, err = l.readAll(ctx, q, wish{hold: hold})
	}
	if ctx.Err() != nil {
		return lead.Drift{}, ctx.Err()
	}
	if err != nil {
		return lead.Drift{Unreadable: []lead.Unreadable{{Sites: l.sites, Why: whyNot(err)}}}, nil
	}
	t := &audit{shelf: a.shelve(l, items), began: began, drift: lead.Drift{Listed: len(items)}}
	if err := t.ours(ctx, since); err != nil {
		return lead.Drift{}, err
	}
	return t.drift, t.rest(ctx)
}

// ours compares the leads that the list should have, oldest first.
func (t *audit) ours(ctx context.Context, since time.Time) error {
	var ids []lead.RemoteID
	for _, site := range t.sites {
		taken, err := t.ledger.Taken(ctx, site, since)
		if err != nil {
			return err
		}
		ids = append(ids, taken...)
	}
	slices.Sort(ids)
	return t.each(ctx, ids, func(one lead.Lead) error {
		if one.State != lead.Delivered && one.State != lead.Confirmed {
			return nil // a person has moved it meanwhile
		}
		t.drift.Ours++
		err := t.check(ctx, one)
		delete(t.byID, one.RemoteID)
		return err
	})
}

// check compares one lead with what is listed of it.
func (t *audit) check(ctx context.Context, one lead.Lead) error {
	c, items, err := t.take(ctx, one)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		if t.began.Sub(takenAt(one)) > graces*t.courier.opt.Settle { // the list has had its time
			t.drift.Note(lead.OnlyHere, drifted(one))
		}
		return nil
	}
	twice := slices.ContainsFunc(items, func(item easybroker.Listed) bool { return !item.HappenedAt.Equal(items[0].HappenedAt) })
	if twice {
		t.drift.Note(lead.Twice, drifted(one))
	}
	if fields := t.differing(c, items[0]); len(fields) > 0 {
		d := drifted(one)
		d.Fields = fields
		t.drift.Note(lead.Differing, d)
	}
	if !t.isOurs(c, items) {
		return nil // somebody else's contact request under its remote_id proves nothing
	}
	return t.confirm(ctx, one, twice)
}

func (t *audit) confirm(ctx context.Context, one lead.Lead, twice bool) error {
	if one.State != lead.Delivered && one.State != lead.Doubtful && one.State != lead.Queued {
		return nil
	}
	reason := ""
	if twice {
		reason = lead.ReasonTwice
	}
	news, err := t.ledger.Confirm(ctx, one.RemoteID, t.courier.clock.read(), reason)
	if news {
		t.drift.Confirmed++
	}
	return err
}

// rest sees to what is listed beyond the leads that should be.
func (t *audit) rest(ctx context.Context) error {
	if len(t.byID) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(t.byID))
	err := t.each(ctx, ids, func(one lead.Lead) error {
		err := t.surprise(ctx, one)
		delete(t.byID, one.RemoteID)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(t.byID)) {
		t.drift.Note(lead.OnlyThere, lead.Drifted{RemoteID: id, PropertyID: cut(t.byID[id][0].PropertyID)})
	}
	slices.SortFunc(t.drift.OnlyThere, func(a, b lead.Drifted) int { return cmp.Compare(a.RemoteID, b.RemoteID) })
	return nil
}

// surprise is for a lead that is listed though it was not taken, or not lately.
func (t *audit) surprise(ctx context.Context, one lead.Lead) error {
	switch one.State {
	case lead.Sending: // its courier will tell
		return nil
	case lead.Failed, lead.Discarded, lead.Quarantined:
		t.drift.Note(lead.OnlyThere, drifted(one))
		return nil
	case lead.Queued, lead.Doubtful, lead.Delivered, lead.Confirmed:
	}
	if !slices.Contains(t.sites, one.Site) {
		return nil // its site has another credential now, or none
	}
	return t.check(ctx, one)
}

// differing names the fields that are listed with another value than we would
// send. EasyBroker may tidy up what it gets, so blanks, case and the way in
// which a phone is written make no difference; nor does a template that has
// changed since the last attempt.
func (s *shelf) differing(c lead.Claim, item easybroker.Listed) []lead.Field {
	sent := request(c.Lead, s.routeOf(c))
	said := len(c.Fingerprints) > 0 && c.Fingerprints[len(c.Fingerprints)-1].Says(item.Message)
	var fields []lead.Field
	for _, f := range []struct {
		field lead.Field
		same  bool
	}{
		{lead.PropertyID, sameText(item.PropertyID, sent.PropertyID)},
		{lead.Name, sameText(item.Name, sent.Name)},
		{lead.Email, sameText(item.Email, sent.Email)},
		{lead.Phone, samePhone(item.Phone, sent.Phone)},
		{lead.Message, said || sameText(item.Message, sent.Message)},
	} {
		if !f.same {
			fields = append(fields, f.field)
		}
	}
	return fields
}

// takenAt is when EasyBroker had the lead at the latest.
func takenAt(one lead.Lead) time.Time {
	for _, at := range []time.Time{one.DeliveredAt, one.ConfirmedAt} {
		if !at.IsZero() {
			return at
		}
	}
	return one.ReceivedAt
}

// cut is a property as EasyBroker names it. No property that we take is longer.
func cut(property string) string {
	const longest = 64
	runes := []rune(lead.Line(property))
	return string(runes[:min(len(runes), longest)])
}

func drifted(one lead.Lead) lead.Drifted {
	return lead.Drifted{RemoteID: one.RemoteID, Site: one.Site, State: one.State, PropertyID: one.PropertyID}
}
