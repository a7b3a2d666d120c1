package store_test

import (
	"database/sql"
	"errors"
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

// acquire and renew are for one lease.
func acquire(t *testing.T, s *store.Store, r lead.LeaseRequest) (lead.Lease, error) {
	t.Helper()
	return only(s.AcquireLeases(t.Context(), []lead.LeaseRequest{r}))
}

func renew(t *testing.T, s *store.Store, r lead.LeaseRequest) (lead.Lease, error) {
	t.Helper()
	return only(s.RenewLeases(t.Context(), []lead.LeaseRequest{r}))
}

func only(all []lead.Lease, err error) (l lead.Lease, _ error) {
	if err != nil {
		return l, err
	}
	return all[0], nil
}

func TestOneProcessHoldsALease(t *testing.T) {
	s := openPostgres(t, newPostgres(t))
	a, b := askFor("a", time.Minute), askFor("b", time.Minute)
	got, err := acquire(t, s, a)
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	require.Empty(t, got.State)
	require.WithinDuration(t, time.Now(), got.Now, time.Minute)

	a.State = "left by a"
	got, err = renew(t, s, a)
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	got, err = acquire(t, s, b)
	require.NoError(t, err)
	require.False(t, got.IsHeld)
	require.Equal(t, "left by a", got.State, "who waits knows how the credential stands")
	require.False(t, got.Now.IsZero())
	got, err = renew(t, s, b)
	require.NoError(t, err)
	require.False(t, got.IsHeld)
	b.Length, b.State = 0, "nonsense"
	got, err = renew(t, s, b)
	require.NoError(t, err)
	require.False(t, got.IsHeld, "who does not hold it gives nothing up")
	b.Length = time.Minute
	got, err = acquire(t, s, a)
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	require.Equal(t, "left by a", got.State)

	a.Length, a.State = 0, "released by a"
	_, err = renew(t, s, a)
	require.NoError(t, err)
	got, err = acquire(t, s, b)
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	require.Equal(t, "released by a", got.State)
	got, err = renew(t, s, a)
	require.NoError(t, err)
	require.False(t, got.IsHeld, "who has released it cannot renew it")
}

func TestCallsAreLent(t *testing.T) {
	s := openPostgres(t, newPostgres(t))
	_, err := s.WantCalls(t.Context(), "c1", 1)
	require.Error(t, err, "nobody has ever carried it")
	a := askFor("a", time.Minute)
	_, err = acquire(t, s, a)
	require.NoError(t, err)
	for _, want := range []int64{3, 6} {
		count, err := s.WantCalls(t.Context(), "c1", 3)
		require.NoError(t, err)
		require.Equal(t, want, count)
	}
	a.Lent = 2
	got, err := renew(t, s, a)
	require.NoError(t, err)
	require.EqualValues(t, 6, got.Wanted)
	got, err = acquire(t, s, askFor("b", time.Minute))
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Lent)
}

func TestALeaseRunsOut(t *testing.T) {
	const length = 300 * time.Millisecond
	s := openPostgres(t, newPostgres(t))
	_, err := acquire(t, s, askFor("a", length))
	require.NoError(t, err)
	asked := time.Now()
	_, err = renew(t, s, askFor("a", length))
	require.NoError(t, err)
	for got := (lead.Lease{}); !got.IsHeld; {
		got, err = acquire(t, s, askFor("b", length))
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, time.Since(asked), length, "it lasts no shorter than its holder believes")
}

