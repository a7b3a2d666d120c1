package courier_test

import (
	"context"
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
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// relay is one of the processes that share a PostgreSQL database, in real time.
type relay struct {
	*store.Store
	counting
	courier *courier.Courier
	halt    func()
	dead    atomic.Bool // see [replica]
}

// counting is a client that counts the leads it sends.
type counting struct {
	client *easybroker.Client
	posts  *atomic.Int64
}

func (r counting) List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	return r.client.List(ctx, a, q)
}

func (r counting) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	r.posts.Add(1)
	return r.client.Create(ctx, a, cr)
}

func (r *relay) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	if r.dead.Load() {
		return errAway
	}
	return r.Store.Settle(ctx, c, to)
}

func (r *relay) RenewLeases(ctx context.Context, all []lead.LeaseRequest) ([]lead.Lease, error) {
	if r.dead.Load() {
		return nil, errAway
	}
	return r.Store.RenewLeases(ctx, all)
}

func (r *relay) kill() {
	r.dead.Store(true)
	r.halt()
}

// relays are several of them, and the pretend EasyBroker.
type relays struct {
	*testing.T
	broker  *fakebroker.Broker
	route   courier.Route
	address string // of the database
	all     []*relay
	ids     []lead.RemoteID
}

// newPostgres returns the address of a database that has a store's tables, and no lead.
func newPostgres(t *testing.T) string {
	t.Helper()
	return postgrestest.Filled(t, func(address string) error {
		s, err := store.OpenPostgres(context.Background(), address, store.PostgresOptions{})
		if err != nil {
			return err
		}
		return s.Close()
	})
}

func startRelays(t *testing.T, n int) *relays {
	t.Helper()
	t.Parallel()
	w := &relays{T: t, broker: fakebroker.New(fakebroker.Options{}), route: casas, address: newPostgres(t)}
	url, stop, err := w.broker.Start()
	require.NoError(t, err)
	t.Cleanup(stop)
	w.route.Account.URL = url
	for range n {
		w.start()
	}
	return w
}

func (w *relays) start() {
	w.Helper()
	s, err := store.OpenPostgres(w.Context(), w.address, store.PostgresOptions{})
	require.NoError(w, err)
	r := &relay{Store: s, counting: counting{easybroker.New(easybroker.Options{Timeout: time.Minute}), new(atomic.Int64)}}
	r.courier = courier.New(r, r.counting, []courier.Route{w.route}, couriertest.WithDefaults(courier.Options{Leases: r}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.courier.Run(ctx) }()
	r.halt = sync.OnceFunc(func() { cancel(); require.NoError(w, <-done) })
	w.Cleanup(func() { r.halt(); r.client.CloseIdle(); require.NoError(w, r.Close()) })
	w.all = append(w.all, r)
}

// post has one of the relays keep an inquiry.
func (w *relays) post(at *relay) lead.RemoteID {
	w.Helper()
	l, err := lead.New(lead.Inquiry{
		Site: "casas", PropertyID: "EB-XX1234", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "55 1234 5678", Message: fmt.Sprint("Hola ", len(w.ids)),
	}, "casas.mx", lead.DefaultRules(), time.Now())
	require.NoError(w, err)
	kept, err := at.Keep(w.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(w, err)
	w.ids = append(w.ids, kept.RemoteID)
	return kept.RemoteID
}

func (w *relays) await(within time.Duration, what func(find func(lead.RemoteID) lead.State) bool) {
	w.Helper()
	s := w.all[len(w.all)-1].Store
	find := func(id lead.RemoteID) lead.State {
		l, _, err := s.Find(w.Context(), id)
		require.NoError(w, err)
		return l.State
	}
	require.Eventually(w, func() bool { return what(find) }, within, 50*time.Millisecond)
}

// holder returns the only one that has sent anything since the counts were taken.
func (w *relays) holder(before []int64) *relay {
	w.Helper()
	var found *relay
	for i, r := range w.all {
		if r.posts.Load() > before[i] {
			require.Nil(w, found, "two replicas sent at once")
			found = r
		}
	}
	require.NotNil(w, found)
	return found
}

func (w *relays) counts() (all []int64) {
	for _, r := range w.all {
		all = append(all, r.posts.Load())
	}
	return all
}

func isDone(s lead.State) bool { return s == lead.Delivered || s == lead.Confirmed }

func TestReplicasOnPostgres(t *testing.T) {
	w := startRelays(t, 3)
	before := w.counts()
	for i := range 30 {
		w.post(w.all[i%3])
	}
	w.await(20*time.Second, func(find func(lead.RemoteID) lead.State) bool {
		return isDone(find(w.ids[0])) && isDone(find(w.ids[29]))
	})
	first := w.holder(before)

	// The holder is killed in the middle of a call.
	w.broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{On: "POST", Next: 1, Do: "hang", After: true}}})
	cut := w.post(w.all[0])
	w.await(10*time.Second, func(find func(lead.RemoteID) lead.State) bool {
		return find(cut) == lead.Sending && len(w.broker.Book()) == 31
	})
	before = w.counts()
	go first.kill()
	for _, r := range w.all {
		if r != first {
			w.post(r)
		}
	}
	w.await(15*time.Second, func(find func(lead.RemoteID) lead.State) bool {
		return isDone(find(w.ids[32])) && find(cut) != lead.Sending
	})
	second := w.holder(before)
	require.NotSame(t, first, second)

	// The next one stops.
	before = w.counts()
	second.halt()
	last := w.post(first)
	w.await(8*time.Second, func(find func(lead.RemoteID) lead.State) bool { return isDone(find(last)) })
	third := w.holder(before)
	require.NotSame(t, second, third)
	require.NotSame(t, first, third)
	w.await(time.Minute, func(find func(lead.RemoteID) lead.State) bool {
		for _, id := range w.ids {
			if find(id) != lead.Confirmed {
				return false
			}
		}
		return true
	})
	require.Len(t, w.broker.Book(), len(w.ids))
	for _, k := range w.broker.Book() {
		require.Equal(t, 1, k.Posts)
	}
}

