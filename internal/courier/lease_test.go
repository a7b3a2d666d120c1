package courier_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/store"
)

// leaseTable is the table of a shared database, in virtual time.
type leaseTable struct {
	mu     sync.Mutex
	leases map[string]*leaseRow
	ahead  time.Duration // of the database's clock
}

type leaseRow struct {
	holder, state string
	until         time.Time
	wanted, lent  int64
}

func (t *leaseTable) now() time.Time { return time.Now().Add(t.ahead) }

func (t *leaseTable) acquire(r lead.LeaseRequest) lead.Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := t.leases[r.Credential]
	if row == nil {
		row = &leaseRow{}
		t.leases[r.Credential] = row
	}
	isFree := row.holder == r.Holder || !row.until.After(t.now())
	if isFree {
		row.holder, row.until = r.Holder, t.now().Add(r.Length)
	}
	return lead.Lease{IsHeld: isFree, State: row.state, Now: t.now(), Wanted: row.wanted, Lent: row.lent}
}

func (t *leaseTable) renew(r lead.LeaseRequest) lead.Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := t.leases[r.Credential]
	if row.holder != r.Holder {
		return lead.Lease{}
	}
	row.until, row.state, row.lent = t.now().Add(r.Length), r.State, r.Lent
	return lead.Lease{IsHeld: true, State: r.State, Now: t.now(), Wanted: row.wanted, Lent: row.lent}
}

func (t *leaseTable) want(credential string, calls int64) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := t.leases[credential]
	if row == nil { // nobody has asked for it yet
		return 0, sql.ErrNoRows
	}
	row.wanted += calls
	return row.wanted, nil
}

// replica is one of the processes that share a database: a courier, with its ways
// to the database and to EasyBroker.
type replica struct {
	*store.Store
	table  *leaseTable
	broker courier.Broker

	courier *courier.Courier
	halt    func() // as SIGTERM does

	dead   atomic.Bool                                     // killed: nothing that it does has an effect any more
	away   atomic.Bool                                     // the database is, for this replica
	answer atomic.Pointer[func(ctx context.Context) error] // how a statement about leases is answered; at once if nil
	posts  atomic.Int64                                    // that it has made
	lastAt atomic.Pointer[time.Time]                       // when the last of them ended

	slow      atomic.Pointer[string] // the site for which nothing is taken over
	reads     atomic.Int64
	readEnded atomic.Pointer[time.Time] // when the last of them did
}

var errAway = errors.New("the database is away")

func (r *replica) SitesDue(ctx context.Context, sites []string, since, now time.Time) ([]string, error) {
	if r.dead.Load() || r.away.Load() {
		return nil, errAway
	}
	return r.Store.SitesDue(ctx, sites, since, now)
}

// ask waits for the database.
func (r *replica) ask(ctx context.Context) error {
	if r.dead.Load() {
		return errAway
	}
	if answer := r.answer.Load(); answer != nil {
		return (*answer)(ctx)
	}
	return nil
}

func (r *replica) AcquireLeases(ctx context.Context, all []lead.LeaseRequest) ([]lead.Lease, error) {
	return r.askAll(ctx, all, r.table.acquire)
}

func (r *replica) RenewLeases(ctx context.Context, all []lead.LeaseRequest) ([]lead.Lease, error) {
	return r.askAll(ctx, all, r.table.renew)
}

func (r *replica) askAll(ctx context.Context, all []lead.LeaseRequest, way func(lead.LeaseRequest) lead.Lease) (got []lead.Lease, err error) {
	if err := r.ask(ctx); err != nil {
		return nil, err
	}
	for _, q := range all {
		got = append(got, way(q))
	}
	return got, nil
}

func (r *replica) TakeOver(ctx context.Context, sites []string, now time.Time) error {
	if slow := r.slow.Load(); slow != nil && slices.Contains(sites, *slow) {
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second): // the longest that a transaction may take
		}
		return errAway
	}
	return r.Store.TakeOver(ctx, sites, now)
}

