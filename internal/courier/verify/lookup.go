package verify

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// freshFor is how long a delivered lead is sought among all that came in lately.
// After that it is sought by its property.
const freshFor = 2 * time.Minute

// Group is leads that one reading of the list is for.
type Group struct {
	Claims []lead.Claim
	fresh  bool // delivered just now, and all attempts are known
}

// Group divides the claims into groups: one for all that were delivered just now,
// and one for each property of the others.
func (v *Verifier) Group(claims []lead.Claim) []Group {
	now := v.Clock.Read()
	groups := []Group{{fresh: true}}
	byKey := map[string]int{}
	for _, c := range claims {
		v.Routes[c.Lead.Site].CompleteFingerprints(&c)
		i := 0
		isFresh := c.Lead.State == lead.Delivered && c.MaybeTaken == 1 && now.Sub(c.LastAttempt) < freshFor && v.Memory.isComplete(c.Lead.RemoteID)
		if !isFresh {
			key := groupKey(c.Lead)
			var known bool
			if i, known = byKey[key]; !known {
				i = len(groups)
				byKey[key] = i
				groups = append(groups, Group{})
			}
		}
		groups[i].Claims = append(groups[i].Claims, c)
	}
	if len(groups[0].Claims) == 0 {
		return groups[1:]
	}
	return groups
}

// Result is what the list says about a lead.
type Result int

// The results of a look-up.
const (
	Unread    Result = iota // the list could not be read
	Unproven                // the list does not show the lead, and that proves nothing
	Absent                  // the list proves that the lead is not there
	Present                 // the list has the lead
	Ambiguous               // several contact requests look like the lead
	Foreign                 // somebody else's contact request has its remote_id
)

// Finding is what one reading of the list showed about a lead.
type Finding struct {
	Claim    lead.Claim
	Result   Result
	Found    int   // contact requests that are the lead
	Complete bool  // the list was read in full
	Err      error // why the list could not be read

	// SentBy is the latest time at which the last attempt can have taken effect.
	SentBy time.Time
	// BeyondProof is set if no reading could have shown that the lead is absent.
	BeyondProof bool

	// ReadAt is when the reading began, on the wall, and Steady is for how long the
	// clock could be believed then.
	ReadAt time.Time
	Steady time.Duration
}

// LookUp looks for the group with one reading of the list, and returns what it
// finds about each lead. The list is not read to its end for fresh leads. The
// findings are made one by one: the caller settles each of them before it asks
// for the next, so that a proof holds for what has happened until then.
func (v *Verifier) LookUp(ctx context.Context, g Group) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		reserved := v.Budget.reserve()
		defer reserved.shrinkTo(0)
		q := v.query(g)
		// If there may be more than one of a kind, all must be seen.
		seeAll := !g.fresh && v.API != easybroker.Partner || slices.ContainsFunc(g.Claims, func(c lead.Claim) bool { return c.MaybeTaken > 1 })
		began, steady := v.Clock.Read(), v.Clock.SteadyFor()
		opt := readOptions{
			latest: g.fresh, reserved: reserved,
			keep: keepOnly(v.reader, g.Claims, func(c lead.Claim) int64 { return int64(c.Lead.RemoteID) }),
			enough: func(items []easybroker.Listed) bool {
				return !seeAll && !slices.ContainsFunc(g.Claims, func(c lead.Claim) bool { return len(v.subject(c).matches(items)) == 0 })
			},
		}
		got, err := v.reader.read(ctx, q, opt)
		if again := v.query(g); err == nil && isWider(again, q) { // only the answer's Date told how wrong our clock is
			q = again
			got, err = v.reader.read(ctx, q, opt)
		}
		if errors.Is(err, errTooManyPages) {
			var all []easybroker.Listed
			if all, err = v.reader.readHalves(ctx, q, got, readOptions{keep: opt.keep, reserved: reserved}); err == nil {
				got.items, got.complete = all, true
			}
		}
		v.logUnread(err)
		for _, c := range g.Claims {
			f := Finding{Claim: c, Complete: got.complete, Err: err, ReadAt: began, Steady: steady}
			matches := v.subject(c).matches(got.items)
			if !seeAll && len(matches) > 0 {
				f.Err = nil // what was seen is there, however the reading went on
			}
			if RemoteIDRefused(c) && f.Complete && len(matches) == 0 {
				matches, f.Err = v.holdersOfID(ctx, c, q)
			}
			if !yield(v.conclude(f, matches)) {
				return
			}
		}
	}
}

