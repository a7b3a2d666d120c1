package torture_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// simHandOver is how long it takes until another replica carries on, at most, and what a
// busy second adds.
const simHandOver = 20 * time.Second

// newSimReplicasPlan makes a plan for several replicas on one database, whose clocks
// differ. They ask the database several times a second, so that their days are short.
func newSimReplicasPlan(seed uint64) simPlan {
	const stream = 1
	r := rand.New(rand.NewPCG(seed, stream))
	p := simPlan{seed: seed, replicas: 2 + r.IntN(2), length: simLogBetween(r, 20*time.Minute, 4*time.Hour)}
	for range p.replicas {
		p.aheads = append(p.aheads, simPick(r, 0, time.Hour, -time.Hour, simBetween(r, -simDay, simDay)))
	}
	for range 2 + r.IntN(3) {
		p.hot = append(p.hot, simBetween(r, 0, p.length))
	}
	p.tunes(r)
	p.signs(r)
	p.arrivals(r)
	p.troubles(r)
	p.replicaTroubles(r)
	p.agencies(r)
	slices.SortStableFunc(p.events, func(a, b simEvent) int { return cmp.Compare(a.at, b.at) })
	return p
}

// replicaTroubles are what befalls one of the replicas, mostly the one that carries.
func (p *simPlan) replicaTroubles(r *rand.Rand) {
	for range 1 + r.IntN(6) {
		at, long := p.amid(r), simLogBetween(r, time.Second, 20*time.Minute)
		fraction, carrying := simPick(r, 0.3, 1, 1), r.IntN(4) > 0
		befall := func(name string, do func(*simWorld, int)) {
			p.at(at, name, func(w *simWorld) { do(w, w.victim(carrying)) })
		}
		switch r.IntN(7) {
		case 0:
			befall("crash", func(w *simWorld, n int) { w.crash(n) })
		case 1:
			befall("stop", func(w *simWorld, n int) { w.stop(n) })
		case 2:
			befall("freeze", func(w *simWorld, n int) { w.freeze(n, long) })
		case 6:
			p.at(at, "freeze in a call", func(w *simWorld) { w.locked(func() { w.freezeIn = long }) })
		case 3, 4:
			befall("cut off", func(w *simWorld, n int) { w.breakDisk(n, long, fraction) })
		case 5:
			befall("database away", func(w *simWorld, _ int) {
				for n := range w.lives {
					w.breakDisk(n, min(long, time.Minute), 1)
				}
			})
		}
		p.at(at+long, "start", (*simWorld).bootAll)
	}
}

// freezeSender lets a process stand still just before it sends a lead.
func (w *simWorld) freezeSender(life *simLife) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.freezeIn > 0 && !w.lifted {
		life.frozenUntil = time.Now().Add(w.freezeIn)
		w.watch.disturbedUntil(life.frozenUntil)
	}
	w.freezeIn = 0
}

// victim is the replica that carries the first account, or the next one.
func (w *simWorld) victim(carrying bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	if life := w.carriers[0]; life != nil {
		n = life.replica
	}
	if !carrying {
		n++
	}
	return n % len(w.lives)
}

func (w *simWorld) isShared() bool { return w.plan.replicas > 1 }

// openShared opens the store that the replicas share, and closeShared closes it.
func (w *simWorld) openShared() {
	if !w.isShared() {
		return
	}
	var err error
	if w.store, err = store.Open(context.Background(), w.path); err != nil {
		w.watch.violate("store", 0, "it does not open: %v", err)
	}
}

func (w *simWorld) closeShared() {
	if !w.isShared() {
		return
	}
	if err := w.store.Close(); err != nil {
		w.watch.violate("store", 0, "it does not close: %v", err)
	}
}

// carrier is the process that carries the account's leads, or nil. It needs the lock.
func (w *simWorld) carrier(account int) *simLife {
	if !w.isShared() {
		return w.lives[0]
	}
	return w.carriers[account]
}

