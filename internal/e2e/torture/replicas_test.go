package torture_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// Relays that share a database are on a server, and no server is in a bubble. So here
// they share the store of a file, whose statements are the same but for the dialect.
// Each has its own way to it, which can be cut off. The leases are rows of the file.

// leases are the shared store's, as one life sees them.
type leases struct{ life *life }

// AcquireLeases implements [courier.Leases].
func (s leases) AcquireLeases(ctx context.Context, all []lead.LeaseRequest) (got []lead.Lease, err error) {
	err = s.ask(ctx, func() (err error) { got, err = s.life.store.AcquireLeases(ctx, all); return err })
	return got, err
}

// RenewLeases implements [courier.Leases].
func (s leases) RenewLeases(ctx context.Context, all []lead.LeaseRequest) (got []lead.Lease, err error) {
	err = s.ask(ctx, func() (err error) { got, err = s.life.store.RenewLeases(ctx, all); return err })
	return got, err
}

// SitesDue implements [courier.Leases].
func (s leases) SitesDue(ctx context.Context, sites []string, since, now time.Time) (due []string, err error) {
	err = s.ask(ctx, func() (err error) { due, err = s.life.store.SitesDue(ctx, sites, since, now); return err })
	return due, err
}

// WantCalls implements [courier.Leases].
func (s leases) WantCalls(ctx context.Context, credential string, calls int64) (count int64, err error) {
	err = s.ask(ctx, func() (err error) { count, err = s.life.store.WantCalls(ctx, credential, calls); return err })
	return count, err
}

// TakeOver implements [courier.Leases].
func (s leases) TakeOver(ctx context.Context, sites []string, now time.Time) error {
	return s.ask(ctx, func() error { return s.life.store.TakeOver(ctx, sites, now) })
}

// ask makes a statement. A database that is out of reach does not answer.
func (s leases) ask(ctx context.Context, do func() error) error {
	if err := s.life.alive(); err != nil {
		return err
	}
	if s.life.host.isCutOff() || s.life.bed.diskIsFull() {
		<-ctx.Done()
		return cmp.Or(s.life.alive(), ctx.Err())
	}
	err := do()
	return cmp.Or(s.life.alive(), err)
}

// newReplicas starts relays whose clocks are so far ahead, on one database.
func newReplicas(t *testing.T, c cell, faults fakebroker.Faults, clocks ...time.Duration) *bed {
	t.Helper()
	b := makeBed(t, c, courier.Options{}, faults)
	makeShared(t, b.database)
	var err error
	b.shared, err = store.Open(t.Context(), b.database)
	require.NoError(t, err)
	b.startHosts(clocks...)
	return b
}

// makeShared makes a database in a file, with the server's table of leases.
func makeShared(t *testing.T, path string) {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	text, err := os.ReadFile(filepath.FromSlash("../../store/migrations/postgres/0002_leases.sql"))
	require.NoError(t, err)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), strings.Replace(string(text), " WITH (fillfactor = 10)", "", 1))
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// clocksOf are those of two or three hosts, an hour apart.
func clocksOf(n int) []time.Duration { return []time.Duration{-time.Hour, time.Hour, 0}[:n] }

// replicaFaults are what befalls one of several relays. What EasyBroker answers is in the
// matrix of one.
func replicaFaults() []fault {
	const same = "as at the instant before"
	everywhere := []instant{beforeIntent, intended, sending, leaving, left, kept, answered, settling}
	all := []fault{
		{name: "stopped", at: everywhere, not: same, befall: func(l *life, _ int) { l.leave() }},
		{name: "cut off for 5 s", at: everywhere, not: same, befall: func(l *life, _ int) { l.host.cutOff(5 * time.Second) }},
		{name: "cut off for 1 m", at: everywhere, not: same, befall: func(l *life, _ int) { l.host.cutOff(time.Minute) }},
	}
	for _, f := range faults() {
		if f.befall != nil && f.name != "refused" {
			all = append(all, f)
		}
		if f.name == "hang" || f.name == "reset" {
			all = append(all, f)
		}
	}
	return all
}

