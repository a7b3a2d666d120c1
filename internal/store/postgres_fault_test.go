package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
	"leadrelay/internal/store/storetest"
)

// patience is how long a visitor waits at most.
const patience = 2 * time.Second

// inquiry is one with words of its own.
func inquiry(tb testing.TB, message string) lead.Submission {
	tb.Helper()
	l := storetest.Draft(tb, time.Now())
	l.Message = message
	return lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()}
}

func inTime(t *testing.T, f func() error) error {
	t.Helper()
	begun := time.Now()
	err := f()
	require.Less(t, time.Since(begun), patience)
	return err
}

func keepInTime(t *testing.T, s *store.Store, sub lead.Submission) (kept lead.Kept, err error) {
	t.Helper()
	err = inTime(t, func() (err error) {
		kept, err = s.Keep(t.Context(), sub)
		return err
	})
	return kept, err
}

func requireLeads(t *testing.T, s *store.Store, n int) {
	t.Helper()
	leads, _, err := s.List(t.Context(), lead.Filter{Limit: 10_000})
	require.NoError(t, err)
	require.Len(t, leads, n)
}

// openBroken opens a database through a proxy that can break.
func openBroken(t *testing.T) (*store.Store, *postgrestest.Proxy, string) {
	t.Helper()
	address := newPostgres(t)
	p, broken := postgrestest.NewProxy(t, address)
	return openPostgres(t, broken), p, address
}

func session(t *testing.T, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func databaseOf(address string) string {
	_, path, _ := strings.Cut(address, "@/")
	name, _, _ := strings.Cut(path, "?")
	return name
}

func execute(t *testing.T, address string, statements ...string) {
	t.Helper()
	db := session(t, address)
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// If the connection breaks after the commit was sent, the visitor gets an error and
// sends the inquiry again. It is one lead, whether it was committed or not.
func TestACommitWhoseEndIsUnknown(t *testing.T) {
	for name, test := range map[string]struct {
		fault postgrestest.Fault
		want  bool
	}{"committed": {postgrestest.CutAnswer, true}, "not committed": {postgrestest.Cut, false}, "still going on": {postgrestest.Swallow, false}} {
		t.Run(name, func(t *testing.T) {
			s, p, _ := openBroken(t)
			sub := inquiry(t, "Hola")
			p.BreakOnce("commit", test.fault)
			_, err := keepInTime(t, s, sub)
			require.Error(t, err)
			kept, err := keepInTime(t, s, sub)
			require.NoError(t, err)
			require.Equal(t, test.want, kept.Again)
			requireLeads(t, s, 1)
		})
	}
}

// Before the commit was sent, nothing can have been committed.
func TestAConnectionThatBreaksBeforeTheCommit(t *testing.T) {
	for _, statement := range []string{"BEGIN", "setval", "SELECT digest", "INSERT INTO leads", "INSERT INTO repeats"} {
		for _, fault := range []postgrestest.Fault{postgrestest.Cut, postgrestest.CutAnswer} {
			t.Run(fmt.Sprint(statement, fault), func(t *testing.T) {
				s, p, _ := openBroken(t)
				p.BreakOnce(statement, fault)
				kept, err := keepInTime(t, s, inquiry(t, "Hola"))
				require.NoError(t, err)
				require.False(t, kept.Again)
				requireLeads(t, s, 1)
			})
		}
	}
}

// A lead whose claim was perhaps committed is claimed by nobody else before its
// lease has run out, and then looked up.
func TestAnIntentWhoseEndIsUnknown(t *testing.T) {
	s, p, address := openBroken(t)
	other := openPostgres(t, address)
	_, err := keepInTime(t, s, inquiry(t, "Hola"))
	require.NoError(t, err)
	now := time.Now()
	begin := func(s *store.Store) (claims []lead.Claim, err error) {
		err = inTime(t, func() (err error) {
			claims, _, err = s.Begin(t.Context(), "casas", lead.Due{Now: now, N: 1, Lease: time.Minute})
			return err
		})
		return claims, err
	}
	p.BreakOnce("commit", postgrestest.Cut)
	_, err = begin(s)
	require.Error(t, err, "nothing was committed")
	p.BreakOnce("commit", postgrestest.CutAnswer)
	_, err = begin(s)
	require.Error(t, err, "the claim was committed")
	for _, s := range []*store.Store{s, other} {
		claims, err := begin(s)
		require.NoError(t, err)
		require.Empty(t, claims)
	}
	claims, _, err := s.ClaimLookups(t.Context(), []string{"casas"}, lead.Due{Now: now.Add(2 * time.Minute), N: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, lead.Doubtful, claims[0].Lead.State)
	require.Equal(t, 1, claims[0].MaybeTaken)
}

// siege sends inquiries from many visitors, who send them again until they are
// acknowledged, for as long as something goes wrong.
func siege(t *testing.T, s *store.Store, wrong func(kept *atomic.Int64)) {
	t.Helper()
	const visitors = 8
	var count atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	ids := make([][]lead.RemoteID, visitors)
	for i := range visitors {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				sub := inquiry(t, fmt.Sprint(i, " ", n))
				kept, err := s.Keep(t.Context(), sub)
				for ; err != nil; kept, err = s.Keep(t.Context(), sub) {
					time.Sleep(10 * time.Millisecond)
				}
				ids[i] = append(ids[i], kept.RemoteID)
				count.Add(1)
			}
		})
	}
	wrong(&count)
	stop()
	all.Wait()
	acknowledged := slices.Concat(ids...)
	slices.Sort(acknowledged)
	leads := listAll(t, s)
	require.Greater(t, len(leads), visitors)
	require.Equal(t, acknowledged, leads)
}

