package torture_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/courier"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// errSimKilled is what a process hears that is dead.
var errSimKilled = errors.New("killed")

// simWorld is one seed's world: a relay without a door, a pretend EasyBroker,
// and all that goes wrong with them. It lives in a synctest bubble, whose time
// is the true one.
type simWorld struct {
	plan     simPlan
	sabotage simSabotage
	path     string
	start    time.Time
	offset   atomic.Int64 // by how much the clock on the wall is wrong

	// mu is held over every call to the store, so that what the watch knows is
	// what the store knows.
	mu     durableMutex
	store  *store.Store
	lives  []*simLife // of each replica; nil while the process is down
	boots  int
	broker simBook
	watch  simWatch
	lifted bool // no trouble any more

	// Of several replicas one carries an account, and all keep its pace together.
	carriers map[int]*simLife
	paces    map[string]*simPace
	freezeIn time.Duration // how long the next process stands still that sends a lead

	tracing bool
	trace   []simLine
}

// simLife is one run of the process.
type simLife struct {
	replica        int
	courier        *courier.Courier
	cancel         context.CancelFunc
	done           chan error
	dead           chan struct{} // closed by a crash
	offset         time.Duration // of the wall clock when it began
	frozenUntil    time.Time
	brokenUntil    time.Time // the disk fails, for that fraction of the calls
	brokenFraction float64
	paces          map[string]*simPace
}

// simLine is one line of the story of a seed.
type simLine struct {
	at   time.Duration
	id   lead.RemoteID
	text string
}

func (l simLine) String() string {
	return fmt.Sprintf("%17s %14d  %s", l.at, l.id, l.text)
}

// newSimWorld begins at noon of a day on which remote ids are what they will
// be. It must be called in a bubble.
func newSimWorld(folder string, plan simPlan, sabotage simSabotage, tracing bool) *simWorld {
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	time.Sleep(time.Until(noon))
	w := &simWorld{mu: newDurableMutex(), plan: plan, sabotage: sabotage, path: filepath.Join(folder, "leads.db"), start: time.Now(), tracing: tracing}
	w.lives, w.carriers, w.paces = make([]*simLife, plan.replicas), map[int]*simLife{}, map[string]*simPace{}
	w.watch = simWatch{world: w, leads: map[lead.RemoteID]*simLead{}, posts: map[int]int{}, paused: map[string]time.Time{}}
	return w
}

// run lives through the plan and returns what went against the promises.
func (w *simWorld) run() []simViolation {
	w.openShared()
	w.bootAll()
	for _, e := range w.plan.events {
		if !w.wait(w.start.Add(e.at)) {
			break
		}
		w.note(0, "%s", e.name)
		e.do(w)
	}
	w.finish()
	for replica := range w.lives {
		w.crash(replica)
	}
	w.closeShared()
	return w.watch.violations
}

// wait lets time pass and looks around every hour. It reports whether the
// promises still hold.
func (w *simWorld) wait(until time.Time) bool {
	for w.holds() {
		left := time.Until(until)
		if left <= 0 {
			return true
		}
		time.Sleep(min(left, time.Hour))
		w.locked(w.watch.look)
	}
	return false
}

func (w *simWorld) holds() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.watch.violations) == 0
}

func (w *simWorld) locked(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// finish ends all trouble and lets the relay do what is left.
func (w *simWorld) finish() {
	const patience = 3 * simDay // by then the last lead has come to its end
	if !w.wait(w.start.Add(w.plan.length)) {
		return
	}
	w.note(0, "all is well from here")
	w.locked(func() {
		w.lifted = true
		w.watch.disturbed()
	})
	w.bootAll()
	w.locked(func() {
		for _, life := range w.lives {
			life.frozenUntil, life.brokenUntil = time.Time{}, time.Time{}
		}
	})
	for end := time.Now().Add(patience); time.Now().Before(end) && !w.rests(); {
		if !w.wait(time.Now().Add(time.Hour)) {
			return
		}
	}
	w.locked(w.watch.end)
}

func (w *simWorld) rests() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.watch.rests()
}

