package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// Count counts leads one by one, as stats do.
func Count(leads []lead.Lead) []lead.Bucket {
	all := map[string]*lead.Bucket{}
	for _, l := range leads {
		at := l.ReceivedAt.Truncate(time.Hour)
		key := fmt.Sprintf("%012d %s", at.Unix(), l.Site)
		b := cmp.Or(all[key], &lead.Bucket{At: at, Site: l.Site})
		all[key] = b
		b.Received++
		hasArrived := false
		switch l.State {
		case lead.Confirmed:
			b.Confirmed++
			hasArrived = true
		case lead.Delivered:
			hasArrived = true
		case lead.Failed:
			b.Failed++
		case lead.Quarantined:
			b.Quarantined++
		case lead.Discarded:
			b.Discarded++
		case lead.Queued, lead.Sending, lead.Doubtful:
		}
		if arrivedAt := latest(l); hasArrived && !arrivedAt.IsZero() {
			b.Took.Add(step(arrivedAt.Sub(l.ReceivedAt)), 1)
		}
	}
	buckets := []lead.Bucket{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		buckets = append(buckets, *all[key])
	}
	return buckets
}

// latest is when EasyBroker had the lead, as far as is known.
func latest(l lead.Lead) time.Time {
	if l.DeliveredAt.IsZero() {
		return l.ConfirmedAt
	}
	return l.DeliveredAt
}

// step is the largest step that is not above a time.
func step(took time.Duration) (largest time.Duration) {
	for i := range 46 {
		ms := time.Duration(math.Round(125 * math.Pow(2, float64(i)/2)))
		if s := ms * time.Millisecond; s <= took {
			largest = s
		}
	}
	return largest
}

// nowOf counts what waits.
func nowOf(leads []lead.Lead) (n lead.Now) {
	for _, l := range leads {
		switch l.State {
		case lead.Queued, lead.Sending:
			n.OnTheWay++
		case lead.Doubtful:
			n.InDoubt++
		case lead.Failed:
			n.WaitingForYou++
		case lead.Quarantined:
			n.Quarantined++
		case lead.Delivered, lead.Confirmed, lead.Discarded:
		}
	}
	return n
}

// All returns all leads of a store.
func All(tb testing.TB, s *store.Store) (all []lead.Lead) {
	tb.Helper()
	f := lead.Filter{Limit: 500}
	for more := true; more; {
		page, next, err := s.List(tb.Context(), f)
		require.NoError(tb, err)
		if all, more = append(all, page...), next; more {
			f.Below = page[len(page)-1].RemoteID
		}
	}
	return all
}

// ByHour returns the stats of all hours.
func ByHour(tb testing.TB, s *store.Store) []lead.Bucket {
	tb.Helper()
	buckets, err := s.Stats(tb.Context(), lead.StatsQuery{After: time.Unix(0, 0), Before: time.Now().Add(48 * time.Hour), By: lead.Hour})
	require.NoError(tb, err)
	return buckets
}

// counts is a store and what was erased from it.
type counts struct {
	s      *store.Store
	erased []lead.Lead
}

// require compares the stats with a count of all leads.
func (c *counts) require(t *testing.T, rt require.TestingT) {
	there := All(t, c.s)
	require.Equal(rt, Count(slices.Concat(there, c.erased)), ByHour(t, c.s))
	got, err := c.s.Overview(t.Context(), time.Now().UTC(), nil)
	require.NoError(rt, err)
	want := nowOf(there)
	want.ReceivedToday, want.ConfirmedToday = got.ReceivedToday, got.ConfirmedToday
	require.Equal(rt, want, got)
}

