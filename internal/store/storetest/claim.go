package storetest

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func oneCourier(t *testing.T, s *store.Store) {
	t.Helper()
	const leads, couriers = 60, 6
	at := now()
	for range leads {
		keep(t, s, at)
	}
	var mu sync.Mutex
	held := map[lead.RemoteID]int{}
	var wg sync.WaitGroup
	for range couriers {
		wg.Go(func() {
			for {
				claims, _, err := s.Begin(t.Context(), site, due(at, 7))
				if err != nil || len(claims) == 0 {
					return
				}
				mu.Lock()
				for _, c := range claims {
					held[c.Lead.RemoteID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, held, leads)
	for id, times := range held {
		require.Equal(t, 1, times, id)
	}
}

func interrupted(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	c := beginOne(t, s, at)
	require.Equal(t, 1, c.Number)
	require.Equal(t, lead.Sending, c.Lead.State)
	require.Equal(t, at, c.WasDueAt)
	require.Empty(t, claimLookups(t, s, at.Add(lease-time.Millisecond)))

	c = claimLookup(t, s, at.Add(lease))
	require.Equal(t, lead.Doubtful, c.Lead.State)
	require.Equal(t, at, c.FirstAttempt)
	require.Equal(t, at, c.LastAttempt)
	require.Equal(t, 1, c.MaybeTaken)

	got, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, lead.Doubtful, got.State)
	require.Len(t, attempts, 1)
	require.Equal(t, lead.OutcomeUnsure, attempts[0].Outcome)
	require.Equal(t, at.Add(lease), attempts[0].EndedAt)
}

func lateSettlement(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	slow := beginOne(t, s, at)
	claimLookup(t, s, at.Add(lease))

	require.ErrorIs(t, s.Settle(t.Context(), slow, lead.Settlement{
		State: lead.Delivered, At: at, Attempt: &lead.Attempt{Number: 1, EndedAt: at, Outcome: lead.OutcomeDelivered},
	}), lead.ErrLost)
	require.ErrorIs(t, s.Unclaim(t.Context(), slow), lead.ErrLost)

	got, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, lead.Doubtful, got.State)
	require.Equal(t, at.Add(2*lease), got.DueAt)
	require.Equal(t, lead.OutcomeUnsure, attempts[0].Outcome)
}

func unclaimed(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	beginOne(t, s, at)
	c := claimLookup(t, s, at.Add(lease))
	require.NoError(t, s.Unclaim(t.Context(), c))
	got, _, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, at.Add(lease), got.DueAt)
	require.Equal(t, id, claimLookup(t, s, at.Add(lease)).Lead.RemoteID)
}

func lately(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	old := keep(t, s, at.Add(-time.Hour))
	first := keep(t, s, at.Add(-2*time.Second))
	second := keep(t, s, at.Add(-time.Second))
	q := due(at, 3)
	q.Since = at.Add(-time.Minute)
	claims, _, err := s.Begin(t.Context(), site, q)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	require.Equal(t, first, claims[0].Lead.RemoteID, "in the order in which they came")
	require.Equal(t, second, claims[1].Lead.RemoteID)
	require.Equal(t, old, beginOne(t, s, at).Lead.RemoteID)
}

func setBack(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	waits, doubtful := keep(t, s, at), keep(t, s, at.Add(time.Second))
	settle(t, s, at.Add(time.Second), lead.Settlement{State: lead.Queued, DueAt: at.Add(3 * time.Hour), Attempt: &lead.Attempt{Outcome: lead.OutcomeDeferred}})
	settle(t, s, at.Add(time.Second), lead.Settlement{State: lead.Doubtful, DueAt: at.Add(time.Hour), Attempt: &lead.Attempt{Outcome: lead.OutcomeUnsure}})

	earlier := at.AddDate(-1, 0, 0)
	q := due(earlier, 10)
	q.MaxAhead = 5 * time.Hour
	claims, _, err := s.Begin(t.Context(), site, q)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, waits, claims[0].Lead.RemoteID)
	claims, _, err = s.ClaimLookups(t.Context(), []string{site}, q)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, doubtful, claims[0].Lead.RemoteID)
}

func expired(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	stale, younger, late := keep(t, s, at.Add(-3*time.Hour)), keep(t, s, at.Add(-time.Hour)), keep(t, s, at.Add(-2*time.Hour))
	ids, err := s.Expire(t.Context(), site, at.Add(-90*time.Minute), due(at, 1))
	require.NoError(t, err)
	require.Equal(t, []lead.RemoteID{stale}, ids, "as many as were asked for, the one that is due longest first")
	ids, err = s.Expire(t.Context(), site, at.Add(-90*time.Minute), due(at, 10))
	require.NoError(t, err)
	require.Equal(t, []lead.RemoteID{late}, ids)
	got, _, err := s.Find(t.Context(), stale)
	require.NoError(t, err)
	require.Equal(t, lead.Failed, got.State)
	require.Equal(t, lead.ReasonDeadline, got.Reason)
	require.Zero(t, got.DueAt)
	require.Equal(t, younger, beginOne(t, s, at).Lead.RemoteID)
	require.Empty(t, begin(t, s, at, 10))
}

