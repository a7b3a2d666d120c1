// Package storetest states what a store promises, for every database that
// leadrelay keeps leads in. Only tests import it.
package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

const site = "casas"

// lease is longer than any test.
const lease = time.Minute

// Run runs the whole suite; open returns an empty store that the test closes.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *store.Store){
		"a lead that was kept is found again, the same":          foundAgain,
		"a thousand visitors at once get a thousand ids":         uniqueIDs,
		"ids grow when the clock jumps back":                     clockJumpsBack,
		"ids that count seconds and milliseconds never meet":     bothTicks,
		"a lead is claimed by one courier only":                  oneCourier,
		"an attempt that nobody ended makes the lead doubtful":   interrupted,
		"a settlement after the lease changes nothing":           lateSettlement,
		"a look-up that was given back keeps its turn":           released,
		"what fell due lately can be taken first":                lately,
		"a clock that is set back leaves no lead waiting":        setBack,
		"leads past their deadline fail, those due longest":      expired,
		"look-ups come back with what may have been taken":       lookedUp,
		"an intent says what will be sent":                       intent,
		"of many attempts the newest are kept, and the first":    manyAttempts,
		"a look-up takes no more than there is room for":         lookedUpByBytes,
		"a settled lead is due when the settlement says":         settledLater,
		"a delivered lead is never sent again":                   delivered,
		"claims know of no other site":                           otherSite,
		"claims take the lead that waits longest":                longestFirst,
		"trials take the newest lead of the other properties":    trials,
		"the time of the next due lead is known":                 nextDue,
		"a list is newest first, filtered, and pages to the end": listed,
		"a page has no more than there is room for":              listedByBytes,
		"leads are counted by site and state":                    counted,
		"an unknown lead is not found":                           notFound,
		"a store that takes writes is ready":                     ready,
		"a repeat is the lead that it repeats":                   repeats,
		"five hundred with one key are one lead":                 manyWithOneKey,
		"a repeat counts against who is on the way or arrived":   sequences,
		"a better repeat begins the first one's way":             betterRepeat,
		"a correction takes the place of what has not left":      corrections,

		"a person's change is written down whole":           amended,
		"a change that fails changes nothing":               amendmentFails,
		"a lead that a person queues begins anew":           queuedAnew,
		"whoever had claimed a changed lead is too late":    amendmentWins,
		"a lead that is seen in the list is confirmed":      confirmed,
		"a confirmed lead is carried by nobody":             confirmationWins,
		"a late sign sets a lead apart before it is tried":  setApart,
		"a lead on its way is not set apart":                notSetApart,
		"a lead that a person released is not set apart":    notSetApartAgain,
		"a lead that is held is due when that is over":      held,
		"leads that EasyBroker has taken since a time":      taken,
		"drift reports are kept, newest first, the last 50": reports,

		"a settlement makes no illegal move":                     settledIllegally,
		"a person's change makes no illegal move":                amendedIllegally,
		"what a statement moves by itself makes no illegal move": movedByStatements,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Draft returns a valid lead, received at the given time.
func Draft(tb testing.TB, at time.Time) lead.Lead {
	tb.Helper()
	l, err := lead.New(lead.Inquiry{
		Site: site, PropertyID: "EB-XX1234", Name: "María José Ñandú", Email: "mj@ejemplo.mx",
		Phone: "55 1234 5678", Message: "¿Sigue disponible?\n\"Gracias\" 🏡",
		Context: map[string]string{"utm_source": "boletín"},
		Extra:   []lead.Pair{{Name: "¿Crédito?", Value: "Infonavit"}, {Name: "zona", Value: "Roma\nCondesa"}},
	}, "casas.mx", lead.DefaultRules(), at)
	require.NoError(tb, err)
	return l
}

// now is cut to what a database holds.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func keep(t *testing.T, s *store.Store, at time.Time) lead.RemoteID {
	t.Helper()
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: Draft(t, at), Tick: lead.Milliseconds})
	require.NoError(t, err)
	return kept.RemoteID
}

// keepIn keeps a lead as if it had come into the state long ago.
func keepIn(t *testing.T, s *store.Store, state lead.State, at time.Time) lead.RemoteID {
	t.Helper()
	l := Draft(t, at)
	l.State = state
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(t, err)
	return kept.RemoteID
}

func due(at time.Time, n int) lead.Due { return lead.Due{Now: at, N: n, Lease: lease} }

func begin(t *testing.T, s *store.Store, at time.Time, n int) []lead.Claim {
	t.Helper()
	claims, _, err := s.Begin(t.Context(), site, due(at, n))
	require.NoError(t, err)
	return claims
}

