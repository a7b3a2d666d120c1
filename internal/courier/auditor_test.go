package courier_test

import (
	"cmp"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/store"
)

// archive is EasyBroker as an auditor sees it: what it lists, for each key.
type archive struct {
	mu     sync.Mutex
	listed map[string][]easybroker.Listed
	taken  map[int64]int // how often a remote_id was sent
	grows  bool          // a contact request of somebody else comes in with every call
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

// spend lets a call of the list take its time.
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

// list puts a contact request into the list of the first key.
func (a *archive) list(items ...easybroker.Listed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed["k"] = append(a.listed["k"], items...)
}

// office is a relay with its auditor, whose courier may run or not.
type office struct {
	*testing.T
	store   *store.Store
	archive *archive
	auditor *courier.Auditor
}

// both are two sites with keys of their own.
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
	if noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC); time.Now().Before(noon) {
		time.Sleep(time.Until(noon))
	}
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	o := &office{T: t, store: s, archive: newArchive()}
	o.auditor = courier.NewAuditor(newCourier(s, o.archive, routes, courier.Options{Log: zerolog.Nop()}), s)
	return o
}

// run lets the courier carry until the test ends.
func (o *office) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.auditor.Run(ctx) }()
	o.Cleanup(func() { cancel(); require.NoError(o, <-done) })
}

// ago keeps a lead that came into the state so long ago.
func (o *office) ago(age time.Duration, site string, state lead.State, message string) lead.Lead {
	o.Helper()
	at := time.Now().Add(-age)
	l, err := lead.New(lead.Inquiry{
		Site: site, PropertyID: "EB-XX1234", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "55 1234 5678", Message: message,
	}, "casas.mx", lead.DefaultRules(), at)
	require.NoError(o, err)
	l.State, l.DueAt = state, time.Time{}
	if state == lead.Queued || state == lead.Doubtful {
		l.DueAt = time.Now().Add(time.Hour)
	}
	kept, err := o.store.Keep(o.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(o, err)
	l.RemoteID = kept.RemoteID
	if state != lead.Delivered && state != lead.Confirmed {
		return l
	}
	l, err = o.store.Amend(o.Context(), l.RemoteID, func(l *lead.Lead) error {
		l.DeliveredAt = at
		if state == lead.Confirmed {
			l.ConfirmedAt = at
		}
		return nil
	})
	require.NoError(o, err)
	return l
}

// sent is how the lead stands in the list when nothing has gone wrong.
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

func (o *office) reconcile() lead.Drift {
	o.Helper()
	d, err := o.auditor.Reconcile(o.Context(), time.Now().Add(-24*time.Hour))
	require.NoError(o, err)
	return d
}

// Where everything drifts a report names a thousand of a kind and counts the rest,
// and its parts are added in the same way.
func TestADriftOfThousands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, items = 1000, 1207
		o := newOffice(t, both(easybroker.Partner))
		o.archive.page = 50
		for i := range items {
			item := easybroker.Listed{RemoteID: int64(items - i), PropertyID: strings.Repeat("á", 70+i), HappenedAt: time.Now().Add(-time.Hour)}
			o.archive.list(item)
			o.archive.listed["k2"] = append(o.archive.listed["k2"], item)
		}
		lost := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		d := o.reconcile()
		require.Equal(t, []lead.Drifted{drifted(lost)}, d.OnlyHere)
		require.Len(t, d.OnlyThere, most)
		require.Equal(t, map[lead.DriftKind]int{lead.OnlyThere: 2*items - most}, d.LeftOut)
		require.Equal(t, 2*items, d.Count(lead.OnlyThere))
		require.Equal(t, lead.Drifted{RemoteID: 7, PropertyID: strings.Repeat("á", 64)}, d.OnlyThere[6])
		require.True(t, d.Found())
		body, err := json.Marshal(d)
		require.NoError(t, err)
		require.Less(t, len(body), 256<<10)
	})
}