func TestOfManyThatAskOneGetsTheLease(t *testing.T) {
	s := openPostgres(t, newPostgres(t))
	var all sync.WaitGroup
	var held atomic.Int32
	for _, holder := range []string{"a", "b", "c", "d", "e", "f"} {
		all.Go(func() {
			got, err := acquire(t, s, askFor(holder, time.Minute))
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

// leaseOf returns what of a lease is for its holder, without the time.
func leaseOf(all []lead.Lease) []lead.Lease {
	for i := range all {
		all[i].Now = time.Time{}
	}
	return all
}

// Many leases are asked for at once. One that somebody has locked is passed over, and the
// answers stand where the requests do.
func TestManyLeasesAtOnce(t *testing.T) {
	address := newPostgres(t)
	s := openPostgres(t, address)
	ask := func(holder string, credentials ...string) (all []lead.LeaseRequest) {
		for _, c := range credentials {
			all = append(all, lead.LeaseRequest{Credential: c, Holder: holder, Length: time.Minute, State: "'" + c + "' of " + holder, Lent: 1})
		}
		return all
	}
	got, err := s.AcquireLeases(t.Context(), ask("a", "c3", "c1", "c4"))
	require.NoError(t, err)
	held := lead.Lease{IsHeld: true}
	require.Equal(t, []lead.Lease{held, held, held}, leaseOf(got))
	got, err = s.RenewLeases(t.Context(), ask("a", "c1", "c3", "none"))
	require.NoError(t, err)
	require.Equal(t, []lead.Lease{{IsHeld: true, State: "'c1' of a", Lent: 1}, {IsHeld: true, State: "'c3' of a", Lent: 1}, {}}, leaseOf(got))
	got, err = s.AcquireLeases(t.Context(), ask("b", "c5", "c1", "c2"))
	require.NoError(t, err)
	require.Equal(t, []lead.Lease{held, {State: "'c1' of a", Lent: 1}, held}, leaseOf(got))

	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec(`UPDATE leases SET until = 0 WHERE credential = 'c2'`)
	require.NoError(t, err)
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT * FROM leases WHERE credential IN ('c1', 'c2', 'c5') FOR UPDATE`)
	require.NoError(t, err)
	began := time.Now()
	got, err = s.RenewLeases(t.Context(), ask("a", "c1", "c2", "c3"))
	require.NoError(t, err)
	require.Equal(t, []lead.Lease{{IsLocked: true, State: "'c1' of a", Lent: 1}, {}, {IsHeld: true, State: "'c3' of a", Lent: 1}}, leaseOf(got))
	got, err = s.AcquireLeases(t.Context(), ask("c", "c2", "c6"))
	require.NoError(t, err)
	require.False(t, got[0].IsHeld)
	require.True(t, got[1].IsHeld)
	require.Less(t, time.Since(began), time.Second, "nobody waits for a lock")
	require.NoError(t, tx.Rollback())
	got, err = s.AcquireLeases(t.Context(), ask("c", "c2", "c1"))
	require.NoError(t, err)
	require.True(t, got[0].IsHeld)
	require.False(t, got[1].IsHeld)
}

// The release before asks for each lease with a statement of its own. Beside it a lease has
// one holder all the same, whichever asks first.
func TestLeasesBesideAnOlderRelease(t *testing.T) {
	const now = `floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint`
	address := postgrestest.Database(t)
	s := openPostgres(t, address)
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	isHeld := func(statement string, args ...any) bool {
		got := false
		err := db.QueryRow(statement, args...).Scan(&got)
		if !errors.Is(err, sql.ErrNoRows) {
			require.NoError(t, err)
		}
		return got
	}
	older := func(credential string, length time.Duration) bool {
		return isHeld(`INSERT INTO leases AS held (credential, holder, until, state) VALUES ($1, 'older', `+now+` + $2, '')
			ON CONFLICT (credential) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE held.holder = excluded.holder OR held.until <= `+now+` RETURNING TRUE`, credential, length.Milliseconds())
	}
	olderRenews := func(credential, state string, length time.Duration) bool {
		return isHeld(`UPDATE leases SET until = `+now+` + $2, state = $3, lent = 0 WHERE credential = $1 AND holder = 'older' RETURNING TRUE`,
			credential, length.Milliseconds(), state)
	}
	require.True(t, older("c1", time.Minute))
	require.True(t, olderRenews("c1", "left by the older", time.Minute))
	got, err := acquire(t, s, askFor("newer", time.Minute))
	require.NoError(t, err)
	require.False(t, got.IsHeld)
	require.Equal(t, "left by the older", got.State)
	require.True(t, olderRenews("c1", "left by the older", 0))
	got, err = acquire(t, s, askFor("newer", time.Minute))
	require.NoError(t, err)
	require.True(t, got.IsHeld)
	require.False(t, olderRenews("c1", "", time.Minute))
	require.False(t, older("c1", time.Minute))
	_, err = renew(t, s, askFor("newer", 0))
	require.NoError(t, err)
	require.True(t, older("c1", time.Minute))
	got, err = renew(t, s, askFor("newer", time.Minute))
	require.NoError(t, err)
	require.False(t, got.IsHeld)
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
	s := openPostgres(t, newPostgres(t))
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
	require.True(t, openPostgres(t, newPostgres(t)).IsShared())
}