func beginOne(t *testing.T, s *store.Store, at time.Time) lead.Claim {
	t.Helper()
	claims := begin(t, s, at, 1)
	require.Len(t, claims, 1)
	return claims[0]
}

func look(t *testing.T, s *store.Store, at time.Time) []lead.Claim {
	t.Helper()
	claims, _, err := s.ClaimLookups(t.Context(), []string{"lofts", site}, due(at, 10))
	require.NoError(t, err)
	return claims
}

func lookOne(t *testing.T, s *store.Store, at time.Time) lead.Claim {
	t.Helper()
	claims := look(t, s, at)
	require.Len(t, claims, 1)
	return claims[0]
}

func foundAgain(t *testing.T, s *store.Store) {
	t.Helper()
	want := Draft(t, now())
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: want, Tick: lead.Milliseconds})
	require.NoError(t, err)
	require.False(t, kept.Again)

	got, attempts, err := s.Find(t.Context(), kept.RemoteID)
	require.NoError(t, err)
	want.RemoteID = kept.RemoteID
	require.Equal(t, want, got)
	require.Empty(t, attempts)
}

func uniqueIDs(t *testing.T, s *store.Store) {
	t.Helper()
	const visitors = 1000
	ids, errs := make([]lead.RemoteID, visitors), make([]error, visitors)
	l := Draft(t, now())
	var wg sync.WaitGroup
	for i := range visitors {
		wg.Go(func() {
			kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
			ids[i], errs[i] = kept.RemoteID, err
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	slices.Sort(ids)
	require.Len(t, slices.Compact(ids), visitors)
	require.GreaterOrEqual(t, int64(ids[0]), lead.Milliseconds.Since(l.ReceivedAt))
}

func clockJumpsBack(t *testing.T, s *store.Store) {
	t.Helper()
	last := keep(t, s, now())
	for _, back := range []time.Duration{time.Second, 24 * time.Hour, 60 * 365 * 24 * time.Hour} {
		next := keep(t, s, now().Add(-back))
		require.Equal(t, last+1, next)
		last = next
	}
	require.Greater(t, keep(t, s, now().Add(time.Hour)), last+1000)
}

func bothTicks(t *testing.T, s *store.Store) {
	t.Helper()
	for _, at := range []time.Time{now(), time.Unix(0, 0).UTC(), now().AddDate(30, 0, 0)} {
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: Draft(t, at), Tick: lead.Seconds})
		require.NoError(t, err)
		require.Positive(t, kept.RemoteID)
		require.Less(t, int64(kept.RemoteID), int64(1)<<31)
		require.Greater(t, int64(keep(t, s, at)), int64(1)<<32)
	}
}

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
	require.Equal(t, at, c.TurnAt)
	require.Empty(t, look(t, s, at.Add(lease-time.Millisecond)))

	c = lookOne(t, s, at.Add(lease))
	require.Equal(t, lead.Doubtful, c.Lead.State)
	require.Equal(t, at, c.FirstAttempt)
	require.Equal(t, at, c.LastAttempt)
	require.Equal(t, 1, c.Perhaps)

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
	lookOne(t, s, at.Add(lease))

	require.ErrorIs(t, s.Settle(t.Context(), slow, lead.Settlement{
		State: lead.Delivered, At: at, Attempt: &lead.Attempt{Number: 1, EndedAt: at, Outcome: lead.OutcomeDelivered},
	}), lead.ErrLost)
	require.ErrorIs(t, s.Release(t.Context(), slow), lead.ErrLost)

	got, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, lead.Doubtful, got.State)
	require.Equal(t, at.Add(2*lease), got.DueAt)
	require.Equal(t, lead.OutcomeUnsure, attempts[0].Outcome)
}

func released(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	beginOne(t, s, at)
	c := lookOne(t, s, at.Add(lease))
	require.NoError(t, s.Release(t.Context(), c))
	got, _, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, at.Add(lease), got.DueAt)
	require.Equal(t, id, lookOne(t, s, at.Add(lease)).Lead.RemoteID)
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
	q.Far = 5 * time.Hour
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

func lookedUp(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	keep(t, s, at)
	for i, outcome := range []lead.Outcome{lead.OutcomeDeferred, lead.OutcomeUnsure, lead.OutcomeRefused, lead.OutcomeUnsure} {
		begun := at.Add(time.Duration(i) * time.Minute)
		settle(t, s, begun, lead.Settlement{State: lead.Queued, DueAt: begun, Attempt: &lead.Attempt{Outcome: outcome}})
	}
	last := at.Add(4 * time.Minute)
	settle(t, s, last, lead.Settlement{State: lead.Delivered, DueAt: last, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered}})

	c := lookOne(t, s, last)
	require.Equal(t, lead.Delivered, c.Lead.State)
	require.Equal(t, 3, c.Perhaps, "what was deferred or refused is not there")
	require.Equal(t, at.Add(time.Minute), c.FirstAttempt)
	require.Equal(t, last, c.LastAttempt)
	require.Zero(t, c.Number)
}