func listAll(t *testing.T, s *store.Store) (ids []lead.RemoteID) {
	t.Helper()
	for f := (lead.Filter{Limit: 500}); ; {
		leads, more, err := s.List(t.Context(), f)
		require.NoError(t, err)
		for _, l := range leads {
			ids = append(ids, l.RemoteID)
		}
		if !more {
			slices.Sort(ids)
			return ids
		}
		f.Below = leads[len(leads)-1].RemoteID
	}
}

func TestConnectionsThatAreTerminated(t *testing.T) {
	t.Parallel()
	address := newPostgres(t)
	s, db := openPostgres(t, address), session(t, address)
	terminate := func() {
		_, err := db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		assert.NoError(t, err)
	}
	siege(t, s, func(*atomic.Int64) {
		for begun := time.Now(); time.Since(begun) < 3*time.Second; time.Sleep(20 * time.Millisecond) {
			terminate()
		}
	})
	requireWorking(t, s, "1")
	terminate()
	requireWorking(t, s, "2")
}

// A transaction that the database gave up for another's sake is run again.
func TestASerializationFailure(t *testing.T) {
	for _, code := range []string{"40001", "40P01"} {
		t.Run(code, func(t *testing.T) {
			address := newPostgres(t)
			s := openPostgres(t, address)
			execute(t, address, `ALTER DATABASE `+databaseOf(address)+` SET default_transaction_isolation = 'serializable'`,
				`CREATE SEQUENCE tries`, `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF nextval('tries') < 4 THEN RAISE 'no' USING ERRCODE = '`+code+`'; END IF; RETURN NULL; END $$`,
				`CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON leads DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()`)
			_, err := keepInTime(t, s, inquiry(t, "Hola"))
			require.NoError(t, err)
			requireLeads(t, s, 1)
		})
	}
}

// A real deadlock, with a session that locks two leads the other way round.
func TestADeadlock(t *testing.T) {
	address := newPostgres(t)
	s, db := openPostgres(t, address), session(t, address)
	execute(t, address, `ALTER DATABASE `+databaseOf(address)+` SET deadlock_timeout = '100ms'`)
	for _, message := range []string{"1", "2"} {
		_, err := keepInTime(t, s, inquiry(t, message))
		require.NoError(t, err)
	}
	ids := listAll(t, s)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	lock := func(id lead.RemoteID) error {
		_, err := tx.Exec(`SELECT FROM leads WHERE remote_id = $1 FOR UPDATE`, int64(id))
		return err
	}
	require.NoError(t, lock(ids[1]))
	var all sync.WaitGroup
	all.Go(func() {
		kept, err := store.KeepTogether(t, s, inquiry(t, "1"), inquiry(t, "2"))
		assert.NoError(t, err)
		assert.Equal(t, ids, kept)
	})
	require.Eventually(t, func() bool {
		var waits int
		require.NoError(t, db.QueryRow(`SELECT count(*) FROM pg_locks WHERE NOT granted`).Scan(&waits))
		return waits == 1
	}, patience, time.Millisecond)
	if err := lock(ids[0]); err == nil { // one of the two is the victim
		require.NoError(t, tx.Commit())
	} else {
		require.NoError(t, tx.Rollback())
	}
	all.Wait()
	requireLeads(t, s, 2)
}

