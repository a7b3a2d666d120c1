package courier

import (
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// A general inquiry has no property. EasyBroker's list can then be narrowed by
// time alone: to ask for all that came since the first lead would read it from
// its beginning, again and again, for one line.

// lookGroup names the leads that one reading of the list is for: those of a
// property. A general inquiry is read for alone, since the window of several
// would be as long as they are apart. No property's id has a slash.
func lookGroup(l lead.Lead) string {
	if l.PropertyID == "" {
		return "/" + l.RemoteID.String()
	}
	return l.PropertyID
}

// queryFor is what the list is asked for the group. Fresh leads are sought
// among all that came in lately.
func (l *lane) queryFor(group []lead.Claim, fresh bool) easybroker.Query {
	q := easybroker.Query{PropertyID: group[0].Lead.PropertyID, After: l.windowFor(group)}
	switch {
	case fresh:
		q.PropertyID = ""
	case q.PropertyID == "":
		q.After, q.Before = l.windowAround(group[0])
	}
	return q
}

// windowAround is when the lead's attempts can have taken effect, by their
// stamps. It has no end near now, as whether the list's ends belong to it is
// not known.
func (l *lane) windowAround(c lead.Claim) (after, before time.Time) {
	if c.FirstAttempt.IsZero() {
		return lead.Epoch(), time.Time{}
	}
	after = c.FirstAttempt.Add(-clockSkew).Add(min(0, l.ahead()))
	last := c.LastAttempt
	if c.LastEndedAt.After(last) {
		last = c.LastEndedAt
	}
	end := last.Add(l.courier.opt.Timeout + l.courier.opt.Settle + clockSkew)
	if end.Before(l.courier.clock.read()) {
		before = end.Add(max(0, l.ahead()))
	}
	return after, before
}

// isWider reports whether q asks for more than old does.
func isWider(q, old easybroker.Query) bool {
	return q.After.Before(old.After) || !old.Before.IsZero() && (q.Before.IsZero() || q.Before.After(old.Before))
}

// isBeyondProof reports whether no reading can show that the lead is absent: it
// was sent by another process, or by a clock that was set since, so its stamps
// may be wrong, and they are all that its window has to go by.
func (l *lane) isBeyondProof(c lead.Claim) bool {
	return c.Lead.PropertyID == "" && !l.trace(c.Lead.RemoteID).whole
}