// A batch of large leads ends before the limit, and the rest is due at once.
func lookedUpByBytes(t *testing.T, s *store.Store) {
	t.Helper()
	const leads, large = 150, 15 << 10
	at := now()
	for i := range leads {
		l := Draft(t, at.Add(time.Duration(i)*time.Millisecond))
		l.Extra = []lead.Pair{{Name: "notas", Value: strings.Repeat("x", large)}}
		_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
	}
	require.Len(t, begin(t, s, at.Add(time.Second), leads), leads)
	ended := at.Add(time.Second + lease)
	var got []lead.RemoteID
	for more := true; more; {
		claims, next, err := s.ClaimLookups(t.Context(), []string{"lofts", site}, due(ended, leads))
		require.NoError(t, err)
		require.NotEmpty(t, claims)
		require.LessOrEqual(t, len(claims)*large, 3<<19)
		for _, c := range claims {
			got = append(got, c.Lead.RemoteID)
		}
		more = !next.IsZero() && !next.After(ended)
	}
	require.Len(t, got, leads)
	require.True(t, slices.IsSorted(got), "in the order in which they are due")
	require.Empty(t, claimLookups(t, s, ended))
}

func settledLater(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	later := at.Add(time.Hour)
	settle(t, s, at, lead.Settlement{
		State: lead.Queued, Reason: "busy", DueAt: later, Tries: 1,
		Attempt: &lead.Attempt{Outcome: lead.OutcomeDeferred, Status: 429, Detail: "too many"},
	})
	got, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "busy", got.Reason)
	require.Equal(t, later, got.DueAt)
	require.Equal(t, []lead.Attempt{{
		Number: 1, BegunAt: at, EndedAt: at.Add(time.Second), Outcome: lead.OutcomeDeferred, Status: 429, Detail: "too many",
	}}, attempts)

	require.Empty(t, begin(t, s, later.Add(-time.Millisecond), 1))
	again := settle(t, s, later, lead.Settlement{State: lead.Delivered, Tries: 2, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered, Status: 200}})
	require.Equal(t, 1, again.Tries)
	got, attempts, err = s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, attempts, 2)
	require.Equal(t, later.Add(time.Second), got.DeliveredAt)
}

func delivered(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	settle(t, s, at, lead.Settlement{State: lead.Delivered, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered, Status: 200}})
	require.Empty(t, begin(t, s, at.AddDate(1, 0, 0), 1))
	got, _, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, lead.Delivered, got.State)
	require.Zero(t, got.DueAt)
	require.Zero(t, got.ConfirmedAt)
}

func otherSite(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	keep(t, s, at)
	claims, next, err := s.Begin(t.Context(), "lofts", due(at, 1))
	require.NoError(t, err)
	require.Empty(t, claims)
	require.Zero(t, next)
}

func longestFirst(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	newer := keep(t, s, at)
	older := keep(t, s, at.Add(-time.Minute))
	require.Equal(t, older, beginOne(t, s, at).Lead.RemoteID)
	require.Equal(t, newer, beginOne(t, s, at).Lead.RemoteID)
}

func trials(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	about := func(property string, due time.Time) lead.RemoteID {
		l := Draft(t, due)
		l.PropertyID = property
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		return kept.RemoteID
	}
	older, newer := about("EB-GOOD1", at.Add(-2*time.Minute)), about("EB-GOOD2", at.Add(-time.Minute))
	about("EB-BAD1", at)
	about("EB-BAD2", at.Add(-3*time.Minute))
	about("EB-BAD1", at.Add(time.Minute))
	later := about("EB-GOOD1", at.Add(time.Hour))
	q := due(at, 1)
	q.Newest, q.Except = true, []string{"EB-BAD1", "EB-BAD2"}
	for _, want := range []lead.RemoteID{newer, older} {
		claims, _, err := s.Begin(t.Context(), site, q)
		require.NoError(t, err)
		require.Len(t, claims, 1)
		require.Equal(t, want, claims[0].Lead.RemoteID)
	}
	claims, next, err := s.Begin(t.Context(), site, q)
	require.NoError(t, err)
	require.Empty(t, claims)
	require.Equal(t, at.Add(time.Hour), next)
	q.Now = next
	claims, _, err = s.Begin(t.Context(), site, q)
	require.NoError(t, err)
	require.Equal(t, later, claims[0].Lead.RemoteID)
	_, next, err = s.Begin(t.Context(), site, q)
	require.NoError(t, err)
	require.Zero(t, next)
	require.Len(t, begin(t, s, at.Add(time.Hour), 9), 3, "the others wait")
}

func nextDue(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	keep(t, s, at.Add(time.Hour))
	claims, next, err := s.Begin(t.Context(), site, due(at, 1))
	require.NoError(t, err)
	require.Empty(t, claims)
	require.Equal(t, at.Add(time.Hour), next)

	keep(t, s, at)
	claims, next, err = s.Begin(t.Context(), site, due(at, 2))
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, at.Add(time.Hour), next)
	_, next, err = s.ClaimLookups(t.Context(), []string{site}, due(at, 1))
	require.NoError(t, err)
	require.Equal(t, at.Add(lease), next, "when the lease runs out")
}

func sitesDue(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	keepAt := func(name string, due time.Time) {
		l := Draft(t, at)
		l.Site, l.DueAt = name, due
		_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
	}
	keepAt(site, at)
	keepAt(site, at.Add(time.Hour))
	keepAt("lofts", at.Add(time.Minute))
	keepAt("costa", at)
	asked := func(at time.Time, sites ...string) []string {
		due, err := s.SitesDue(t.Context(), sites, time.Time{}, at)
		require.NoError(t, err)
		return due
	}
	require.Empty(t, asked(at.Add(-time.Millisecond), site, "lofts"))
	require.ElementsMatch(t, []string{site}, asked(at, site, "lofts", "nobody's"))
	require.ElementsMatch(t, []string{site, "lofts", "costa"}, asked(at.Add(time.Minute), site, "lofts", "costa"))
	require.Empty(t, asked(at))
	due, err := s.SitesDue(t.Context(), []string{site, "lofts"}, at.Add(time.Millisecond), at.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, []string{"lofts"}, due)
	beginOne(t, s, at)
	require.Empty(t, asked(at, site), "it is being sent")
}