// statsAreExact does at random what visitors, couriers, persons and the sweep do. The
// stats are what a count of all leads is.
func statsAreExact(t *testing.T, s *store.Store) {
	t.Helper()
	c := &counts{s: s}
	at := now().Truncate(time.Hour).Add(-30 * time.Hour)
	words := 0
	rapid.Check(t, func(rt *rapid.T) {
		rt.Repeat(map[string]func(*rapid.T){
			"wait": func(rt *rapid.T) {
				if next := at.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, 7 * time.Minute, time.Hour}).Draw(rt, "wait")); next.Before(now()) {
					at = next
				}
			},
			"keep": func(rt *rapid.T) {
				words += rapid.IntRange(0, 1).Draw(rt, "new words")
				sub := judged(t, at, "EB-1", fmt.Sprint("Hola ", words), rapid.SampledFrom([]string{"good", "delayed", "spam"}).Draw(rt, "verdict"))
				sub.Lead.Site = rapid.SampledFrom([]string{site, "lofts"}).Draw(rt, "site")
				sub.Content = sub.Lead.Content()
				_, err := s.Keep(t.Context(), sub)
				require.NoError(rt, err)
			},
			"carry": func(rt *rapid.T) { c.carry(t, rt, at) },
			"look up": func(rt *rapid.T) {
				claims, _, err := s.ClaimLookups(t.Context(), []string{site, "lofts"}, due(at.Add(time.Hour), 3))
				require.NoError(rt, err)
				for _, claim := range claims {
					to := rapid.SampledFrom([]lead.State{lead.Confirmed, claim.Lead.State}).Draw(rt, "found")
					require.NoError(rt, s.Settle(t.Context(), claim, lead.Settlement{State: to, At: at.Add(time.Minute)}))
				}
			},
			"expire": func(rt *rapid.T) {
				_, err := s.Expire(t.Context(), site, at.Add(-20*time.Hour), due(at, 2))
				require.NoError(rt, err)
			},
			"by hand": func(rt *rapid.T) { c.byHand(t, rt, at) },
			"erase": func(rt *rapid.T) {
				if rapid.IntRange(0, 9).Draw(rt, "seldom") == 0 {
					c.erase(t, rt, rapid.SampledFrom([]lead.State{lead.Quarantined, lead.Discarded, lead.Confirmed}).Draw(rt, "state"))
				}
			},
			"fold": func(rt *rapid.T) { require.NoError(rt, s.FoldStats(t.Context())) },
		})
		c.require(t, rt)
	})
	require.NoError(t, s.Recount(t.Context()))
	c.require(t, t)
}

// carry begins attempts, and settles some of them.
func (c *counts) carry(t *testing.T, rt *rapid.T, at time.Time) {
	claims, _, err := c.s.Begin(t.Context(), rapid.SampledFrom([]string{site, "lofts"}).Draw(rt, "site"), due(at, 2))
	require.NoError(rt, err)
	for _, claim := range claims {
		to := lead.Settlement{State: rapid.SampledFrom([]lead.State{lead.Sending, lead.Delivered, lead.Delivered, lead.Queued, lead.Doubtful, lead.Failed}).Draw(rt, "end")}
		if to.State == lead.Sending {
			continue // its courier is gone
		}
		to.At = at.Add(time.Duration(rapid.IntRange(0, 1<<21).Draw(rt, "took")) * time.Millisecond)
		to.Attempt = &lead.Attempt{Number: claim.Number, EndedAt: to.At, Outcome: lead.OutcomeUnsure}
		if to.State != lead.Failed {
			to.DueAt = to.At
		}
		require.NoError(rt, c.s.Settle(t.Context(), claim, to))
	}
}

// byHand moves a lead as persons do, and reconciliations.
func (c *counts) byHand(t *testing.T, rt *rapid.T, at time.Time) {
	page, _, err := c.s.List(t.Context(), lead.Filter{Limit: 20})
	require.NoError(rt, err)
	if len(page) == 0 {
		return
	}
	l := rapid.SampledFrom(page).Draw(rt, "lead")
	switch verb := rapid.SampledFrom([]string{"retry", "force", "release", "discard", "confirm", "quarantine"}).Draw(rt, "verb"); verb {
	case "confirm":
		_, err = c.s.Confirm(t.Context(), l.RemoteID, at, "")
	case "quarantine":
		_, err = c.s.Quarantine(t.Context(), l.RemoteID, l.DueAt, "mx")
	default:
		_, _ = c.s.Amend(t.Context(), l.RemoteID, func(l *lead.Lead) error { // which its state may not allow
			switch verb {
			case "release":
				return l.Release(at)
			case "discard":
				return l.Discard()
			}
			return l.Retry(at, verb == "force")
		})
	}
	require.NoError(rt, err)
}