func (w *simWorld) bootAll() {
	for replica := range w.lives {
		w.boot(replica)
	}
}

// boot starts the process, if it is down.
func (w *simWorld) boot(replica int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lives[replica] != nil {
		return
	}
	if !w.isShared() {
		var err error
		if w.store, err = store.Open(context.Background(), w.path); err != nil {
			w.watch.violate("store", 0, "it does not open: %v", err)
			return
		}
		w.watch.resumed()
	}
	w.watch.compare()
	w.boots++
	life := &simLife{
		replica: replica, done: make(chan error, 1), dead: make(chan struct{}), offset: time.Duration(w.offset.Load()), paces: w.paces,
	}
	if !w.isShared() {
		life.paces = map[string]*simPace{}
	}
	life.courier = courier.New(&simOutbox{w, life}, &simBroker{w, life}, w.routes(), w.options(life))
	ctx, cancel := context.WithCancel(context.Background())
	life.cancel = cancel
	go func() { life.done <- life.courier.Run(ctx) }()
	w.lives[replica] = life
	w.watch.disturbed()
}

func (w *simWorld) options(life *simLife) courier.Options {
	opt := w.plan.tune
	opt.Log, opt.Now = zerolog.Nop(), w.wall
	opt.Probe *= max(1, w.sabotage.rare)
	if w.isShared() {
		opt.Leases, opt.Now = &simLeases{w, life}, func() time.Time { return time.Now().Add(w.plan.aheads[life.replica]) }
	}
	return opt
}

// routes have another template for each life of the process, and now and then
// none.
func (w *simWorld) routes() []courier.Route {
	var template lead.Template
	if w.boots%3 != 0 {
		var err error
		if template, err = lead.ParseTemplate(fmt.Sprintf("{message}\n{property_id}\nFolleto %d", w.boots)); err != nil {
			w.watch.violate("store", 0, "the template is none: %v", err)
		}
	}
	var routes []courier.Route
	for _, s := range w.plan.sites {
		routes = append(routes, courier.Route{Site: s.name, Account: w.plan.accounts[s.account].Account, SendSource: true, Template: template})
	}
	return routes
}

// stop ends the process as SIGTERM does.
func (w *simWorld) stop(replica int) { w.down(replica, false) }

// crash ends the process as kill -9 does: what it was about to do is not done,
// and what has left it has left.
func (w *simWorld) crash(replica int) { w.down(replica, true) }

func (w *simWorld) down(replica int, crash bool) {
	w.mu.Lock()
	life := w.lives[replica]
	w.mu.Unlock()
	if life == nil {
		return
	}
	if crash {
		close(life.dead)
	}
	life.cancel()
	<-life.done
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watch.compare()
	w.lives[replica] = nil
	if w.isShared() {
		w.lost(life)
		return
	}
	if err := w.store.Close(); err != nil {
		w.watch.violate("store", 0, "it does not close: %v", err)
	}
	w.store = nil
}

// submit does what the door does. A visitor who gets no answer has no promise.
func (w *simWorld) submit(q lead.Inquiry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	life := w.door()
	if life == nil {
		return
	}
	l, err := lead.New(q, "casas.mx", lead.DefaultRules(), w.wall())
	if err != nil {
		w.watch.violate("store", 0, "the plan makes a lead that is none: %v", err)
		return
	}
	before, after := life.diskFails(w.roll("keep", 0))
	if before {
		return
	}
	w.keep(life, l, !after)
}