// More of our leads than a reconciliation holds at once are compared all the same,
// those of both sites in their order.
// What a command holds is bounded, so a second one waits for the first; who has no
// time to wait is told so.
func TestOneCommandRunsAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner)[:1])
		o.archive.takes = time.Second
		for i := range 6 {
			o.ago(time.Hour, "casas", lead.Failed, strconv.Itoa(i))
		}
		reconcile := func(ctx context.Context) error {
			_, err := o.auditor.Reconcile(ctx, time.Now().Add(-2*time.Hour))
			return err
		}
		replay := func(ctx context.Context) error {
			_, _, err := o.auditor.Replay(ctx, lead.Filter{State: lead.Failed}, true)
			return err
		}
		commands := []func(context.Context) error{reconcile, replay, reconcile, replay}
		var all sync.WaitGroup
		for _, command := range commands {
			all.Go(func() { require.NoError(t, command(t.Context())) })
		}
		synctest.Wait()
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for _, command := range commands {
			err := command(hurried)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "wait for another command")
		}
		all.Wait()
		require.GreaterOrEqual(t, o.archive.calls, len(commands))
		require.Equal(t, 1, o.archive.most)
		require.NoError(t, reconcile(t.Context()), "and the next may come")
	})
}

func TestALongReconciliation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := both(easybroker.Partner)
		one[1].Account = one[0].Account
		o := newOffice(t, one)
		o.archive.page = 50
		for i := range 130 {
			site := []string{"casas", "lofts"}[i%2]
			if l := o.ago(time.Hour, site, lead.Delivered, "Hola "+strconv.Itoa(i)); i%13 != 0 {
				o.archive.list(sent(l))
			}
		}
		d := o.reconcile()
		require.Equal(t, 130, d.Ours)
		require.Equal(t, 120, d.Confirmed)
		require.Len(t, d.OnlyHere, 10)
		require.Empty(t, d.LeftOut)
		require.True(t, slices.IsSortedFunc(d.OnlyHere, func(a, b lead.Drifted) int { return cmp.Compare(a.RemoteID, b.RemoteID) }))
	})
}

func drifted(l lead.Lead, fields ...lead.Field) lead.Drifted {
	return lead.Drifted{RemoteID: l.RemoteID, Site: l.Site, State: l.State, PropertyID: l.PropertyID, Fields: fields}
}

func TestWhereNothingIsWrongAReconciliationFindsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		for i := range 7 {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Confirmed, "Hola "+strconv.Itoa(i))))
		}
		early := o.ago(25*time.Hour, "casas", lead.Confirmed, "Hola")
		item := sent(early)
		item.HappenedAt = time.Now().Add(-24*time.Hour - 10*time.Minute) // their clock may differ
		o.archive.list(item)
		d := o.reconcile()
		require.False(t, d.Found())
		require.Equal(t, 7, d.Ours)
		require.Equal(t, 8, d.Listed)
		require.Zero(t, d.Confirmed)
		require.Empty(t, d.Unreadable)
	})
}