// lost notes that a process carries nothing any more. It needs the lock.
func (w *simWorld) lost(life *simLife) {
	for account, carrier := range w.carriers {
		if carrier == life {
			delete(w.carriers, account)
		}
	}
	w.watch.disturbed()
}

// door is the process that a visitor comes to, or nil. A balancer passes over those that
// do not answer. It needs the lock.
func (w *simWorld) door() *simLife {
	first := w.roll("door", 0).IntN(len(w.lives))
	for i := range w.lives {
		if life := w.lives[(first+i)%len(w.lives)]; life != nil && !time.Now().Before(life.frozenUntil) {
			return life
		}
	}
	return nil
}

// simLeases are the leases of the shared store as one life of a process sees them.
type simLeases struct {
	world *simWorld
	life  *simLife
}

// call makes one call to the store. See [simOutbox.call].
func (s *simLeases) call(kind string, do func() error) error {
	return (&simOutbox{s.world, s.life}).call(kind, 0, do)
}

// holds notes who carries the account, as the store has it.
func (s *simLeases) holds(r lead.LeaseRequest, got lead.Lease) {
	w := s.world
	account := slices.IndexFunc(w.plan.accounts, func(a simAccount) bool { return a.Digest() == r.Credential })
	was := w.carriers[account]
	switch {
	case got.IsHeld && r.Length > 0 && was != s.life:
		w.notes(0, "replica %d carries account %d", s.life.replica, account)
		if was != nil && time.Since(w.watch.calm) > 0 {
			w.watch.violate("lease", 0, "replica %d has lost it to replica %d, and nothing was wrong", was.replica, s.life.replica)
		}
		w.carriers[account] = s.life
		w.watch.disturbed()
	case got.IsHeld && r.Length == 0 && was == s.life:
		delete(w.carriers, account)
		w.watch.disturbed()
	}
}

// AcquireLeases implements [courier.Leases].
func (s *simLeases) AcquireLeases(ctx context.Context, all []lead.LeaseRequest) (got []lead.Lease, err error) {
	err = s.call("acquire "+credentials(all), func() (err error) {
		got, err = s.world.store.AcquireLeases(context.WithoutCancel(ctx), all)
		for i := range got {
			got[i].IsHeld = got[i].IsHeld || s.world.sabotage.greedy
			s.holds(all[i], got[i])
		}
		return err
	})
	return got, err
}

// RenewLeases implements [courier.Leases].
func (s *simLeases) RenewLeases(ctx context.Context, all []lead.LeaseRequest) (got []lead.Lease, err error) {
	err = s.call("renew "+credentials(all), func() (err error) {
		got, err = s.world.store.RenewLeases(context.WithoutCancel(ctx), all)
		for i := range got {
			s.holds(all[i], got[i])
		}
		return err
	})
	return got, err
}

func credentials(all []lead.LeaseRequest) (names string) {
	for _, r := range all {
		names += r.Credential
	}
	return names
}

// SitesDue implements [courier.Leases]. It is asked so often that the store is spared if
// the watch knows of no such lead.
func (s *simLeases) SitesDue(ctx context.Context, sites []string, since, now time.Time) (due []string, err error) {
	w := s.world
	isAny := false
	w.locked(func() {
		for _, l := range w.watch.leads {
			isAny = isAny || l.state == lead.Queued && !l.due.After(time.Now())
		}
	})
	if !isAny {
		return nil, s.life.alive()
	}
	err = s.call("due", func() (err error) {
		due, err = w.store.SitesDue(context.WithoutCancel(ctx), sites, since, now)
		return err
	})
	return due, err
}

// maySend asks for the lease, as the client does.
func (w *simWorld) maySend(ctx context.Context) bool {
	return w.sabotage.late || easybroker.MaySend(ctx)
}