func intent(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	begin := func(begun time.Time, message string) lead.Claim {
		q := due(begun, 1)
		if message != "" {
			q.Sent = func(l *lead.Lead) lead.Fingerprint { return lead.NewFingerprint(l.Email, message) }
		}
		claims, _, err := s.Begin(t.Context(), site, q)
		require.NoError(t, err)
		require.Len(t, claims, 1)
		return claims[0]
	}
	for i, outcome := range []lead.Outcome{lead.OutcomeUnsure, lead.OutcomeRefused} {
		c := begin(at, fmt.Sprint("message ", i))
		require.NoError(t, s.Settle(t.Context(), c, lead.Settlement{
			State: lead.Queued, At: at, DueAt: at, Attempt: &lead.Attempt{Number: c.Number, EndedAt: at, Outcome: outcome},
		}))
	}
	c := begin(at, "") // by a version that wrote nothing down
	require.NoError(t, s.Settle(t.Context(), c, lead.Settlement{
		State: lead.Queued, At: at, DueAt: at, Attempt: &lead.Attempt{Number: c.Number, EndedAt: at, Outcome: lead.OutcomeUnsure},
	}))
	begin(at, "the last")

	fingerprint := func(message string) lead.Fingerprint { return lead.NewFingerprint("mj@ejemplo.mx", message) }
	require.Equal(t, []lead.Fingerprint{fingerprint("message 0"), {}, fingerprint("the last")}, lookOne(t, s, at.Add(lease)).Sent,
		"what was refused is not there, and what was cut may be")
	_, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, attempts, 4)
	require.Equal(t, fingerprint("message 1"), attempts[1].Sent)
	require.True(t, attempts[2].Sent.IsZero())
	require.Equal(t, []bool{true, false, true, true}, []bool{attempts[0].Perhaps(), attempts[1].Perhaps(), attempts[2].Perhaps(), attempts[3].Perhaps()})
}

// settle takes the lead through one attempt.
func settle(t *testing.T, s *store.Store, at time.Time, to lead.Settlement) lead.Claim {
	t.Helper()
	c := beginOne(t, s, at)
	to.Attempt.Number, to.Attempt.EndedAt = c.Number, at.Add(time.Second)
	to.At = to.Attempt.EndedAt
	require.NoError(t, s.Settle(t.Context(), c, to))
	return c
}

// The first attempt that may have been taken is kept too: from its time on
// EasyBroker's list is read.
func manyAttempts(t *testing.T, s *store.Store) {
	t.Helper()
	const attempts, kept, unsure = 120, 102, 3
	at := now()
	id := keep(t, s, at)
	for i := range attempts {
		begun := at.Add(time.Duration(i) * time.Minute)
		outcome := lead.OutcomeDeferred
		if n := i + 1; n == unsure || n == attempts {
			outcome = lead.OutcomeUnsure
		}
		settle(t, s, begun, lead.Settlement{State: lead.Queued, DueAt: begun, Attempt: &lead.Attempt{Outcome: outcome, Status: 429}})
	}
	_, all, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, all, kept)
	require.Equal(t, []int{1, unsure, 21}, []int{all[0].Number, all[1].Number, all[2].Number})
	require.Equal(t, attempts, all[kept-1].Number, "their numbers tell how many are left out")
	require.Equal(t, at.Add((unsure-1)*time.Minute), all[1].BegunAt)

	c := beginOne(t, s, at.Add(attempts*time.Minute))
	require.Equal(t, attempts+1, c.Number)
	require.Equal(t, at.Add((unsure-1)*time.Minute), c.FirstAttempt)
	require.Equal(t, at.Add((attempts-1)*time.Minute), c.LastAttempt)
	require.Equal(t, 2, c.Perhaps)
	require.Len(t, c.Deferred, kept-3)
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
	require.Empty(t, look(t, s, ended))
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

