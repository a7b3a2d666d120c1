package verify

import (
	"slices"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// A general inquiry has no property. EasyBroker's list can then be narrowed by
// time alone. If we asked for all since the first lead, we would read the list
// from its beginning, again and again, for one line.

// clockSkew is how far EasyBroker's clock may be from ours without our knowing
// it. The window in which a lead is sought begins that much before its first
// attempt.
const clockSkew = 15 * time.Minute

// groupKey returns the key of the leads that one reading of the list is for:
// their property. A general inquiry is read for alone: one window for several
// would span all of them. No property's id has a slash.
func groupKey(l lead.Lead) string {
	if l.PropertyID == "" {
		return "/" + l.RemoteID.String()
	}
	return l.PropertyID
}

// query returns what the list is asked for the group. Fresh leads are sought
// among all that came in lately.
func (v *Verifier) query(g Group) easybroker.Query {
	q := easybroker.Query{PropertyID: g.Claims[0].Lead.PropertyID, After: v.windowStart(g.Claims)}
	switch {
	case g.fresh:
		q.PropertyID = ""
	case q.PropertyID == "":
		q.After, q.Before = v.windowAround(g.Claims[0])
	}
	return q
}

// windowStart returns from when on the list is asked for the leads. An attempt of
// an earlier process was stamped by a clock that nobody knows any more, so the
// property's list is then read from its beginning.
func (v *Verifier) windowStart(claims []lead.Claim) time.Time {
	if slices.ContainsFunc(claims, func(c lead.Claim) bool { return !v.Memory.isComplete(c.Lead.RemoteID) }) {
		return lead.Epoch()
	}
	first := slices.MinFunc(claims, func(a, b lead.Claim) int { return a.FirstAttempt.Compare(b.FirstAttempt) })
	return v.windowSince(first.FirstAttempt)
}

// windowSince returns from when on the list is asked for a lead whose first
// attempt began then: earlier by what the clocks may differ, and by what ours is
// known to be ahead of EasyBroker's. A first attempt in the future was stamped by
// a clock that has been set back since. Then only the window of all leads is
// safe.
func (v *Verifier) windowSince(first time.Time) time.Time {
	if first.IsZero() || first.After(v.Clock.Read()) {
		return lead.Epoch()
	}
	return first.Add(-clockSkew).Add(min(0, v.reader.brokerAhead()))
}

// windowAround returns when the lead's attempts can have taken effect, by their
// stamps. A window that would end near now has no end, because we do not know
// whether the list's ends belong to it.
func (v *Verifier) windowAround(c lead.Claim) (after, before time.Time) {
	if c.FirstAttempt.IsZero() {
		return lead.Epoch(), time.Time{}
	}
	ahead := v.reader.brokerAhead()
	after = c.FirstAttempt.Add(-clockSkew).Add(min(0, ahead))
	last := c.LastAttempt
	if c.LastEndedAt.After(last) {
		last = c.LastEndedAt
	}
	end := last.Add(v.Timeout + v.MaxListLag + clockSkew)
	if end.Before(v.Clock.Read()) {
		before = end.Add(max(0, ahead))
	}
	return after, before
}

// isWider reports whether q asks for more than old does.
func isWider(q, old easybroker.Query) bool {
	return q.After.Before(old.After) || !old.Before.IsZero() && (q.Before.IsZero() || q.Before.After(old.Before))
}

// isBeyondProof reports whether no reading can show that the lead is absent. That
// is so for a general inquiry that another process has sent, or that we sent
// before our clock was set: its stamps may be wrong, and its window has nothing
// else to go by.
func (v *Verifier) isBeyondProof(c lead.Claim) bool {
	return c.Lead.PropertyID == "" && !v.Memory.isComplete(c.Lead.RemoteID)
}