// WantCalls implements [courier.Leases]. Nobody reads for a person here.
func (s *simLeases) WantCalls(ctx context.Context, credential string, calls int64) (count int64, err error) {
	err = s.call("want "+credential, func() (err error) {
		count, err = s.world.store.WantCalls(ctx, credential, calls)
		return err
	})
	return count, err
}

// TakeOver implements [courier.Leases].
func (s *simLeases) TakeOver(ctx context.Context, sites []string, now time.Time) error {
	return s.call("take over "+sites[0], func() error {
		err := s.world.store.TakeOver(context.WithoutCancel(ctx), sites, now)
		if s.world.watch.works(err) {
			s.world.watch.takenOver(sites)
		}
		return err
	})
}

// calledBy asks whether a process may call EasyBroker: not when another carries the
// account.
func (v *simWatch) calledBy(life *simLife, account int) {
	if carrier := v.world.carrier(account); carrier != nil && carrier != life {
		v.violate("lease", 0, "replica %d calls, and replica %d carries", life.replica, carrier.replica)
	}
}

// takenOver notes that what was being sent for the sites is in doubt.
func (v *simWatch) takenOver(sites []string) {
	for _, l := range v.leads {
		if l.state == lead.Sending && slices.Contains(sites, l.lead.Site) {
			v.move(l, lead.Doubtful, "interrupted")
			l.open, l.due = false, time.Now()
		}
	}
}

// TestSimulationOfReplicas is [TestSimulation] for two and three replicas that share a
// database. Each of them may die, stop, stand still or be cut off, mostly the one that
// carries, and their clocks differ.
func TestSimulationOfReplicas(t *testing.T) {
	const share = 20 // a day of several costs as much as that of many alone
	if one := os.Getenv("LEADRELAY_SEED"); one != "" {
		seed, err := strconv.ParseUint(one, 10, 64)
		require.NoError(t, err)
		violations, story := simulateReplicas(t, seed, true)
		t.Log("\n" + strings.Join(story, "\n"))
		require.Empty(t, violations)
		return
	}
	if testing.Short() {
		t.Skip("what races is found by TestFaultMatrixOfReplicas and TestHandOversKeepThePace")
	}
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			for seed := worker; seed < max(2, simSeeds(t)/share); seed += workers {
				violations, _ := simulateReplicas(t, uint64(seed), false)
				for _, v := range violations {
					t.Errorf("%s\n\tLEADRELAY_SEED=%d go test -run TestSimulationOfReplicas ./internal/e2e/torture", v, seed)
				}
			}
		})
	}
}

func simulateReplicas(t *testing.T, seed uint64, tracing bool) (violations []simViolation, story []string) {
	t.Helper()
	return simulatePlan(t, newSimReplicasPlan(seed), simSabotage{}, tracing)
}

// A simulation is worth nothing unless it finds what is broken.
func TestTheSimulationOfReplicasFindsWhatItMust(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	for name, test := range map[string]struct {
		sabotage simSabotage
		first    uint64 // seed; those before find nothing
		rule     string
	}{
		"a lease that two have":                 {simSabotage{greedy: true}, 0, "lease"},
		"a replica that sends when it must not": {simSabotage{late: true}, 6, "lease"},
		"a list that lags for too long":         {simSabotage{lag: 5}, 1, "once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 100
			for seed := test.first; seed < most; seed++ {
				violations, _ := simulatePlan(t, newSimReplicasPlan(seed), test.sabotage, false)
				for _, v := range violations {
					if v.rule == test.rule {
						return
					}
				}
			}
			require.Fail(t, "nobody noticed", "not in %d seeds", most)
		})
	}
}

// TestASeedOfReplicasReplaysExactly compares the whole story of a seed with itself.
func TestASeedOfReplicasReplaysExactly(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	t.Parallel()
	const seed = 5 // three replicas, and a short day
	_, once := simulateReplicas(t, seed, true)
	_, again := simulateReplicas(t, seed, true)
	require.NotEmpty(t, once)
	require.Equal(t, once, again)
}