// erase erases all leads that have ended in a state.
func (c *counts) erase(t *testing.T, rt *rapid.T, state lead.State) {
	before := All(t, c.s)
	_, err := c.s.Erase(t.Context(), state, now().Add(time.Hour))
	require.NoError(rt, err)
	there := map[lead.RemoteID]bool{}
	for _, l := range All(t, c.s) {
		there[l.RemoteID] = true
	}
	for _, l := range before {
		if !there[l.RemoteID] {
			c.erased = append(c.erased, l)
		}
	}
}

// statsByDay counts around midnights and changes to and from summer time.
func statsByDay(t *testing.T, s *store.Store) {
	t.Helper()
	for name, want := range map[string]struct{ first, second, third string }{
		"America/Mexico_City": {"2026-04-04T06:00:00Z", "2026-04-05T06:00:00Z", "2026-04-06T06:00:00Z"},
		"America/Santiago":    {"2026-04-04T03:00:00Z", "2026-04-05T04:00:00Z", "2026-04-06T04:00:00Z"}, // which sets its clocks back then
		"America/Tijuana":     {"2026-04-04T07:00:00Z", "2026-04-05T07:00:00Z", "2026-04-06T07:00:00Z"},
	} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		of := zone.String()
		keepAt := func(at time.Time) {
			l := Draft(t, at)
			l.Site = of
			_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
			require.NoError(t, err)
		}
		midnight := time.Date(2026, 4, 5, 0, 0, 0, 0, zone)
		for _, at := range []time.Time{midnight.Add(-time.Millisecond), midnight, midnight.Add(23*time.Hour + 59*time.Minute), midnight.AddDate(0, 0, 1)} {
			keepAt(at)
		}
		q := lead.StatsQuery{Site: of, After: midnight.AddDate(0, 0, -9), Before: midnight.AddDate(0, 0, 9), By: lead.Day, Zone: zone}
		buckets, err := s.Stats(t.Context(), q)
		require.NoError(t, err)
		got := map[string]int{}
		for _, b := range buckets {
			got[b.At.UTC().Format(time.RFC3339)] = b.Received
		}
		require.Equal(t, map[string]int{want.first: 1, want.second: 2, want.third: 1}, got, name)

		q.After, q.Before = midnight, midnight.AddDate(0, 0, 1)
		buckets, err = s.Stats(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, buckets, 1, "of one day")
	}
}

// waitsNow is what the operator's page begins with.
func waitsNow(t *testing.T, s *store.Store) {
	t.Helper()
	zone := time.FixedZone("six hours back", -6*3600)
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, zone)
	number := func(now time.Time, sites ...string) lead.Now {
		n, err := s.Overview(t.Context(), now, sites)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, number(at))
	keep(t, s, at.Add(-10*time.Hour)) // yesterday
	settle(t, s, at.Add(-9*time.Hour), lead.Settlement{State: lead.Failed, Attempt: &lead.Attempt{Outcome: lead.OutcomeRefused}})
	for range 5 {
		keep(t, s, at)
	}
	claims := begin(t, s, at, 3)
	require.Len(t, claims, 3)
	for i, state := range []lead.State{lead.Delivered, lead.Doubtful} {
		require.NoError(t, s.Settle(t.Context(), claims[i], lead.Settlement{State: state, At: at, DueAt: at, Attempt: &lead.Attempt{Number: 1, EndedAt: at}}))
	}
	_, err := s.Confirm(t.Context(), claims[0].Lead.RemoteID, at, "")
	require.NoError(t, err)
	keepIn(t, s, lead.Quarantined, at)
	want := lead.Now{ReceivedToday: 6, ConfirmedToday: 1, OnTheWay: 3, InDoubt: 1, WaitingForYou: 1, Quarantined: 1}
	require.Equal(t, want, number(at))
	require.Equal(t, want, number(at, site))
	require.Zero(t, number(at, "lofts"))
	want.ReceivedToday, want.ConfirmedToday = 0, 0
	require.Equal(t, want, number(at.AddDate(0, 0, 1)))
}