func TestAReconciliationNamesWhatDiffers(t *testing.T) {
	edit := func(item easybroker.Listed, f func(*easybroker.Listed)) easybroker.Listed { f(&item); return item }
	for name, test := range map[string]struct {
		scene func(o *office) (want lead.Drift)
	}{
		"swallowed by EasyBroker": {func(o *office) lead.Drift {
			return lead.Drift{Ours: 1, OnlyHere: []lead.Drifted{drifted(o.ago(time.Hour, "casas", lead.Delivered, "Hola"))}}
		}},
		"delivered so short ago that the list may lag": {func(o *office) lead.Drift {
			o.ago(14*time.Minute, "casas", lead.Delivered, "Hola")
			return lead.Drift{Ours: 1}
		}},
		"gone again after it was seen": {func(o *office) lead.Drift {
			return lead.Drift{Ours: 1, OnlyHere: []lead.Drifted{drifted(o.ago(time.Hour, "casas", lead.Confirmed, "Hola"))}}
		}},
		"delivered, listed, and not looked up yet": {func(o *office) lead.Drift {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Delivered, "Hola")))
			return lead.Drift{Ours: 1, Listed: 1, Confirmed: 1}
		}},
		"queued in a backup that was restored, and there long ago": {func(o *office) lead.Drift {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Queued, "Hola")))
			return lead.Drift{Listed: 1, Confirmed: 1}
		}},
		"doubtful and there": {func(o *office) lead.Drift {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Doubtful, "Hola")))
			return lead.Drift{Listed: 1, Confirmed: 1}
		}},
		"being sent": {func(o *office) lead.Drift {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Sending, "Hola")))
			return lead.Drift{Listed: 1}
		}},
		"failed here and there all the same": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Failed, "Hola")
			o.archive.list(sent(l))
			return lead.Drift{Listed: 1, OnlyThere: []lead.Drifted{drifted(l)}}
		}},
		"nobody's": {func(o *office) lead.Drift {
			o.archive.list(easybroker.Listed{RemoteID: 42, PropertyID: "EB-9", HappenedAt: time.Now().Add(-time.Hour)})
			return lead.Drift{Listed: 1, OnlyThere: []lead.Drifted{{RemoteID: 42, PropertyID: "EB-9"}}}
		}},
		"there twice": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
			o.archive.list(sent(l), edit(sent(l), func(i *easybroker.Listed) { i.HappenedAt = i.HappenedAt.Add(time.Second) }))
			return lead.Drift{Ours: 1, Listed: 2, Confirmed: 1, Twice: []lead.Drifted{drifted(l)}}
		}},
		"the same on two pages": {func(o *office) lead.Drift {
			o.archive.page = 1
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Confirmed, "Hola")), sent(o.ago(time.Hour, "casas", lead.Confirmed, "Otra")))
			return lead.Drift{Ours: 2, Listed: 2}
		}},
		"tidied up": {func(o *office) lead.Drift {
			o.archive.list(edit(sent(o.ago(time.Hour, "casas", lead.Confirmed, "Hola\n\n¿Sigue?")), func(i *easybroker.Listed) {
				i.Message, i.Phone, i.Email, i.Name = "Hola ¿Sigue?", "5512345678", "ANA@ejemplo.mx", "ANA"
			}))
			return lead.Drift{Ours: 1, Listed: 1}
		}},
		"changed": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Confirmed, "Hola")
			o.archive.list(edit(sent(l), func(i *easybroker.Listed) { i.PropertyID, i.Name, i.Phone = "EB-2", "", "5500000000" }))
			return lead.Drift{Ours: 1, Listed: 1, Differing: []lead.Drifted{drifted(l, lead.PropertyID, lead.Name, lead.Phone)}}
		}},
		"somebody else's under the same number": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "casas", lead.Queued, "Hola")
			o.archive.list(easybroker.Listed{
				RemoteID: int64(l.RemoteID), PropertyID: "EB-9", Name: "Beto", Email: "beto@otro.mx", Message: "Otra", HappenedAt: time.Now().Add(-time.Hour),
			})
			return lead.Drift{Listed: 1, Differing: []lead.Drifted{drifted(l, lead.PropertyID, lead.Name, lead.Email, lead.Phone, lead.Message)}}
		}},
		"delivered after a long outage": {func(o *office) lead.Drift {
			l := o.ago(72*time.Hour, "casas", lead.Delivered, "Hola")
			l, err := o.store.Amend(o.Context(), l.RemoteID, func(l *lead.Lead) error {
				l.DeliveredAt = time.Now().Add(-time.Hour)
				return nil
			})
			require.NoError(o, err)
			return lead.Drift{Ours: 1, OnlyHere: []lead.Drifted{drifted(l)}}
		}},
		"listed under another key": {func(o *office) lead.Drift {
			l := o.ago(time.Hour, "lofts", lead.Confirmed, "Hola")
			o.archive.list(sent(l))
			return lead.Drift{Ours: 1, Listed: 1, OnlyHere: []lead.Drifted{drifted(l)}}
		}},
		"a list that cannot be read": {func(o *office) lead.Drift {
			o.archive.fails["k2"] = &easybroker.StatusError{Status: 500, Reason: "canary"}
			o.ago(time.Hour, "lofts", lead.Delivered, "Hola")
			l := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
			return lead.Drift{Ours: 1, OnlyHere: []lead.Drifted{drifted(l)}, Unreadable: []lead.Unreadable{{Sites: []string{"lofts"}, Why: "easybroker: status 500"}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, both(easybroker.Partner))
				want := test.scene(o)
				got := o.reconcile()
				require.WithinDuration(t, time.Now(), got.ReadAt, time.Minute)
				want.Since, want.ReadAt = got.Since, got.ReadAt
				require.Equal(t, want, got)
				if want.Confirmed > 0 {
					again := o.reconcile()
					require.Zero(t, again.Confirmed, "it is confirmed now")
					require.Len(t, again.OnlyHere, len(want.OnlyHere))
				}
			})
		})
	}
}

