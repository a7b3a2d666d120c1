package store_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// askFor is what a process asks for in these tests.
func askFor(holder string, length time.Duration) lead.LeaseRequest {
	return lead.LeaseRequest{Credential: "c1", Holder: holder, Length: length}
}

func TestOneProcessHoldsALease(t *testing.T) {
	s := openPostgres(t, postgrestest.Database(t))
	a, b := askFor("a", time.Minute), askFor("b", time.Minute)
	got, err := s.AcquireLease(t.Context(), a)
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	require.Empty(t, got.State)
	require.WithinDuration(t, time.Now(), got.Now, time.Minute)

	a.State = "left by a"
	got, err = s.RenewLease(t.Context(), a)
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	got, err = s.AcquireLease(t.Context(), b)
	require.NoError(t, err)
	require.False(t, got.IsHeld)
	require.Equal(t, "left by a", got.State, "who waits knows how the credential stands")
	require.False(t, got.Now.IsZero())
	got, err = s.RenewLease(t.Context(), b)
	require.NoError(t, err)
	require.False(t, got.IsHeld)
	b.Length, b.State = 0, "nonsense"
	got, err = s.RenewLease(t.Context(), b)
	require.NoError(t, err)
	require.False(t, got.IsHeld, "who does not hold it gives nothing up")
	b.Length = time.Minute
	got, err = s.AcquireLease(t.Context(), a)
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	require.Equal(t, "left by a", got.State)

	a.Length, a.State = 0, "released by a"
	_, err = s.RenewLease(t.Context(), a)
	require.NoError(t, err)
	got, err = s.AcquireLease(t.Context(), b)
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	require.Equal(t, "released by a", got.State)
	got, err = s.RenewLease(t.Context(), a)
	require.NoError(t, err)
	require.False(t, got.IsHeld, "who has released it cannot renew it")
}

func TestCallsAreLent(t *testing.T) {
	s := openPostgres(t, postgrestest.Database(t))
	_, err := s.WantCalls(t.Context(), "c1", 1)
	require.Error(t, err, "nobody has ever carried it")
	a := askFor("a", time.Minute)
	_, err = s.AcquireLease(t.Context(), a)
	require.NoError(t, err)
	for _, want := range []int64{3, 6} {
		count, err := s.WantCalls(t.Context(), "c1", 3)
		require.NoError(t, err)
		require.Equal(t, want, count)
	}
	a.Lent = 2
	got, err := s.RenewLease(t.Context(), a)
	require.NoError(t, err)
	require.EqualValues(t, 6, got.Wanted)
	got, err = s.AcquireLease(t.Context(), askFor("b", time.Minute))
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Lent)
}

func TestALeaseRunsOut(t *testing.T) {
	const length = 300 * time.Millisecond
	s := openPostgres(t, postgrestest.Database(t))
	_, err := s.AcquireLease(t.Context(), askFor("a", length))
	require.NoError(t, err)
	asked := time.Now()
	_, err = s.RenewLease(t.Context(), askFor("a", length))
	require.NoError(t, err)
	for got := (lead.Lease{}); !got.IsHeld; {
		got, err = s.AcquireLease(t.Context(), askFor("b", length))
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, time.Since(asked), length, "it lasts no shorter than its holder believes")
}

func TestOfManyThatAskOneGetsTheLease(t *testing.T) {
	s := openPostgres(t, postgrestest.Database(t))
	var all sync.WaitGroup
	var held atomic.Int32
	for _, holder := range []string{"a", "b", "c", "d", "e", "f"} {
		all.Go(func() {
			got, err := s.AcquireLease(t.Context(), askFor(holder, time.Minute))
			if err != nil {
				t.Error(err)
			}
			if got.IsHeld {
				held.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, held.Load())
}

func find(t *testing.T, s *store.Store, id lead.RemoteID) lead.Lead {
	t.Helper()
	l, _, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	return l
}

// What the last holder left open at the credential's sites is taken over, and what
// it settles after that changes nothing.
func TestTakingOverALease(t *testing.T) {
	s := openPostgres(t, postgrestest.Database(t))
	at := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Second)
	cut, looked := keep(t, s, at), keep(t, s, at)
	due := lead.Due{Now: at, N: 2, Lease: time.Minute}
	claims, _, err := s.Begin(t.Context(), "casas", due)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	require.NoError(t, s.Settle(t.Context(), claims[1], lead.Settlement{
		State: lead.Doubtful, At: at, DueAt: at, Attempt: &lead.Attempt{Number: 1, EndedAt: at, Outcome: lead.OutcomeUnsure},
	}))
	lookups, _, err := s.ClaimLookups(t.Context(), []string{"casas"}, due)
	require.NoError(t, err)
	require.Len(t, lookups, 1)

	now := at.Add(time.Second)
	require.NoError(t, s.TakeOver(t.Context(), []string{"otro"}, now))
	require.Equal(t, lead.Sending, find(t, s, cut).State, "other sites may be another credential's")
	require.NoError(t, s.TakeOver(t.Context(), []string{"casas"}, now))
	l, attempts, err := s.Find(t.Context(), cut)
	require.NoError(t, err)
	require.Equal(t, lead.Doubtful, l.State)
	require.Equal(t, now, l.DueAt)
	require.Equal(t, lead.OutcomeUnsure, attempts[0].Outcome)
	require.Equal(t, now, attempts[0].EndedAt, "its bytes may have left until now")
	require.Equal(t, at, find(t, s, looked).DueAt)
	for _, c := range []lead.Claim{claims[0], lookups[0]} {
		err = s.Settle(t.Context(), c, lead.Settlement{State: lead.Queued, At: now, DueAt: now})
		require.ErrorIs(t, err, lead.ErrLost)
	}
	lookups, _, err = s.ClaimLookups(t.Context(), []string{"casas"}, lead.Due{Now: now, N: 3, Lease: time.Minute})
	require.NoError(t, err)
	require.Len(t, lookups, 2)
}

func TestSQLiteIsNotShared(t *testing.T) {
	require.False(t, openTemp(t).IsShared())
	require.True(t, openPostgres(t, postgrestest.Database(t)).IsShared())
}
