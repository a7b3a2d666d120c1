package courier

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Ledger is the part of the store that is held against EasyBroker's list.
type Ledger interface {
	Find(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error)
	List(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, err error)
	Taken(ctx context.Context, site string, since time.Time) ([]lead.RemoteID, error)
	Amend(ctx context.Context, id lead.RemoteID, f func(*lead.Lead) error) (lead.Lead, error)
	Confirm(ctx context.Context, id lead.RemoteID, at time.Time, reason string) (bool, error)
}

// Auditor is a courier that a person can ask what has arrived, and tell to send
// again what has not. It reads EasyBroker's lists at the couriers' pace, and
// sends nothing itself: what it queues, the courier carries.
type Auditor struct {
	*Courier
	ledger Ledger
	turn   chan struct{} // holds one of those who command: the memory is for one
}

// NewAuditor returns an auditor for the courier's credentials.
func NewAuditor(c *Courier, ledger Ledger) *Auditor {
	return &Auditor{c, ledger, make(chan struct{}, 1)}
}

// await waits until no other command runs. Whoever has waited calls done.
func (a *Auditor) await(ctx context.Context) (done func(), err error) {
	select {
	case a.turn <- struct{}{}:
		return func() { <-a.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another command: %w", ctx.Err())
	}
}

// stoppedError means that a credential's list cannot be read now.
type stoppedError struct{ State, Reason string }

func (e *stoppedError) Error() string {
	return fmt.Sprintf("the credential is %s: %s", e.State, e.Reason)
}

// awaitList waits until the credential's list may be read, no longer than a probe
// takes. One that is held or down is not asked: the courier's own probes find
// out when it works again.
func (l *lane) awaitList(ctx context.Context) error {
	patience := time.Now().Add(l.courier.opt.Probe)
	for {
		from, now := l.standing.looksFrom(time.Now()), time.Now()
		if !from.After(now) {
			return nil
		}
		if c := l.standing.show(l.sites); from.After(patience) || c.State != lead.CredentialResting && l.standing.isStopped() {
			return &stoppedError{c.State, c.Reason}
		}
		if l.pause(ctx, from.Sub(now)); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// readAll reads all of the list from a time on, however long it is.
func (l *lane) readAll(ctx context.Context, q easybroker.Query, w wish) ([]easybroker.Listed, error) {
	held := w.hold.bytes
	r, err := l.read(ctx, q, w)
	if errors.Is(err, errTooManyPages) {
		r.items = nil
		w.hold.backTo(held)
		return l.readHalves(ctx, q, r, w)
	}
	return r.items, err
}

// readHalves reads each half of a window for itself, because the whole of it
// has too many pages, of which some were read. That is of no use where the list
// does not keep to its window: then each half is as long as the whole.
func (l *lane) readHalves(ctx context.Context, q easybroker.Query, some reading, w wish) ([]easybroker.Listed, error) {
	const shortest = time.Minute
	end := q.Before
	if end.IsZero() {
		end = l.courier.clock.read()
	}
	half := end.Sub(q.After) / 2
	if half < shortest || some.outside {
		return nil, errTooManyPages
	}
	older, newer := q, q
	older.Before, newer.After = q.After.Add(half+time.Second), q.After.Add(half) // a window may be without its edges
	first, err := l.readAll(ctx, older, w)
	if err != nil {
		return nil, err
	}
	second, err := l.readAll(ctx, newer, w)
	return distinct(slices.Concat(first, second)), err
}

// isOutside reports whether the item cannot be in the window, give or take what
// its edges may be rounded by.
func isOutside(item easybroker.Listed, q easybroker.Query) bool {
	return item.HappenedAt.Before(q.After.Add(-time.Minute)) || !q.Before.IsZero() && item.HappenedAt.After(q.Before.Add(time.Minute))
}

// distinct leaves out what stands in both halves.
func distinct(items []easybroker.Listed) []easybroker.Listed {
	seen := make(map[uint64]bool, len(items))
	return slices.DeleteFunc(items, func(item easybroker.Listed) bool {
		hash := maphash.Comparable(seed, item)
		again := seen[hash]
		seen[hash] = true
		return again
	})
}

// whyNot says for the operator why a list could not be read. It has no
// personal data.
func whyNot(err error) string {
	if stopped, ok := errors.AsType[*stoppedError](err); ok {
		return stopped.Error()
	}
	if errors.Is(err, errMoving) || errors.Is(err, errTooManyPages) || errors.Is(err, errTooLarge) {
		return err.Error()
	}
	return judge(easybroker.Receipt{}, err).detail
}

// asClaim is the lead as a look-up sees it: it may have been sent at any time
// since it came in.
func (l *lane) asClaim(one lead.Lead) lead.Claim {
	last := l.courier.clock.read()
	if !one.DeliveredAt.IsZero() {
		last = one.DeliveredAt
	}
	return lead.Claim{Lead: one, FirstAttempt: one.ReceivedAt, LastAttempt: last}
}

// shelf is what was read of a list, to be compared with our leads.
type shelf struct {
	*lane
	ledger Ledger
	byID   map[lead.RemoteID][]easybroker.Listed
	plain  []easybroker.Listed // without a remote_id
}

func (a *Auditor) shelve(l *lane, items []easybroker.Listed) *shelf {
	s := &shelf{lane: l, ledger: a.ledger, byID: map[lead.RemoteID][]easybroker.Listed{}}
	for _, item := range items {
		if id := lead.RemoteID(item.RemoteID); id != 0 && l.account.API == easybroker.Partner {
			s.byID[id] = append(s.byID[id], item)
		} else {
			s.plain = append(s.plain, item)
		}
	}
	return s
}

// each does something with each of the leads, oldest first, and holds few of them
// at once. The ids are sorted.
func (s *shelf) each(ctx context.Context, ids []lead.RemoteID, do func(lead.Lead) error) error {
	const few = 50
	for ids := range slices.Chunk(ids, few) {
		leads, err := s.leads(ctx, ids)
		if err != nil {
			return err
		}
		for _, one := range slices.Backward(leads) {
			if err := do(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// leads are the few of those ids, newest first.
func (s *shelf) leads(ctx context.Context, ids []lead.RemoteID) (all []lead.Lead, err error) {
	f := lead.Filter{RemoteIDs: ids, Limit: len(ids)}
	for more := true; more; {
		var page []lead.Lead
		if page, more, err = s.ledger.List(ctx, f); err != nil {
			return nil, err
		}
		if all = append(all, page...); more {
			f.Below = all[len(all)-1].RemoteID
		}
	}
	return all, nil
}

// take returns the lead as a look-up sees it and the items that are the lead,
// newest first. One without a remote_id is taken off the shelf: two people may
// have written the same, and one contact request is not both of them.
func (s *shelf) take(ctx context.Context, one lead.Lead) (lead.Claim, []easybroker.Listed, error) {
	c := s.asClaim(one)
	items := s.find(c)
	if len(items) == 0 || len(s.differing(c, items[0])) > 0 { // what was sent may be something else
		if err := s.recall(ctx, &c); err != nil {
			return c, nil, err
		}
	}
	if len(items) == 0 {
		items = s.find(c)
	}
	if len(items) == 1 {
		if i := slices.Index(s.plain, items[0]); i >= 0 {
			s.plain = slices.Delete(s.plain, i, i+1)
		}
	}
	return c, items, nil
}

func (s *shelf) find(c lead.Claim) []easybroker.Listed {
	if items := s.byID[c.Lead.RemoteID]; len(items) > 0 {
		return slices.SortedFunc(slices.Values(items), func(a, b easybroker.Listed) int { return b.HappenedAt.Compare(a.HappenedAt) })
	}
	found := s.matches(c, s.plain)
	return found[:min(1, len(found))]
}

// recall reads what the lead's attempts sent.
func (s *shelf) recall(ctx context.Context, c *lead.Claim) error {
	_, attempts, err := s.ledger.Find(ctx, c.Lead.RemoteID)
	for _, a := range attempts {
		if a.MaybeTaken() {
			c.Fingerprints = append(c.Fingerprints, a.Fingerprint)
		}
	}
	s.routeOf(*c).remember(c)
	return err
}

// isOurs reports whether one of the items under the lead's remote_id is about
// the lead at all.
func (s *shelf) isOurs(c lead.Claim, items []easybroker.Listed) bool {
	return slices.ContainsFunc(items, func(item easybroker.Listed) bool { return s.isSame(item, c) })
}