// A plain account's list has no remote_id, so only what was written can be
// compared, and one contact request is never two leads.
func TestAReconciliationOfAPlainAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Plain))
		first, second := o.ago(2*time.Hour, "casas", lead.Delivered, "Hola"), o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		other := o.ago(time.Hour, "casas", lead.Delivered, "Otra")
		waiting := o.ago(time.Hour, "casas", lead.Queued, "Nueva")
		nobodys := easybroker.Listed{PropertyID: "EB-9", Email: "beto@otro.mx", Message: "Nada", HappenedAt: time.Now().Add(-time.Hour)}
		for _, item := range []easybroker.Listed{sent(first), sent(other), sent(waiting), nobodys} {
			item.RemoteID = 0
			o.archive.list(item)
		}
		d := o.reconcile()
		require.Equal(t, []lead.Drifted{drifted(second)}, d.OnlyHere)
		require.Empty(t, d.OnlyThere, "a plain account has contact requests of its own")
		require.Equal(t, 2, d.Confirmed)
		require.Equal(t, lead.Queued, o.state(waiting.RemoteID), "what looks the same proves nothing of a lead that was not sent")
	})
}

func TestAConfirmedLeadIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		l := o.ago(time.Hour, "casas", lead.Queued, "Hola")
		o.archive.list(sent(l))
		require.Equal(t, 1, o.reconcile().Confirmed)
		o.run()
		time.Sleep(3 * time.Hour)
		require.Equal(t, lead.Confirmed, o.state(l.RemoteID))
		o.archive.mu.Lock()
		defer o.archive.mu.Unlock()
		require.Empty(t, o.archive.taken)
	})
}

func TestAListOfManyPagesIsReadInHalves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		o.archive.page = 1
		const leads = 250 // on more than two times a hundred pages
		for i := range leads {
			o.archive.list(sent(o.ago(time.Duration(i)*5*time.Minute, "casas", lead.Confirmed, "Hola "+strconv.Itoa(i))))
		}
		d := o.reconcile()
		require.False(t, d.Found(), "%+v", d)
		require.Equal(t, leads, d.Listed)
		require.Empty(t, d.Unreadable)
	})
}

func TestABusyListIsComparedButForItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		o.archive.grows = true
		for i := range 9 {
			o.archive.list(sent(o.ago(time.Hour, "casas", lead.Confirmed, "Hola "+strconv.Itoa(i))))
		}
		lost := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		d := o.reconcile()
		require.Empty(t, d.Unreadable)
		require.Equal(t, 9, d.Listed)
		require.Empty(t, d.OnlyThere)
		require.Equal(t, []lead.Drifted{drifted(lost)}, d.OnlyHere)
	})
}

func TestAHeldCredentialIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		l := o.ago(time.Hour, "casas", lead.Delivered, "Hola")
		o.archive.fails["k"] = &easybroker.StatusError{Status: 401}
		require.Equal(t, []lead.Unreadable{{Sites: []string{"casas"}, Why: "easybroker: status 401"}}, o.reconcile().Unreadable)
		asked := o.archive.calls
		d := o.reconcile()
		require.Equal(t, []lead.Unreadable{{Sites: []string{"casas"}, Why: "the credential is held: easybroker: status 401"}}, d.Unreadable)
		require.Empty(t, d.OnlyHere, "a list that cannot be read says nothing of any lead")
		require.Equal(t, asked+1, o.archive.calls, "only the other key's list was read")
		replayed, _, err := o.auditor.Replay(t.Context(), lead.Filter{RemoteIDs: []lead.RemoteID{l.RemoteID}}, false)
		require.NoError(t, err)
		require.Equal(t, lead.Blocked, replayed[0].Verdict)
		require.Contains(t, replayed[0].Why, "held")
	})
}

func TestARestingCredentialIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, both(easybroker.Partner))
		o.archive.fails["k"] = &easybroker.StatusError{Status: 429, RetryAfter: 10 * time.Second}
		require.Len(t, o.reconcile().Unreadable, 1)
		delete(o.archive.fails, "k")
		asked := time.Now()
		require.Empty(t, o.reconcile().Unreadable)
		require.InDelta(t, 10, time.Since(asked).Seconds(), 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := o.auditor.Reconcile(ctx, time.Now())
		require.ErrorIs(t, err, context.Canceled)
	})
}
