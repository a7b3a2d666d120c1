package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// pair is a primary and its standby, which reads the log through a link that can break.
type pair struct {
	primary, standby *postgrestest.Cluster
	link             *postgrestest.Proxy
}

func startPair(t *testing.T, synchronous bool) pair {
	t.Helper()
	primary := postgrestest.NewCluster(t)
	link, address := postgrestest.NewProxy(t, primary.Address())
	return pair{primary, primary.Standby(address, synchronous), link}
}

// address names both servers.
func (p pair) address() string {
	return postgrestest.Addresses(p.primary.Address(), p.standby.Address())
}

// failOver lets the standby take over from a primary that is killed.
func (p pair) failOver() {
	p.primary.Kill()
	p.standby.Promote()
}

// cancelWaits cancels each wait for the standby, as an administrator or a pooler may.
func (p pair) cancelWaits(ctx context.Context) {
	for ctx.Err() == nil {
		p.primary.Execute(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
		time.Sleep(5 * time.Millisecond)
	}
}

// beginOne begins an attempt of a lead.
func beginOne(t *testing.T, s *store.Store) (claims []lead.Claim, err error) {
	t.Helper()
	err = inTime(t, func() (err error) {
		claims, _, err = s.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute})
		return err
	})
	return claims, err
}

// While the standby stands still, nothing is acknowledged, no attempt begins, and nobody
// gets a lease. A repeat of what was not acknowledged is one lead.
func TestAStandbyThatStandsStill(t *testing.T) {
	t.Parallel()
	p := startPair(t, true)
	s := openPostgres(t, p.address())
	_, err := keepInTime(t, s, inquiry(t, "1"))
	require.NoError(t, err)
	claims, err := beginOne(t, s)
	require.NoError(t, err)

	thaw := p.standby.Freeze()
	settle := func() error {
		return s.Settle(t.Context(), claims[0], lead.Settlement{State: lead.Queued, At: time.Now(), DueAt: time.Now(), Attempt: &lead.Attempt{Number: 1, EndedAt: time.Now(), Outcome: lead.OutcomeDeferred}})
	}
	var all sync.WaitGroup
	for what, write := range map[string]func() error{
		"keep":   func() error { _, err := s.Keep(t.Context(), inquiry(t, "2")); return err },
		"settle": settle,
		"lease":  func() error { _, err := acquire(t, s, askFor("a", time.Minute)); return err },
	} {
		all.Go(func() { assert.Error(t, inTime(t, write), what) })
	}
	all.Wait()
	require.Eventually(t, func() bool { return s.Ready(t.Context()) != nil }, 2*patience, 10*time.Millisecond)
	thaw()

	kept, err := keepInTime(t, s, inquiry(t, "2"))
	require.NoError(t, err)
	require.True(t, kept.Again, "it is there, though nobody was told")
	require.NoError(t, settle())
	requireLeads(t, s, 2)
	require.Eventually(t, func() bool { return p.standby.Query(`SELECT count(*) FROM leads`) == "2" }, patience, 10*time.Millisecond)
}

// A wait for the standby that somebody cancels ends with a commit and a warning. The
// commit is lost if the standby takes over, so it does not count.
func TestACommitThatDidNotWaitForTheStandby(t *testing.T) {
	for name, pooled := range map[string]bool{"directly": false, "behind a pooler": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPair(t, true)
			address := p.primary.Address()
			if pooled {
				address = postgrestest.Pooled(t, address)
			}
			p.primary.Execute(`ALTER ROLE leadrelay SET client_min_messages = error`) // hides warnings, if nobody asks for them
			s := openPostgres(t, address)
			for _, message := range []string{"1", "2"} {
				_, err := keepInTime(t, s, inquiry(t, message))
				require.NoError(t, err)
			}
			claims, err := beginOne(t, s)
			require.NoError(t, err)
			p.link.Stop()
			ctx, stop := context.WithCancel(t.Context())
			var cancelling sync.WaitGroup
			cancelling.Go(func() { p.cancelWaits(ctx) })
			lost := inquiry(t, "3")
			for what, write := range []func() error{
				func() error { _, err := s.Keep(t.Context(), lost); return err },
				func() error { _, err := beginOne(t, s); return err },
				func() error {
					return s.Settle(t.Context(), claims[0], lead.Settlement{State: lead.Delivered, At: time.Now(), Attempt: &lead.Attempt{Number: 1, EndedAt: time.Now(), Outcome: lead.OutcomeDelivered}})
				},
				func() error { _, err := acquire(t, s, askFor("a", time.Minute)); return err },
				func() error { _, err := renew(t, s, askFor("a", time.Minute)); return err },
			} {
				require.ErrorContains(t, inTime(t, write), "canceling wait for synchronous replication", what)
			}
			stop()
			cancelling.Wait()
			requireLeads(t, s, 3) // they are there, and would be lost
			p.failOver()

			s = openPostgres(t, p.standby.Address())
			requireLeads(t, s, 2)
			kept, err := keepInTime(t, s, lost)
			require.NoError(t, err)
			require.False(t, kept.Again)
			requireLeads(t, s, 3)
		})
	}
}