func (r *replica) WantCalls(ctx context.Context, credential string, calls int64) (int64, error) {
	if err := r.ask(ctx); err != nil {
		return 0, err
	}
	return r.table.want(credential, calls)
}

func (r *replica) Begin(ctx context.Context, site string, q lead.Due) ([]lead.Claim, time.Time, error) {
	if r.dead.Load() || r.away.Load() {
		return nil, time.Time{}, errAway
	}
	return r.Store.Begin(ctx, site, q)
}

func (r *replica) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	if r.dead.Load() || r.away.Load() {
		return errAway
	}
	return r.Store.Settle(ctx, c, to)
}

func (r *replica) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	r.posts.Add(1)
	defer func() { now := time.Now(); r.lastAt.Store(&now) }()
	return r.broker.Create(ctx, a, cr)
}

func (r *replica) List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	r.reads.Add(1)
	defer func() { now := time.Now(); r.readEnded.Store(&now) }()
	return r.broker.List(ctx, a, q)
}

// kill ends the replica as SIGKILL does.
func (r *replica) kill() {
	r.dead.Store(true)
	r.halt()
}

// replicas are several relays that share a database.
type replicas struct {
	*world
	all []*replica
}

// startReplicas starts one replica for each of the options. The first carries.
func startReplicas(t *testing.T, b *broker, opts ...courier.Options) *replicas {
	t.Helper()
	w := &replicas{world: newWorld(t, b)}
	table := &leaseTable{leases: map[string]*leaseRow{}}
	for _, opt := range opts {
		r := &replica{Store: w.store, table: table, broker: b}
		w.all = append(w.all, r)
		w.start(r, opt)
		time.Sleep(time.Second)
	}
	return w
}

func (w *replicas) start(r *replica, opt courier.Options, routes ...courier.Route) {
	w.startWith(r, r, opt, routes...)
}

// database is a replica's way to the database.
type database interface {
	courier.Outbox
	courier.Leases
}

func (w *replicas) startWith(d database, r *replica, opt courier.Options, routes ...courier.Route) {
	opt.Leases = d
	if len(routes) == 0 {
		routes = []courier.Route{casas}
	}
	r.courier = courier.New(d, r, routes, couriertest.WithDefaults(opt))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.courier.Run(ctx) }()
	r.halt = sync.OnceFunc(func() { cancel(); require.NoError(w, <-done) })
	w.Cleanup(r.halt)
}

func (w *replicas) posts() (each []int64) {
	for _, r := range w.all {
		each = append(each, r.posts.Load())
	}
	return each
}

func TestOneReplicaCarriesACredential(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{page: 50}
		w := startReplicas(t, b, courier.Options{}, courier.Options{}, courier.Options{})
		var ids []lead.RemoteID
		for range 50 {
			ids = append(ids, w.post("casas")) // nobody wakes a courier
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		require.Equal(t, map[lead.State]int{lead.Delivered: 50}, w.states(ids), "though another replica kept them")
		require.Equal(t, []int64{50, 0, 0}, w.posts())
		time.Sleep(2 * time.Minute)
		require.Equal(t, map[lead.State]int{lead.Confirmed: 50}, w.states(ids))
		require.Equal(t, []int64{50, 0, 0}, w.posts())
	})
}

func TestAReplicaThatStopsHandsOverAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const long = 12 * time.Second
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{keep: true, took: long} }}
		w := startReplicas(t, b, courier.Options{}, courier.Options{})
		first := w.post("casas")
		time.Sleep(2 * time.Second)
		stopped := make(chan time.Time, 1)
		go func() { w.all[0].halt(); stopped <- time.Now() }()
		time.Sleep(time.Second)
		second := w.post("casas")
		at := <-stopped
		require.Equal(t, lead.Delivered, must(w.find(first)).State, "its call under way ended, though it took longer than a lease")
		require.Equal(t, []int64{1, 0}, w.posts())
		w.await(second, lead.Delivered, long+5*time.Second)
		require.Less(t, time.Since(at), long+4*time.Second)
		require.Equal(t, []int64{1, 1}, w.posts())
	})
}

func must(l lead.Lead, _ []lead.Attempt) lead.Lead { return l }