// conclude completes the finding by the contact requests that are the lead.
func (v *Verifier) conclude(f Finding, matches []easybroker.Listed) Finding {
	// The attempt may have taken effect as late as its time-out. If it ended later,
	// we stood still meanwhile, and its bytes may have left at that very end.
	c := f.Claim
	f.SentBy = c.LastAttempt.Add(v.Timeout)
	if c.LastEndedAt.After(f.SentBy) {
		f.SentBy = c.LastEndedAt.Add(v.Timeout)
	}
	f.Found = len(matches)
	switch {
	case f.Err != nil:
		f.Result = Unread
	case len(matches) > 0 && v.API == easybroker.Partner && matches[0].RemoteID != 0:
		f.Result = Present
		if !v.subject(c).isAnySame(matches) {
			f.Result = Foreign
		}
	case len(matches) > 1:
		f.Result = Ambiguous
	case len(matches) == 1:
		f.Result = Present
	case f.Complete && v.provesAbsence(f):
		f.Result, f.BeyondProof = Absent, v.isBeyondProof(c)
	default:
		f.Result = Unproven
	}
	return f
}

// provesAbsence reports whether a list that was read in full and lacks the lead
// proves that it is not there. The list must have had its time since the last
// attempt, by a clock that could be believed when the reading began and still
// can.
func (v *Verifier) provesAbsence(f Finding) bool {
	c := f.Claim
	wasSetBack := c.LastAttempt.After(f.ReadAt) || c.LastEndedAt.After(f.ReadAt)
	// The order matters: an attempt that turns out to be lost disturbs the clock
	// before it is over.
	isActive, steady := v.Memory.isActive(c.Lead.RemoteID), min(f.Steady, v.Clock.SteadyFor())
	return steady >= v.Timeout+v.MaxListLag && !isActive && (wasSetBack || !f.ReadAt.Before(f.SentBy.Add(v.MaxListLag)))
}

// holdersOfID looks for the lead's remote_id among what came in lately for any
// property: somebody else's contact request under it may be about another one.
func (v *Verifier) holdersOfID(ctx context.Context, c lead.Claim, q easybroker.Query) ([]easybroker.Listed, error) {
	if v.API != easybroker.Partner {
		return nil, nil
	}
	q.PropertyID = ""
	reserved := v.Budget.reserve()
	defer reserved.shrinkTo(0)
	got, err := v.reader.read(ctx, q, readOptions{
		latest:   true,
		reserved: reserved,
		keep:     func(item easybroker.Listed) bool { return item.RemoteID == int64(c.Lead.RemoteID) },
		enough:   func(items []easybroker.Listed) bool { return len(items) > 0 },
	})
	return got.items, err
}

// RemoteIDRefused reports whether EasyBroker's last answer about a lead in doubt
// refused its remote_id. No other 4xx leaves a lead in doubt, except a proxy's
// time-out.
func RemoteIDRefused(c lead.Claim) bool {
	return c.Lead.State == lead.Doubtful && c.LastStatus/100 == 4 && c.LastStatus != http.StatusRequestTimeout
}

// logUnread logs that the list could not be read: once a minute at most, and not
// for each lead.
func (v *Verifier) logUnread(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	v.unread.Do(func() {
		v.Log.Warn().Strs("sites", v.Sites).AnErr("cause", err).Msg("EasyBroker's list could not be read; what waits for it is looked up again")
	})
}