// Two or three relays share a database, and whatever befalls the one that carries,
// whenever: each lead that was kept is in EasyBroker's book once, and the calls of all
// keep the pace.
func TestFaultMatrixOfReplicas(t *testing.T) {
	var all table
	t.Run("cells", func(t *testing.T) {
		n := 0
		for _, f := range replicaFaults() {
			for _, i := range instants() {
				if !f.canStrike(i) {
					continue
				}
				n++
				for replicas := 2; replicas <= 3; replicas++ {
					if isReplicaCellLeftOut(n, replicas) {
						continue
					}
					row := all.row(fmt.Sprintf("%s, %d replicas", f.name, replicas), i.String())
					t.Run(fmt.Sprintf("%s/%s/%d", f.name, i, replicas), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) { row.score = strike(t, f, i, replicas) })
					})
				}
			}
			all.row(f.name, "elsewhere").note = f.not
		}
	})
	all.print(t)
}

// isReplicaCellLeftOut leaves out most cells but in the long form, and all but one with
// the race detector.
func isReplicaCellLeftOut(n, replicas int) bool {
	const step, one = 9, 4 * 9
	return !inFull() && (n%step != 0 || replicas != 2+n/step%2 || testing.Short() && n != one)
}

func strike(t *testing.T, f fault, i instant, replicas int) score {
	t.Helper()
	lag := cmp.Or(f.lag, justBeforeSettling)
	if i == leaving || i == left {
		// A process that stands still between the question whether it still has the lease
		// and the write sends when it wakes, if EasyBroker has the connection by then; so may
		// its next call, which is just there, too. Others find that in the list, unless that
		// lags behind for nearly as long as it may (decision 21).
		lag = time.Minute
	}
	b := newReplicas(t, cell{fault: &f, at: i}, fakebroker.Faults{ListLag: fakebroker.Duration(lag)}, clocksOf(replicas)...)
	b.visit(leadsPerCell(), 2*time.Second)
	b.rest(48 * time.Hour)
	b.mustHaveStruck(leadsPerCell())
	s := b.score(nil)
	s.mustHold(b)
	s.mustBeThere(b)
	b.mustHaveKeptThePaceTogether()
	return s
}

// mustHaveKeptThePaceTogether holds the calls of all replicas against a bucket of ten that
// gets ten more a second. A process that stood still may make the calls at once that it had
// begun.
func (b *bed) mustHaveKeptThePaceTogether() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.SortFunc(b.arrivals, time.Time.Compare)
	most := float64(pace + b.opt.Concurrency + 1)
	tokens, last := most, b.arrivals[0]
	for _, at := range b.arrivals {
		tokens = min(most, tokens+pace*at.Sub(last).Seconds()) - 1
		require.Greater(b, tokens, -0.1, "too many calls until %s", at.Format(clock))
		last = at
	}
}

// A hand-over keeps the pace, however the holder ends, while many leads wait.
func TestHandOversKeepThePace(t *testing.T) {
	all := map[string]func(*life, int){
		"it dies":            func(l *life, _ int) { l.kill() },
		"it stops":           func(l *life, _ int) { l.leave() },
		"it is cut off":      func(l *life, _ int) { l.host.cutOff(time.Minute) },
		"it stands still":    func(l *life, _ int) { l.host.freeze(45 * time.Second) },
		"its clock is set":   func(l *life, _ int) { l.host.setClock() },
		"its database sways": func(l *life, _ int) { l.host.cutOff(5 * time.Second) },
	}
	for n, name := range slices.Sorted(maps.Keys(all)) {
		if !inFull() && (n%3 != 0 || isLeftOut(n)) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				leads := 100
				if testing.Short() {
					leads = 50
				}
				f := fault{name: name, befall: all[name]}
				b := newReplicas(t, cell{fault: &f, at: intended, everyNth: 40, nProperties: 7}, fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute)}, clocksOf(3)...)
				b.visit(leads, 0)
				b.rest(24 * time.Hour)
				s := b.score(nil)
				s.mustHold(b)
				s.mustBeThere(b)
				b.mustHaveStruck(leads)
				b.mustHaveKeptThePaceTogether()
			})
		})
	}
}