// What a death cut is in doubt within 15 s, and is found in the list.
func TestAReplicaThatIsKilledIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call == 1 {
				return answer{keep: true, took: 14 * time.Second}
			}
			return answer{keep: true}
		}}
		w := startReplicas(t, b, courier.Options{}, courier.Options{})
		cut := w.post("casas")
		time.Sleep(2 * time.Second)
		require.Equal(t, lead.Sending, must(w.find(cut)).State)
		go w.all[0].kill()
		time.Sleep(time.Second)
		waiting := w.post("casas")
		time.Sleep(14 * time.Second)
		l, attempts := w.find(cut)
		require.Contains(t, []lead.State{lead.Doubtful, lead.Confirmed}, l.State)
		require.Equal(t, lead.OutcomeUnsure, attempts[0].Outcome)
		require.Equal(t, lead.Delivered, must(w.find(waiting)).State)
		time.Sleep(time.Minute)
		require.Equal(t, map[lead.State]int{lead.Confirmed: 2}, w.states([]lead.RemoteID{cut, waiting}))
		require.Equal(t, []int64{1, 1}, w.posts())
	})
}

// A replica without a database sends nothing any more when another one begins. What
// it was sending then is cut.
func TestAReplicaThatIsCutOffStopsInTime(t *testing.T) {
	for name, late := range map[string]func(context.Context) error{
		"no answer comes":                     func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"the answer comes late, and says yes": func(context.Context) error { time.Sleep(12 * time.Second); return nil },
		"the connection breaks":               func(context.Context) error { return errAway },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer {
					if call == 1 {
						return answer{keep: true, took: 14 * time.Second}
					}
					return answer{keep: true}
				}}
				w := startReplicas(t, b, courier.Options{}, courier.Options{})
				time.Sleep(3 * time.Second)
				cut := w.post("casas")
				time.Sleep(2 * time.Second)
				require.Equal(t, []int64{1, 0}, w.posts())
				w.all[0].away.Store(true)
				w.all[0].answer.Store(&late)
				since := time.Now()
				other := w.post("casas")
				time.Sleep(15 * time.Second)
				require.Equal(t, int64(1), w.all[1].posts.Load())
				require.Equal(t, lead.Delivered, must(w.find(other)).State)
				ended := *w.all[0].lastAt.Load()
				require.LessOrEqual(t, ended.Sub(since), 9*time.Second)
				require.True(t, ended.Before(b.posts()[1]), "the second call of all came when the first was cut")
				time.Sleep(time.Minute)
				require.Equal(t, map[lead.State]int{lead.Confirmed: 2}, w.states([]lead.RemoteID{cut, other}))
				require.Len(t, b.posts(), 2)
			})
		})
	}
}

// A database that answers slowly, or not always, costs nobody the lease.
func TestALateRenewalLosesNothing(t *testing.T) {
	for name, often := range map[string]int64{"each takes a second": 1, "every second one fails": 2} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{}
				w := startReplicas(t, b, courier.Options{}, courier.Options{})
				var times atomic.Int64
				answer := func(ctx context.Context) error {
					if times.Add(1)%often != 0 {
						<-ctx.Done()
						return ctx.Err()
					}
					time.Sleep(time.Second)
					return nil
				}
				w.all[0].answer.Store(&answer)
				for range 40 {
					w.post("casas")
					time.Sleep(time.Second)
				}
				time.Sleep(2 * time.Second)
				require.Equal(t, []int64{40, 0}, w.posts())
			})
		})
	}
}