// keep needs the lock.
func (w *simWorld) keep(life *simLife, l lead.Lead, acknowledged bool) {
	if w.sabotage.loses {
		w.watch.kept(lead.RemoteID(len(w.watch.leads)+1), l, acknowledged)
		return
	}
	kept, err := w.store.Keep(context.Background(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	if err != nil {
		w.watch.violate("store", 0, "keep: %v", err)
		return
	}
	w.watch.kept(kept.RemoteID, l, acknowledged)
	if acknowledged && !w.sabotage.mute {
		life.courier.Wake(l.Site)
	}
}

// setClock sets the clock on the wall, so that it is wrong by that much.
func (w *simWorld) setClock(wrong time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	by := wrong - time.Duration(w.offset.Swap(int64(wrong)))
	w.notes(0, "the clock is set by %s and wrong by %s", by, wrong)
	w.watch.clockSet(by)
}

// wall is what the clock on the wall shows.
func (w *simWorld) wall() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

// freeze lets the process stand still, as SIGSTOP does.
func (w *simWorld) freeze(replica int, long time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if life := w.lives[replica]; life != nil {
		life.frozenUntil = time.Now().Add(long)
		w.notes(0, "frozen for %s", long)
		w.watch.disturbedUntil(life.frozenUntil)
	}
}

// breakDisk lets a fraction of the writes fail for a while.
func (w *simWorld) breakDisk(replica int, long time.Duration, fraction float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if life := w.lives[replica]; life != nil {
		life.brokenUntil, life.brokenFraction = time.Now().Add(long), fraction
		w.notes(0, "the disk fails for %s", long)
		w.watch.disturbedUntil(life.brokenUntil)
	}
}

// diskFails says whether a write fails before it happens, or after it and
// nobody hears of it. It needs the lock.
func (l *simLife) diskFails(r *rand.Rand) (before, after bool) {
	if !time.Now().Before(l.brokenUntil) || r.Float64() >= l.brokenFraction {
		return false, false
	}
	before = r.IntN(2) == 0
	return before, !before
}

// pass lets a call of the process go on after a moment, and not before a freeze
// is over. It fails when the process is killed meanwhile. The moment is another
// one for each call, so that what the bubble wakes together does not stay so:
// the order in which goroutines run within an instant is not the seed's.
func (w *simWorld) pass(life *simLife, kind string, key int64) error {
	if w.isShared() {
		kind += fmt.Sprint(" at ", life.replica)
	}
	for {
		w.mu.Lock()
		frozen := time.Until(life.frozenUntil)
		w.mu.Unlock()
		if frozen <= 0 {
			break
		}
		if err := life.sleep(context.Background(), frozen); err != nil {
			return err
		}
	}
	return life.sleep(context.Background(), simBetween(w.roll("pass "+kind, key), time.Microsecond, 3*time.Millisecond))
}

// sleep ends early with ctx, or when the process is killed; only that is an
// error.
func (l *simLife) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 { // a timer that is due at once has crashed Go's runtime in a bubble under the race detector
		return l.alive()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-l.dead:
	}
	return l.alive()
}

func (l *simLife) alive() error {
	select {
	case <-l.dead:
		return errSimKilled
	default:
		return nil
	}
}

// roll returns the chance of what happens to key at this instant. It depends on
// nothing else, so that it does not matter who comes first within an instant.
func (w *simWorld) roll(kind string, key int64) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(kind)) // never fails
	return rand.New(rand.NewPCG(w.plan.seed^h.Sum64(), uint64(key)<<20^uint64(time.Since(w.start))))
}

// note tells the story of the seed, when somebody wants to read it.
func (w *simWorld) note(id lead.RemoteID, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes(id, format, args...)
}

// notes needs the lock.
func (w *simWorld) notes(id lead.RemoteID, format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, simLine{time.Since(w.start), id, fmt.Sprintf(format, args...)})
	}
}

// durableMutex is a lock that a bubble may wait for: whoever holds it waits for
// the store, which waits for other writes to share its commit, and time must pass
// meanwhile.
type durableMutex struct{ token chan struct{} }

func newDurableMutex() durableMutex { return durableMutex{make(chan struct{}, 1)} }

func (m durableMutex) Lock()   { m.token <- struct{}{} }
func (m durableMutex) Unlock() { <-m.token }