// A standby that has missed the last commits goes on above all ids that were given.
func TestIDsAfterAFailOverThatLostCommits(t *testing.T) {
	t.Parallel()
	const lost = 300
	p := startPair(t, false)
	s := openPostgres(t, p.address())
	keepSome := func(what string, n int) (ids []lead.RemoteID) {
		subs := make([]lead.Submission, n)
		for i := range subs {
			subs[i] = inquiry(t, fmt.Sprint(what, i))
		}
		ids, err := store.KeepTogether(t, s, subs...)
		require.NoError(t, err)
		return ids
	}
	given := keepSome("kept ", 10)
	require.Eventually(t, func() bool { return p.standby.Query(`SELECT count(*) FROM leads`) == "10" }, patience, 10*time.Millisecond)
	p.link.Stop()
	given = append(given, keepSome("lost ", lost)...)
	time.Sleep(lost * time.Millisecond) // by so much ids are ahead of the clock, and no real fail-over is sooner over
	p.failOver()
	require.Eventually(t, func() bool { return s.Ready(t.Context()) == nil }, 5*time.Second, 10*time.Millisecond)
	requireLeads(t, s, 10)
	require.Greater(t, slices.Min(keepSome("new ", lost)), slices.Max(given))
}

// A dump is a backup: what comes out of it is what went in, and ids go on above all that
// were given after it was taken.
func TestADump(t *testing.T) {
	t.Parallel()
	address, restored := postgrestest.Database(t), postgrestest.Database(t)
	s := openPostgres(t, address)
	fill(t, s, 20)
	before := whole(t, s)
	postgrestest.Dump(t, address, restored)
	sub := inquiry(t, "later")
	later, err := keepInTime(t, s, sub)
	require.NoError(t, err)

	s = openPostgres(t, restored)
	require.Equal(t, before, whole(t, s))
	again, err := keepInTime(t, s, sub)
	require.NoError(t, err)
	require.False(t, again.Again)
	require.Greater(t, again.RemoteID, later.RemoteID)
}

// Some managed servers become standbys and cut no connection. When one of them refuses a
// write, no connection from before is used any more: what is read there may be old.
func TestAServerThatIsNoPrimaryAnyMore(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s, db := openPostgres(t, address), session(t, address)
	requireWorking(t, s, "1")
	connections := func() (pids []string) {
		rows, err := db.Query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'leadrelay' AND datname = current_database()`)
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		for rows.Next() {
			var pid string
			require.NoError(t, rows.Scan(&pid))
			pids = append(pids, pid)
		}
		require.NoError(t, rows.Err())
		return pids
	}
	before := connections()
	require.Greater(t, len(before), 3)
	execute(t, address, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a standby' USING ERRCODE = '25006'; END $$`,
		`CREATE TRIGGER refuse BEFORE INSERT ON leads FOR EACH STATEMENT EXECUTE FUNCTION refuse()`)
	_, err := keepInTime(t, s, inquiry(t, "2"))
	require.Error(t, err)
	execute(t, address, `DROP TRIGGER refuse ON leads`)
	requireWorking(t, s, "2")
	requireWorking(t, s, "3") // all connections were asked for by now
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(connections(), func(pid string) bool { return slices.Contains(before, pid) })
	}, patience, 10*time.Millisecond)
}