// Whoever waits for a lock, or for a statement, gives up in time and keeps nothing.
func TestALockThatNobodyGivesUp(t *testing.T) {
	t.Parallel()
	address := newPostgres(t)
	s, db := openPostgres(t, address), session(t, address)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.Exec(`LOCK TABLE leads IN EXCLUSIVE MODE`)
	require.NoError(t, err)
	_, err = keepInTime(t, s, inquiry(t, "Hola"))
	require.ErrorContains(t, err, "55P03")
	require.NoError(t, tx.Rollback())
	requireLeads(t, s, 0)

	execute(t, address, `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(10); RETURN NULL; END $$`,
		`CREATE TRIGGER wait AFTER INSERT ON leads FOR EACH STATEMENT EXECUTE FUNCTION wait()`)
	_, err = keepInTime(t, s, inquiry(t, "Hola"))
	require.Error(t, err)
	execute(t, address, `DROP TRIGGER wait ON leads`)
	requireLeads(t, s, 0)
	kept, err := keepInTime(t, s, inquiry(t, "Hola"))
	require.NoError(t, err)
	require.False(t, kept.Again)
}

// Somebody who has locked one lead, such as a person with psql, delays the others of its
// batch and fails none of them.
func TestALeadThatSomebodyHasLocked(t *testing.T) {
	const leads = 3
	address := newPostgres(t)
	s, db := openPostgres(t, address), session(t, address)
	for n := range leads {
		_, err := keepInTime(t, s, inquiry(t, strconv.Itoa(n)))
		require.NoError(t, err)
	}
	now := time.Now()
	claims, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: now, N: leads, Lease: time.Minute})
	require.NoError(t, err)
	require.Len(t, claims, leads)
	settle := func(c lead.Claim) error {
		attempt := &lead.Attempt{Number: c.Number, EndedAt: now, Outcome: lead.OutcomeDelivered, Status: 200}
		return s.Settle(t.Context(), c, lead.Settlement{State: lead.Delivered, At: now, DueAt: now, Tries: 1, Attempt: attempt})
	}

	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT FROM leads WHERE remote_id = $1 FOR UPDATE`, int64(claims[1].Lead.RemoteID))
	require.NoError(t, err)
	release := store.Occupy(s)
	failed := make([]error, leads)
	var all sync.WaitGroup
	for n, c := range claims {
		all.Go(func() { failed[n] = settle(c) })
	}
	require.Eventually(t, func() bool { return store.Waiting(s) == leads }, patience, time.Millisecond)
	release()
	all.Wait()
	require.NoError(t, failed[0])
	require.ErrorContains(t, failed[1], "55P03")
	require.NoError(t, failed[2])
	require.NoError(t, tx.Rollback())
	require.NoError(t, settle(claims[1]), "and nothing of it is lost")
}

// A process that stands still while it keeps leads stops the others for a moment
// only, and they fail no visitor.
func TestAProcessThatStandsStill(t *testing.T) {
	s, p, address := openBroken(t)
	other := openPostgres(t, address)
	stood := make(chan struct{})
	p.Break(func(statement string) postgrestest.Fault {
		if !strings.Contains(statement, "INSERT INTO leads") {
			return postgrestest.None
		}
		close(stood)
		return postgrestest.Swallow
	})
	var all sync.WaitGroup
	all.Go(func() {
		_, err := s.Keep(t.Context(), inquiry(t, "Hola"))
		assert.Error(t, err)
	})
	<-stood
	kept, err := keepInTime(t, other, inquiry(t, "Hola"))
	require.NoError(t, err)
	require.False(t, kept.Again)
	all.Wait()
	requireLeads(t, other, 1)
}