// What cannot be taken over for one credential keeps no other from being carried, nor from
// being carried on.
func TestATakeOverThatHangsIsForItsCredentialAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := &replicas{world: newWorld(t, &broker{page: 50})}
		table := &leaseTable{leases: map[string]*leaseRow{}}
		other := account
		other.Key = secret.New("other")
		lofts := courier.Route{Site: "lofts", Account: other, SendSource: true}
		for range 2 {
			r := &replica{Store: w.store, table: table, broker: w.broker}
			r.slow.Store(&lofts.Site)
			w.all = append(w.all, r)
		}
		waiting := w.post("lofts")
		w.start(w.all[0], courier.Options{}, casas, lofts)
		w.await(w.post("casas"), lead.Delivered, 5*time.Second)
		w.start(w.all[1], courier.Options{}, casas, lofts)
		for range 30 {
			w.post("casas")
			time.Sleep(time.Second)
		}
		require.Equal(t, []int64{31, 0}, w.posts())
		require.Equal(t, lead.Queued, must(w.find(waiting)).State)
		w.all[0].slow.Store(nil)
		w.await(waiting, lead.Delivered, 5*time.Second)
		require.Equal(t, []int64{32, 0}, w.posts())
	})
}

// A process that stops while it asks for a lease keeps none.
func TestWhoStopsWhileItAsksKeepsNoLease(t *testing.T) {
	for _, after := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 1500 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := &replicas{world: newWorld(t, &broker{})}
				r := &replica{Store: w.store, table: &leaseTable{leases: map[string]*leaseRow{}}, broker: w.broker}
				slowly := func(context.Context) error { time.Sleep(time.Second); return nil }
				r.answer.Store(&slowly)
				w.start(r, courier.Options{})
				time.Sleep(after)
				r.halt()
				for _, row := range r.table.leases {
					require.False(t, row.until.After(time.Now()))
				}
			})
		})
	}
}

// A key that EasyBroker refuses is known to be refused by whoever carries it next,
// and to those who wait.
func TestAHeldKeyStaysHeld(t *testing.T) {
	for name, end := range map[string]func(*replica){"it stops": func(r *replica) { r.halt() }, "it is killed": (*replica).kill} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{listErr: status(401), answer: func(int, easybroker.Account) answer { return answer{err: status(401)} }}
				w := startReplicas(t, b, courier.Options{Probe: time.Minute}, courier.Options{Probe: time.Minute})
				id := w.post("casas")
				time.Sleep(5 * time.Second)
				held := w.all[0].courier.Status()[0]
				require.Equal(t, lead.CredentialHeld, held.State)
				require.WithinDuration(t, held.Since, w.all[1].courier.Status()[0].Since, 0)
				end(w.all[0])
				time.Sleep(20 * time.Second)
				require.Len(t, b.posts(), 1)
				require.Empty(t, b.reads(), "its next probe is not due yet")
				require.WithinDuration(t, held.Until, w.all[1].courier.Status()[0].Until, 0)
				time.Sleep(10 * time.Minute)
				require.Len(t, b.posts(), 1)
				require.InDelta(t, 10, len(b.reads()), 1)
				b.now(func(b *broker) { b.listErr, b.answer = nil, nil })
				w.await(id, lead.Confirmed, 5*time.Minute)
				require.Equal(t, []int64{1, 1}, w.posts())
			})
		})
	}
}

// A hand-over does not double the rate.
func TestAHandOverKeepsThePace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const perSecond = 10
		b := &broker{page: 50}
		w := startReplicas(t, b, courier.Options{Rate: perSecond}, courier.Options{Rate: perSecond}, courier.Options{Rate: perSecond})
		var ids []lead.RemoteID
		for range 300 {
			ids = append(ids, w.post("casas"))
		}
		time.Sleep(10 * time.Second)
		w.all[0].halt()
		time.Sleep(10 * time.Second)
		go w.all[1].kill()
		time.Sleep(2 * time.Minute)
		require.Equal(t, map[lead.State]int{lead.Confirmed: 300}, w.states(ids))
		for _, id := range ids {
			require.Equal(t, 1, b.timesKept(id))
		}
		calls := append(b.posts(), b.reads()...)
		require.LessOrEqual(t, most(calls, time.Second), 2*perSecond, "a full second's calls at once, and those of the second")
		require.LessOrEqual(t, most(calls, 10*time.Second), 11*perSecond)
	})
}

// most returns how many of the calls came within the time.
func most(calls []time.Time, within time.Duration) (n int) {
	for _, from := range calls {
		in := 0
		for _, c := range calls {
			if !c.Before(from) && c.Before(from.Add(within)) {
				in++
			}
		}
		n = max(n, in)
	}
	return n
}