// A lead that one replica acknowledges is soon at EasyBroker, though another carries it.
func TestALeadIsSoonSentByAnotherReplica(t *testing.T) {
	const leads, typical = 40, 300 * time.Millisecond
	w := startRelays(t, 2)
	before := w.counts()
	first := w.post(w.all[0])
	w.await(20*time.Second, func(find func(lead.RemoteID) lead.State) bool { return isDone(find(first)) })
	other := w.all[0]
	if w.holder(before) == other {
		other = w.all[1]
	}
	kept := map[lead.RemoteID]time.Time{}
	for i := range leads {
		id := w.post(other)
		kept[id] = time.Now()
		time.Sleep(time.Duration(110+i*13%100) * time.Millisecond)
	}
	w.await(20*time.Second, func(func(lead.RemoteID) lead.State) bool { return len(w.broker.Book()) == leads+1 })
	var waits []time.Duration
	for _, k := range w.broker.Book() {
		if at, ok := kept[lead.RemoteID(k.RemoteID)]; ok {
			waits = append(waits, k.Arrived.Sub(at))
		}
	}
	slices.Sort(waits)
	t.Logf("half of them took %v, 95 of 100 at most %v", waits[leads/2], waits[leads*95/100])
	require.Less(t, waits[leads/2], typical)
}

func TestAHeldKeyStaysHeldOnPostgres(t *testing.T) {
	w := startRelays(t, 2)
	w.broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "status", Status: 401}}})
	before := w.counts()
	w.post(w.all[0])
	isHeld := func(r *relay) bool { return r.courier.Status()[0].State == lead.CredentialHeld }
	require.Eventually(t, func() bool { return isHeld(w.all[0]) && isHeld(w.all[1]) }, 15*time.Second, 50*time.Millisecond)
	first := w.holder(before)
	since := first.courier.Status()[0].Since
	before = w.counts()
	first.halt()
	time.Sleep(4 * time.Second)
	for _, r := range w.all {
		require.True(t, isHeld(r))
		require.WithinDuration(t, since, r.courier.Status()[0].Since, 0)
	}
	require.Equal(t, before, w.counts())
}
