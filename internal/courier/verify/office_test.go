package verify_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/store"
)

// archive is EasyBroker as an auditor sees it: a list for each key.
type archive struct {
	mu     sync.Mutex
	listed map[string][]easybroker.Listed
	taken  map[int64]int // how often a remote_id was sent
	grows  bool          // another contact request comes in with every call
	fails  map[string]error
	page   int // items on a page, fewer than asked for
	calls  int // of the list
	takes  time.Duration
	now    int // calls of the list under way
	most   int
}

func newArchive() *archive {
	return &archive{listed: map[string][]easybroker.Listed{}, taken: map[int64]int{}, fails: map[string]error{}, page: 2}
}

func (a *archive) Create(_ context.Context, key easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken[cr.RemoteID]++
	a.listed[key.Key.Reveal()] = append(a.listed[key.Key.Reveal()], easybroker.Listed{
		RemoteID: cr.RemoteID, PropertyID: cr.PropertyID, Name: cr.Name, Email: cr.Email, Phone: cr.Phone, Message: cr.Message, HappenedAt: time.Now().UTC(),
	})
	return easybroker.Receipt{Status: 200}, nil
}

func (a *archive) List(_ context.Context, key easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	a.spend()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	if a.grows {
		a.listed["k"] = append(a.listed["k"], easybroker.Listed{RemoteID: int64(a.calls), HappenedAt: time.Now().UTC()})
	}
	if err := a.fails[key.Key.Reveal()]; err != nil {
		return easybroker.Page{}, err
	}
	var all []easybroker.Listed
	for _, item := range a.listed[key.Key.Reveal()] {
		if (q.PropertyID == "" || item.PropertyID == q.PropertyID) && !item.HappenedAt.Before(q.After) &&
			(q.Before.IsZero() || !item.HappenedAt.After(q.Before)) {
			all = append(all, item)
		}
	}
	from, to := min((q.Page-1)*a.page, len(all)), min(q.Page*a.page, len(all))
	return easybroker.Page{Content: all[from:to], Total: len(all), More: to < len(all), Date: time.Now()}, nil
}

// spend lets a call of the list take some time.
func (a *archive) spend() {
	a.count(1)
	time.Sleep(a.takes)
	a.count(-1)
}

func (a *archive) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now += n
	a.most = max(a.most, a.now)
}

// list adds contact requests to the list of the first key.
func (a *archive) list(items ...easybroker.Listed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed["k"] = append(a.listed["k"], items...)
}

// office is a relay with an auditor. Its courier need not run.
type office struct {
	*testing.T
	store   *store.Store
	archive *archive
	auditor *courier.Auditor
}

func TestMain(m *testing.M) { couriertest.Main(m) }

var bubble = couriertest.Bubble

var account = easybroker.Account{Key: secret.New("k"), Country: "MX", API: easybroker.Partner}

// both returns the routes of two sites with keys of their own.
func both(api easybroker.API) []courier.Route {
	second := account
	second.Key = secret.New("k2")
	routes := []courier.Route{{Site: "casas", Account: account, SendSource: true}, {Site: "lofts", Account: second}}
	for i := range routes {
		routes[i].Account.API = api
	}
	return routes
}

func newOffice(t *testing.T, routes []courier.Route) *office {
	t.Helper()
	s := couriertest.OpenStore(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	o := &office{T: t, store: s, archive: newArchive()}
	o.auditor = courier.NewAuditor(courier.New(s, o.archive, routes, couriertest.Options()), s)
	return o
}

// run runs the courier until the test ends.
func (o *office) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.auditor.Run(ctx) }()
	o.Cleanup(func() { cancel(); require.NoError(o, <-done) })
}

// ago keeps a lead that came into the state that long ago.
func (o *office) ago(age time.Duration, site string, state lead.State, message string) lead.Lead {
	o.Helper()
	l, err := o.keep(time.Now().Add(-age), site, state, message)
	require.NoError(o, err)
	return l
}

// together keeps n leads at once, so that they share commits. The call for i keeps
// one of them.
func (o *office) together(n int, keep func(i int) (lead.Lead, error)) []lead.Lead {
	o.Helper()
	leads := make([]lead.Lead, n)
	var keeping errgroup.Group
	for i := range leads {
		keeping.Go(func() (err error) {
			leads[i], err = keep(i)
			return err
		})
	}
	require.NoError(o, keeping.Wait())
	return leads
}

// keep keeps a lead that came into the state at that time.
func (o *office) keep(at time.Time, site string, state lead.State, message string) (lead.Lead, error) {
	l, err := lead.New(lead.Inquiry{
		Site: site, PropertyID: "EB-XX1234", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "55 1234 5678", Message: message,
	}, "casas.mx", lead.DefaultRules(), at)
	if err != nil {
		return l, err
	}
	l.State, l.DueAt = state, time.Time{}
	if state == lead.Queued || state == lead.Doubtful {
		l.DueAt = time.Now().Add(time.Hour)
	}
	kept, err := o.store.Keep(o.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	l.RemoteID = kept.RemoteID
	if err != nil || state != lead.Delivered && state != lead.Confirmed {
		return l, err
	}
	return o.store.Amend(o.Context(), l.RemoteID, func(l *lead.Lead) error {
		l.DeliveredAt = at
		if state == lead.Confirmed {
			l.ConfirmedAt = at
		}
		return nil
	})
}

// sent returns the lead as it is listed if nothing has gone wrong.
func sent(l lead.Lead) easybroker.Listed {
	at := l.ReceivedAt
	if !l.DeliveredAt.IsZero() {
		at = l.DeliveredAt
	}
	return easybroker.Listed{
		RemoteID: int64(l.RemoteID), PropertyID: l.PropertyID, Name: l.Name, Email: l.Email, Phone: "+525512345678", Message: l.Message, HappenedAt: at,
	}
}

func (o *office) state(id lead.RemoteID) lead.State {
	o.Helper()
	l, _, err := o.store.Find(o.Context(), id)
	require.NoError(o, err)
	return l.State
}