// A person may ask any replica what has arrived. It reads at the pace that the holder
// leaves it.
func TestAReplicaThatWaitsBorrowsItsCalls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const perSecond = 10
		b := &broker{page: 2}
		b.others(100, time.Now())
		w := startReplicas(t, b, courier.Options{Rate: perSecond}, courier.Options{Rate: perSecond})
		var ids []lead.RemoteID
		for range 100 {
			ids = append(ids, w.post("casas"))
		}
		began := time.Now()
		drift, err := courier.NewAuditor(w.all[1].courier, w.store).Reconcile(t.Context(), began.Add(-10*time.Hour))
		require.NoError(t, err)
		require.Empty(t, drift.Unreadable)
		require.GreaterOrEqual(t, drift.Listed, 60)
		require.Less(t, time.Since(began), 5*time.Minute)
		require.GreaterOrEqual(t, w.all[1].reads.Load(), int64(30))
		require.Zero(t, w.all[1].posts.Load())
		time.Sleep(10 * time.Minute) // those that a list did not show yet are looked for ever less often
		require.Equal(t, map[lead.State]int{lead.Confirmed: 100}, w.states(ids))
		calls := append(b.posts(), b.reads()...)
		require.LessOrEqual(t, most(calls, 10*time.Second), 11*perSecond+perSecond/2)
	})
}

// Whoever asks just after the start waits until it is known who carries the credential.
func TestAReadingJustAfterTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{}
		w := startReplicas(t, b)
		r := &replica{Store: w.store, table: &leaseTable{leases: map[string]*leaseRow{}}, broker: b}
		began := time.Now()
		slow := func(context.Context) error {
			if time.Since(began) < 3*time.Second {
				return errAway
			}
			return nil
		}
		r.answer.Store(&slow)
		w.all = append(w.all, r)
		w.start(r, courier.Options{})
		drift, err := courier.NewAuditor(r.courier, w.store).Reconcile(t.Context(), began.Add(-time.Hour))
		require.NoError(t, err)
		require.Empty(t, drift.Unreadable)
		require.Positive(t, r.reads.Load())
	})
}

// A paused site stays paused, whoever carries it.
func TestAPausedSiteStaysPaused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: status(422)} }}
		w := startReplicas(t, b, courier.Options{}, courier.Options{})
		for i := range 10 {
			w.postAbout("casas", fmt.Sprint("EB-XX", i))
		}
		time.Sleep(10 * time.Second)
		paused := w.all[0].courier.Status()[1]
		require.Equal(t, lead.SitePaused, paused.State)
		w.all[0].halt()
		time.Sleep(5 * time.Second)
		after := w.all[1].courier.Status()
		require.Len(t, after, 2)
		require.Equal(t, lead.SitePaused, after[1].State)
		require.WithinDuration(t, paused.Since, after[1].Since, 0)
		b.now(func(b *broker) { b.answer = nil })
		id := w.postAbout("casas", "EB-XX99")
		w.await(id, lead.Delivered, 15*time.Second)
		require.Len(t, w.all[1].courier.Status(), 1, "a lead of another replica was tried, and ended the pause")
	})
}

// Replicas whose clocks are an hour apart carry by the database's.
func TestReplicasWithDifferentClocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		late, early := &wall{}, &wall{}
		late.set(-time.Hour)
		early.set(time.Hour)
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			return answer{keep: call > 1, err: on(call == 1, errReset)}
		}}
		w := startReplicas(t, b, late.options(), early.options())
		doubtful := w.post("casas")
		w.await(doubtful, lead.Doubtful, 2*time.Second)
		time.Sleep(time.Minute)
		w.all[0].halt()
		next := w.post("casas")
		w.await(next, lead.Delivered, 5*time.Second)
		w.await(doubtful, lead.Delivered, 10*time.Minute)
		require.Equal(t, 1, b.timesKept(doubtful))
		require.Equal(t, []int64{1, 2}, w.posts())
		l, attempts := w.find(next)
		require.WithinDuration(t, time.Now(), l.DeliveredAt, 15*time.Minute)
		require.WithinDuration(t, time.Now(), attempts[0].BegunAt, 15*time.Minute)
	})
}

