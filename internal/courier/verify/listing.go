package verify

import (
	"context"
	"slices"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// listing is what was read of a list, to be compared with our leads.
type listing struct {
	verifier  *Verifier
	ledger    Ledger
	byID      map[lead.RemoteID][]easybroker.Listed
	withoutID []easybroker.Listed
}

func newListing(v *Verifier, ledger Ledger, items []easybroker.Listed) *listing {
	l := &listing{verifier: v, ledger: ledger, byID: map[lead.RemoteID][]easybroker.Listed{}}
	for _, item := range items {
		if id := lead.RemoteID(item.RemoteID); id != 0 && v.API == easybroker.Partner {
			l.byID[id] = append(l.byID[id], item)
		} else {
			l.withoutID = append(l.withoutID, item)
		}
	}
	return l
}

// each calls do with each of the leads, oldest first, and holds few of them at
// once. The ids are sorted.
func (l *listing) each(ctx context.Context, ids []lead.RemoteID, do func(lead.Lead) error) error {
	const few = 50
	for ids := range slices.Chunk(ids, few) {
		var leads []lead.Lead // newest first
		f := lead.Filter{RemoteIDs: ids, Limit: len(ids)}
		for more := true; more; {
			var page []lead.Lead
			var err error
			if page, more, err = l.ledger.List(ctx, f); err != nil {
				return err
			}
			if leads = append(leads, page...); more {
				f.Below = leads[len(leads)-1].RemoteID
			}
		}
		for _, found := range slices.Backward(leads) {
			if err := do(found); err != nil {
				return err
			}
		}
	}
	return nil
}

// match returns the lead as one that is sought, and the items that are the lead,
// newest first. It removes an item without a remote_id from the listing: two
// people may have written the same, and one contact request is not both of them.
func (l *listing) match(ctx context.Context, found lead.Lead) (subject, []easybroker.Listed, error) {
	// The lead may have been sent at any time since it came in.
	c := lead.Claim{Lead: found, FirstAttempt: found.ReceivedAt, LastAttempt: found.DeliveredAt}
	if found.DeliveredAt.IsZero() {
		c.LastAttempt = l.verifier.Clock.Read()
	}
	s := l.verifier.subject(c)
	items := l.find(s)
	if len(items) == 0 || len(s.differingFields(items[0])) > 0 { // what was sent may be something else
		_, attempts, err := l.ledger.Find(ctx, found.RemoteID)
		if err != nil {
			return s, nil, err
		}
		for _, a := range attempts {
			if a.MaybeTaken() {
				s.Fingerprints = append(s.Fingerprints, a.Fingerprint)
			}
		}
		s.route.CompleteFingerprints(&s.Claim)
	}
	if len(items) == 0 {
		items = l.find(s)
	}
	if len(items) == 1 {
		if i := slices.Index(l.withoutID, items[0]); i >= 0 {
			l.withoutID = slices.Delete(l.withoutID, i, i+1)
		}
	}
	return s, items, nil
}

func (l *listing) find(s subject) []easybroker.Listed {
	if items := l.byID[s.Lead.RemoteID]; len(items) > 0 {
		return slices.SortedFunc(slices.Values(items), func(a, b easybroker.Listed) int { return b.HappenedAt.Compare(a.HappenedAt) })
	}
	found := s.matches(l.withoutID)
	return found[:min(1, len(found))]
}