func listed(t *testing.T, s *store.Store) {
	t.Helper()
	const leads = 25
	at := now()
	var want []lead.RemoteID
	for i := range leads {
		want = append(want, keep(t, s, at.Add(time.Duration(i)*time.Second)))
	}
	slices.Reverse(want)

	var got []lead.RemoteID
	f := lead.Filter{Limit: 10}
	for more := true; more; {
		var page []lead.Lead
		var err error
		page, more, err = s.List(t.Context(), f)
		require.NoError(t, err)
		for _, l := range page {
			got = append(got, l.RemoteID)
		}
		f.Below = got[len(got)-1]
	}
	require.Equal(t, want, got)

	some, more, err := s.List(t.Context(), lead.Filter{RemoteIDs: []lead.RemoteID{want[5], want[2], want[9]}, Limit: 2})
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, want[2], some[0].RemoteID)
	require.Equal(t, want[5], some[1].RemoteID)
	for name, test := range map[string]struct {
		filter lead.Filter
		want   int
	}{
		"its site":         {lead.Filter{Site: site}, leads},
		"another site":     {lead.Filter{Site: "lofts"}, 0},
		"its state":        {lead.Filter{State: lead.Queued}, leads},
		"another state":    {lead.Filter{State: lead.Failed}, 0},
		"its property":     {lead.Filter{PropertyID: "EB-XX1234"}, leads},
		"another property": {lead.Filter{PropertyID: "EB-XX123"}, 0},
		"received from":    {lead.Filter{After: at.Add(20 * time.Second)}, 5},
		"received before":  {lead.Filter{Before: at.Add(20 * time.Second)}, 20},
		"part of a name":   {lead.Filter{Text: "josé"}, leads},
		"an e-mail":        {lead.Filter{Text: "MJ@ejemplo"}, leads},
		"a folio":          {lead.Filter{Text: want[3].String()}, 1},
		"nobody's name":    {lead.Filter{Text: "pedro"}, 0},
		"a wild card":      {lead.Filter{Text: "m%j"}, 0},
		"a hostile site":   {lead.Filter{Site: "' OR 1=1 --"}, 0},
		"some by name":     {lead.Filter{RemoteIDs: []lead.RemoteID{want[3], want[1], want[3], 5}}, 2},
		"one and older":    {lead.Filter{RemoteIDs: want[:4], Below: want[1]}, 2},
		"one of no site":   {lead.Filter{RemoteIDs: want[:4], Site: "lofts"}, 0},
		"one with a text":  {lead.Filter{RemoteIDs: want[:4], Text: "josé"}, 4},
	} {
		test.filter.Limit = 100
		page, more, err := s.List(t.Context(), test.filter)
		require.NoError(t, err, name)
		require.False(t, more, name)
		require.Len(t, page, test.want, name)
	}
}

// A page of large leads ends before the limit, and the next one goes on behind
// it, whichever way the leads are named.
func listedByBytes(t *testing.T, s *store.Store) {
	t.Helper()
	const leads, large = 12, 256 << 10
	var all []lead.RemoteID
	for range leads {
		l := Draft(t, now())
		l.Extra = []lead.Pair{{Name: "notas", Value: strings.Repeat("x", large)}}
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		all = append(all, kept.RemoteID)
	}
	slices.Reverse(all)
	for name, f := range map[string]lead.Filter{"all": {}, "by name": {RemoteIDs: all}, "with a text": {Text: "josé"}} {
		f.Limit = leads
		var got []lead.RemoteID
		pages := 0
		for more := true; more; pages++ {
			var page []lead.Lead
			var err error
			page, more, err = s.List(t.Context(), f)
			require.NoError(t, err, name)
			require.NotEmpty(t, page, name)
			require.LessOrEqual(t, len(page), 4, name)
			for _, l := range page {
				got = append(got, l.RemoteID)
			}
			f.Below = got[len(got)-1]
		}
		require.Equal(t, all, got, name)
		require.Equal(t, leads/3, pages, name)
	}
}

func counted(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	keep(t, s, at.Add(-time.Hour))
	keep(t, s, at.Add(-time.Minute))
	keep(t, s, at)
	settle(t, s, at, lead.Settlement{State: lead.Delivered, Reason: lead.ReasonMissing, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered, Status: 200}})
	got, err := s.Counts(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []lead.Count{
		{Site: site, State: lead.Delivered, Leads: 1, Oldest: at.Add(-time.Hour)},
		{Site: site, State: lead.Queued, Leads: 2, Oldest: at.Add(-time.Minute)},
	}, got)
	odd, err := s.Odd(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{lead.ReasonMissing: 1}, odd)
}

func notFound(t *testing.T, s *store.Store) {
	t.Helper()
	_, _, err := s.Find(t.Context(), 1)
	require.ErrorIs(t, err, lead.ErrNotFound)
}

func ready(t *testing.T, s *store.Store) {
	t.Helper()
	require.NoError(t, s.Ready(t.Context()))
	for i := range 3 {
		require.NoError(t, s.Ready(t.Context()), fmt.Sprint(i))
	}
}