// A lead that another replica keeps goes out soon, though nobody tells the one that
// carries it.
func TestALeadOfAnotherReplicaGoesOutSoon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const leads = 100
		b := &broker{page: 50}
		w := startReplicas(t, b, courier.Options{}, courier.Options{})
		var kept []time.Time
		for i := range leads {
			kept = append(kept, time.Now())
			w.post("casas")
			time.Sleep(time.Duration(300+i*7) * time.Millisecond)
		}
		sent := b.posts()
		require.Len(t, sent, leads)
		var all time.Duration
		for i := range sent {
			took := sent[i].Sub(kept[i])
			require.Less(t, took, 250*time.Millisecond, "lead %d", i)
			all += took
		}
		require.Less(t, all/leads, 150*time.Millisecond)
	})
}

// A reading ends with the lease, whoever it is for: the next holder may have begun.
func TestAReadingEndsWithTheLease(t *testing.T) {
	for name, read := range map[string]func(*replicas){
		"a look-up": func(w *replicas) { w.post("casas") },
		"a probe": func(w *replicas) {
			w.broker.now(func(b *broker) { b.answer = func(int, easybroker.Account) answer { return answer{err: status(401)} } })
			w.post("casas")
		},
		"for a person": func(w *replicas) {
			go func() {
				_, _ = courier.NewAuditor(w.all[0].courier, w.store).Reconcile(w.Context(), time.Now().Add(-time.Hour))
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{listTook: 14 * time.Second}
				w := startReplicas(t, b, courier.Options{}, courier.Options{})
				time.Sleep(3 * time.Second)
				read(w)
				for w.all[0].reads.Load() == 0 {
					time.Sleep(100 * time.Millisecond)
				}
				hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
				w.all[0].away.Store(true)
				w.all[0].answer.Store(&hangs)
				cutOff := time.Now()
				time.Sleep(time.Minute)
				require.LessOrEqual(t, w.all[0].readEnded.Load().Sub(cutOff), 9*time.Second)
				require.Greater(t, w.all[0].readEnded.Load().Sub(cutOff), 5*time.Second, "it was under way until the lease ended")
			})
		})
	}
}

// A site that is refused is on its way to a pause, whoever carries it: a hand-over fails no
// further leads.
func TestAHandOverRemembersRefusals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: status(422)} }}
		w := startReplicas(t, b, courier.Options{}, courier.Options{}, courier.Options{})
		var ids []lead.RemoteID
		post := func(n int) {
			for range n {
				ids = append(ids, w.postAbout("casas", fmt.Sprint("EB-XX", len(ids))))
				time.Sleep(time.Second)
			}
		}
		post(3)
		w.all[0].halt()
		time.Sleep(5 * time.Second)
		post(2)
		time.Sleep(5 * time.Second)
		go w.all[1].kill()
		time.Sleep(15 * time.Second)
		post(4)
		time.Sleep(5 * time.Second)
		require.Equal(t, lead.SitePaused, w.all[2].courier.Status()[1].State)
		require.Equal(t, map[lead.State]int{lead.Failed: 5, lead.Queued: 4}, w.states(ids))
	})
}

// A site whose leads were taken lately is not paused, though its last ones were refused and
// another replica carries it now.
func TestAHandOverRemembersThatALeadWasTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{about: map[string]error{}}
		w := startReplicas(t, b, courier.Options{}, courier.Options{})
		require.NotZero(t, w.postAbout("casas", "EB-GOOD"))
		time.Sleep(5 * time.Second)
		w.all[0].halt()
		time.Sleep(5 * time.Second)
		b.now(func(b *broker) {
			for i := range 10 {
				b.about[fmt.Sprint("EB-XX", i)] = status(404)
			}
		})
		for i := range 10 {
			w.postAbout("casas", fmt.Sprint("EB-XX", i))
			time.Sleep(time.Second)
		}
		require.Len(t, w.all[1].courier.Status(), 1)
	})
}
