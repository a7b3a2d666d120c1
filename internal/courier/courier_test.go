package courier_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errReset is what the client says when the connection broke after the
// request had left.
var errReset = &easybroker.UnansweredError{Err: errors.New("reset")}

// answer is how the broker takes one call.
type answer struct {
	err  error
	keep bool          // whatever it says, it keeps the request
	took time.Duration // before it says anything
}

// broker is EasyBroker without a network: it keeps what it gets.
type broker struct {
	mu      sync.Mutex
	kept    []kept
	calls   []time.Time // of every POST
	looks   []time.Time // of every GET
	lag     time.Duration
	listErr error
	answer  func(call int, a easybroker.Account) answer
	about   map[string]error          // what it answers to a lead of these properties
	tried   []string                  // the properties of all POSTs
	page    int                       // items on one; one, so that a look-up must turn them, when zero
	ahead   time.Duration             // its clock
	move    func([]easybroker.Listed) // what it does to a list before it is cut into pages

	listTook time.Duration // before it answers with a page
	refuse   func(easybroker.Query) error
	turn     func(easybroker.Query, *easybroker.Page)
}

type kept struct {
	easybroker.ContactRequest
	at  time.Time
	key string
}

func (b *broker) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	b.mu.Lock()
	b.calls = append(b.calls, time.Now())
	how := answer{keep: true}
	if b.answer != nil {
		how = b.answer(len(b.calls), a)
	}
	b.tried = append(b.tried, cr.PropertyID)
	if err := b.about[cr.PropertyID]; err != nil {
		how = answer{err: err}
	}
	if how.keep {
		b.kept = append(b.kept, kept{cr, time.Now(), a.Key.Reveal()})
	}
	b.mu.Unlock()
	if how.took > 0 { // a timer for nothing has crashed Go's own runtime in a bubble, with the race detector
		select {
		case <-time.After(how.took):
		case <-ctx.Done():
			return easybroker.Receipt{}, &easybroker.UnansweredError{Err: ctx.Err()}
		}
	}
	return easybroker.Receipt{Status: 200}, how.err
}

func (b *broker) List(_ context.Context, _ easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	page, took, err := b.list(q)
	time.Sleep(took)
	return page, err
}

func (b *broker) list(q easybroker.Query) (page easybroker.Page, took time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks = append(b.looks, time.Now())
	if b.listErr != nil {
		return easybroker.Page{}, b.listTook, b.listErr
	}
	if b.refuse != nil {
		if err = b.refuse(q); err != nil {
			return easybroker.Page{}, b.listTook, err
		}
	}
	var all []easybroker.Listed
	for _, k := range b.kept {
		at := k.at.Add(b.ahead)
		if k.at.Add(b.lag).After(time.Now()) || at.Before(q.After) || !q.Before.IsZero() && at.After(q.Before) || q.PropertyID != "" && k.PropertyID != q.PropertyID {
			continue
		}
		all = append(all, easybroker.Listed{
			RemoteID: k.RemoteID, PropertyID: k.PropertyID, Name: k.Name, Email: k.Email, Phone: k.Phone,
			Message: k.Message, HappenedAt: at,
		})
	}
	slices.Reverse(all) // newest first
	if b.move != nil {
		b.move(all)
	}
	size := min(max(b.page, 1), q.Limit)
	start := min((q.Page-1)*size, len(all))
	end := min(start+size, len(all))
	page = easybroker.Page{Content: all[start:end], Total: len(all), More: end < len(all), Date: time.Now().Add(b.ahead)}
	if b.turn != nil {
		b.turn(q, &page)
	}
	return page, b.listTook, nil
}

func (b *broker) timesKept(id lead.RemoteID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, k := range b.kept {
		if k.RemoteID == int64(id) {
			n++
		}
	}
	return n
}

func (b *broker) reads() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.looks)
}

// now changes how it behaves.
func (b *broker) now(change func(*broker)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// all is what it has kept.
func (b *broker) all() []kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.kept)
}

// properties are what all POSTs were about.
func (b *broker) properties() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.tried)
}

func (b *broker) posts() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.calls...)
}

// newCourier returns a courier with the defaults of the settings for what opt
// leaves out.
func newCourier(outbox courier.Outbox, b courier.Broker, routes []courier.Route, opt courier.Options) *courier.Courier {
	return courier.New(outbox, b, routes, couriertest.WithDefaults(opt))
}

// world is a relay without a door: the real store and the real courier.
type world struct {
	*testing.T
	store   *store.Store
	courier *courier.Courier
	broker  *broker
	stop    context.CancelFunc
	stopped chan error
}

var account = easybroker.Account{Key: secret.New("k"), Country: "MX", API: easybroker.Partner}

// start opens a world in a bubble, at noon of a day on which remote ids are
// what they will be.
func start(t *testing.T, b *broker, opt courier.Options, routes ...courier.Route) *world {
	t.Helper()
	if noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC); time.Now().Before(noon) {
		time.Sleep(time.Until(noon))
	}
	if len(routes) == 0 {
		routes = []courier.Route{{Site: "casas", Account: account, SendSource: true}}
	}
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, err)
	w := &world{T: t, store: s, broker: b, stopped: make(chan error, 1)}
	opt.Log = zerolog.Nop()
	w.courier = newCourier(s, b, routes, opt)
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() { w.stopped <- w.courier.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-w.stopped)
		require.NoError(t, s.Close())
	})
	return w
}

// post does what the door does.
func (w *world) post(site string) lead.RemoteID {
	w.Helper()
	return w.postAbout(site, "EB-XX1234")
}

func (w *world) postAbout(site, property string) lead.RemoteID {
	w.Helper()
	return w.keep(site, property, time.Now())
}

// postAt is post by another clock.
func (w *world) postAt(now time.Time) lead.RemoteID {
	w.Helper()
	return w.keep("casas", "EB-XX1234", now)
}

func (w *world) keep(site, property string, at time.Time) lead.RemoteID {
	w.Helper()
	l, err := lead.New(lead.Inquiry{
		Site: site, PropertyID: property, Name: "Ana", Email: "ana@ejemplo.mx", Phone: "55 1234 5678", Message: "Hola",
	}, "casas.mx", lead.DefaultRules(), at)
	require.NoError(w, err)
	kept, err := w.store.Keep(w.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(w, err)
	w.courier.Wake(site)
	return kept.RemoteID
}

func (w *world) find(id lead.RemoteID) (lead.Lead, []lead.Attempt) {
	w.Helper()
	l, attempts, err := w.store.Find(w.Context(), id)
	require.NoError(w, err)
	return l, attempts
}

// await lets time pass until the lead is in the state; a delivered one may
// have been confirmed meanwhile.
func (w *world) await(id lead.RemoteID, state lead.State, within time.Duration) {
	w.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(within / 100) {
		l, attempts := w.find(id)
		if l.State == state || state == lead.Delivered && l.State == lead.Confirmed {
			return
		}
		require.True(w, time.Now().Before(deadline), "still %s (%s) after %s: %+v", l.State, l.Reason, within, attempts)
	}
}

func TestAnInquiryReachesAHealthyBrokerAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, &broker{}, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Delivered, 100*time.Millisecond)

		require.Equal(t, easybroker.ContactRequest{
			PropertyID: "EB-XX1234", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "+525512345678",
			Message: "Hola", Source: "casas.mx", RemoteID: int64(id),
		}, w.broker.all()[0].ContactRequest)
		l, attempts := w.find(id)
		require.NotZero(t, l.DeliveredAt)
		require.Len(t, attempts, 1)
		require.Equal(t, lead.OutcomeDelivered, attempts[0].Outcome)
	})
}

func TestHowTheFirstAttemptEnds(t *testing.T) {
	for name, test := range map[string]struct {
		first   answer
		state   lead.State // right after the attempt
		outcome lead.Outcome
		end     lead.State // after an hour
		kept    int
	}{
		"taken":                           {answer{keep: true}, lead.Delivered, lead.OutcomeDelivered, lead.Confirmed, 1},
		"refused":                         {answer{err: status(422)}, lead.Failed, lead.OutcomeRefused, lead.Failed, 0},
		"an unknown property":             {answer{err: status(404)}, lead.Failed, lead.OutcomeRefused, lead.Failed, 0},
		"a revoked key":                   {answer{err: status(401)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"a plan without the API":          {answer{err: status(403)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"too early":                       {answer{err: status(425)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"nobody has seen that yet":        {answer{err: status(402)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"too large":                       {answer{err: status(413)}, lead.Failed, lead.OutcomeRefused, lead.Failed, 0},
		"too many calls":                  {answer{err: status(429)}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"nothing left this machine":       {answer{err: &easybroker.NotSentError{Err: errReset}}, lead.Queued, lead.OutcomeDeferred, lead.Confirmed, 1},
		"connection lost before":          {answer{err: errReset}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but the answer lost":      {answer{err: errReset, keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"not taken, and 500 answered":     {answer{err: status(500)}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but 500 answered":         {answer{err: status(500), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but 503 answered":         {answer{err: status(503), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but redirected":           {answer{err: status(302), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but 409 answered":         {answer{err: status(409), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but 408 answered":         {answer{err: status(408), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but nothing readable":     {answer{err: &easybroker.UnreadableError{Status: 200}, keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"not taken, and nothing readable": {answer{err: &easybroker.UnreadableError{Status: 204}}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"an error that nobody knows":      {answer{err: errors.New("?"), keep: true}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"taken, but never answered":       {answer{keep: true, took: time.Hour}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
		"never answered":                  {answer{took: time.Hour}, lead.Doubtful, lead.OutcomeUnsure, lead.Confirmed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{lag: 2 * time.Minute, answer: func(call int, _ easybroker.Account) answer {
					if call == 1 {
						return test.first
					}
					return answer{keep: true}
				}}
				w := start(t, b, courier.Options{})
				id := w.post("casas")
				time.Sleep(min(test.first.took, 15*time.Second) + 500*time.Millisecond)
				l, attempts := w.find(id)
				require.Equal(t, test.state, l.State)
				require.Equal(t, test.outcome, attempts[0].Outcome)
				time.Sleep(time.Hour)
				l, _ = w.find(id)
				require.Equal(t, test.end, l.State, l.Reason)
				require.Equal(t, test.kept, b.timesKept(id))
			})
		})
	}
}

func TestADoubtfulLeadIsNotSentAgainBeforeTheListHasSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(call int, _ easybroker.Account) answer {
			if call == 1 {
				return answer{err: errReset}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Doubtful, time.Second)
		w.await(id, lead.Delivered, time.Hour)

		posts := w.broker.posts()
		require.Len(t, posts, 2)
		require.GreaterOrEqual(t, posts[1].Sub(posts[0]), 5*time.Minute)
		require.Less(t, posts[1].Sub(posts[0]), 6*time.Minute)
		require.Less(t, b.reads()[0].Sub(posts[0]), 10*time.Second, "it is looked up early")
		require.Greater(t, len(b.reads()), 4, "and often")
	})
}

func TestAListThatLagsHidesNoLead(t *testing.T) {
	for _, lag := range []time.Duration{0, time.Second, time.Minute, 5 * time.Minute} {
		t.Run(lag.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{lag: lag, answer: func(int, easybroker.Account) answer { return answer{keep: true, err: errReset} }}
				w := start(t, b, courier.Options{})
				var ids []lead.RemoteID
				for range 30 {
					ids = append(ids, w.post("casas"))
				}
				time.Sleep(time.Hour)
				for _, id := range ids {
					w.await(id, lead.Confirmed, time.Minute)
					require.Equal(t, 1, b.timesKept(id))
				}
			})
		})
	}
}

func TestALeadStaysDoubtfulWhileTheListCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{
			listErr: &easybroker.StatusError{Status: 500},
			answer:  func(int, easybroker.Account) answer { return answer{keep: true, err: errReset} },
		}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		time.Sleep(12 * time.Hour)
		l, _ := w.find(id)
		require.Equal(t, lead.Doubtful, l.State)
		require.Contains(t, l.Reason, "look-up failed")
		require.Len(t, w.broker.posts(), 1)
		require.Less(t, len(b.reads()), 200, "an outage is no reason to hammer")

		b.mu.Lock()
		b.listErr = nil
		b.mu.Unlock()
		w.await(id, lead.Confirmed, 15*time.Minute)
	})
}

func TestARevokedKeyFailsNoLeadAndIsProbedGently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoked := true
		b := &broker{answer: func(int, easybroker.Account) answer {
			if revoked {
				return answer{err: &easybroker.StatusError{Status: 401}}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{})
		var ids []lead.RemoteID
		for range 20 {
			ids = append(ids, w.post("casas"))
		}
		const sunday = 3*time.Hour + 10*time.Second // between two probes
		time.Sleep(sunday)
		probes := int(sunday / (30 * time.Second))
		require.LessOrEqual(t, len(w.broker.posts()), probes+4)
		require.GreaterOrEqual(t, len(w.broker.posts()), probes-4)
		for _, id := range ids {
			l, _ := w.find(id)
			require.Equal(t, lead.Queued, l.State)
		}

		b.mu.Lock()
		revoked = false
		b.mu.Unlock()
		for _, id := range ids {
			w.await(id, lead.Delivered, 35*time.Second)
		}
	})
}

func TestALeadThatIsNotDeliveredByItsDeadlineWaitsForAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: &easybroker.StatusError{Status: 503}} }}
		w := start(t, b, courier.Options{Schedule: courier.Schedule{time.Minute, time.Hour, 12 * time.Hour}})
		id := w.post("casas")
		time.Sleep(8 * 24 * time.Hour)
		l, attempts := w.find(id)
		require.Equal(t, lead.Failed, l.State)
		require.Equal(t, "deadline", l.Reason)
		require.InDelta(t, 15, len(attempts), 3) // a week of half days
	})
}

func TestATroubledSiteDelaysNoOther(t *testing.T) {
	dead := account
	dead.Key = secret.New("dead")
	slow := account
	slow.Key = secret.New("slow")
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(_ int, a easybroker.Account) answer {
			switch a.Key.Reveal() {
			case "dead":
				return answer{err: &easybroker.StatusError{Status: 401}}
			case "slow":
				return answer{keep: true, took: 14 * time.Second}
			}
			return answer{keep: true}
		}}
		w := start(t, b, courier.Options{},
			courier.Route{Site: "casas", Account: account}, courier.Route{Site: "lofts", Account: dead}, courier.Route{Site: "villas", Account: slow})
		for range 50 {
			w.post("lofts")
			w.post("villas")
		}
		for range 20 {
			w.await(w.post("casas"), lead.Delivered, 200*time.Millisecond)
		}
	})
}

func TestSitesWithOneKeyShareItsPaceInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, &broker{}, courier.Options{},
			courier.Route{Site: "casas", Account: account}, courier.Route{Site: "lofts", Account: account})
		for range 300 {
			w.post("casas")
		}
		id := w.post("lofts")
		w.await(id, lead.Delivered, 3*time.Second)
		time.Sleep(time.Minute)
		posts := w.broker.posts()
		require.Len(t, posts, 301)
		for i := 20; i < len(posts); i++ {
			require.GreaterOrEqual(t, posts[i].Sub(posts[i-20]), 900*time.Millisecond, "ten calls a second, and a burst of ten")
		}
	})
}

func TestStoppingFinishesWhatBeganAndGivesBackTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{keep: true, took: 5 * time.Second} }}
		w := start(t, b, courier.Options{Concurrency: 2})
		var ids []lead.RemoteID
		for range 6 {
			ids = append(ids, w.post("casas"))
		}
		time.Sleep(time.Second)
		asked := time.Now()
		w.stop()
		err := <-w.stopped
		w.stopped <- err
		require.NoError(t, err)
		require.Less(t, time.Since(asked), 5*time.Second)

		states := map[lead.State]int{}
		for _, id := range ids {
			l, attempts := w.find(id)
			states[l.State]++
			if l.State == lead.Queued {
				require.Empty(t, attempts)
				require.False(t, l.DueAt.After(time.Now()), "due at once for the next start")
			}
		}
		require.Equal(t, map[lead.State]int{lead.Delivered: 2, lead.Queued: 4}, states)
	})
}

// Many intents share a commit where EasyBroker is fast. Where it is slow, none is
// written down before there is a connection for it.
func TestIntentsRunAheadOfAFastBrokerOnly(t *testing.T) {
	for took, most := range map[time.Duration]int{time.Millisecond: 64, 5 * time.Millisecond: 16, 50 * time.Millisecond: 4} {
		t.Run(took.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{answer: func(int, easybroker.Account) answer { return answer{keep: true, took: took} }}
				w := start(t, b, courier.Options{Rate: 1e6})
				for range 300 {
					w.post("casas")
				}
				begun := 0
				for range 50 {
					time.Sleep(took)
					counts, err := w.store.Counts(t.Context())
					require.NoError(t, err)
					for _, c := range counts {
						if c.State == lead.Sending {
							begun = max(begun, c.Leads)
						}
					}
				}
				require.LessOrEqual(t, begun, most+4, "with those whose end is being written down")
				require.Greater(t, begun, most/2)
			})
		})
	}
}

func TestAnAttemptThatACrashCutIsLookedUpBeforeItIsSentAgain(t *testing.T) {
	for name, arrived := range map[string]bool{"it had arrived": true, "it had not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{}
				w := start(t, b, courier.Options{})
				w.stop()
				err := <-w.stopped
				id := w.post("casas")
				_, _, beginErr := w.store.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute})
				require.NoError(t, beginErr)
				if arrived {
					b.kept = append(b.kept, kept{easybroker.ContactRequest{RemoteID: int64(id), PropertyID: "EB-XX1234"}, time.Now(), "k"})
				}
				w.stopped <- err

				ctx, cancel := context.WithCancel(context.Background())
				again := newCourier(w.store, b, []courier.Route{{Site: "casas", Account: account}}, courier.Options{Log: zerolog.Nop()})
				done := make(chan error, 1)
				go func() { done <- again.Run(ctx) }()
				time.Sleep(time.Hour)
				cancel()
				require.NoError(t, <-done)
				require.Equal(t, 1, b.timesKept(id))
				l, _ := w.find(id)
				require.Equal(t, lead.Confirmed, l.State)
			})
		})
	}
}

func TestAPlainAccountIsLookedUpByWhatTheVisitorWrote(t *testing.T) {
	plain := account
	plain.API = easybroker.Plain
	for name, test := range map[string]struct {
		twins int
		end   lead.State
	}{
		"nobody wrote the same":           {0, lead.Confirmed},
		"somebody wrote the very same":    {1, lead.Failed},
		"several people wrote the same":   {3, lead.Failed},
		"nobody wrote anything like that": {-1, lead.Delivered},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{answer: func(call int, _ easybroker.Account) answer {
					if call == 1 {
						return answer{keep: test.twins >= 0, err: errReset}
					}
					return answer{keep: true}
				}}
				w := start(t, b, courier.Options{}, courier.Route{Site: "casas", Account: plain})
				id := w.post("casas")
				w.await(id, lead.Doubtful, time.Second)
				b.mu.Lock()
				for i := range test.twins {
					twin := b.kept[0]
					twin.at = twin.at.Add(time.Duration(i+1) * time.Second)
					b.kept = append(b.kept, twin)
				}
				b.mu.Unlock()
				w.await(id, test.end, time.Hour)
			})
		})
	}
}

func TestAStoreThatFailsIsAskedAgainGently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := newCourier(brokenOutbox{&asked}, &broker{}, []courier.Route{{Site: "casas", Account: account}}, courier.Options{Log: zerolog.Nop()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, c.Run(ctx))
		require.InDelta(t, 60, asked, 2)
	})
}

type brokenOutbox struct{ asked *int }

var errDisk = errors.New("disk I/O error")

func (o brokenOutbox) Begin(context.Context, string, lead.Due) ([]lead.Claim, time.Time, error) {
	*o.asked++
	return nil, time.Time{}, errDisk
}

func (brokenOutbox) ClaimLookups(context.Context, []string, lead.Due) ([]lead.Claim, time.Time, error) {
	return nil, time.Time{}, errDisk
}

func (brokenOutbox) Expire(context.Context, string, time.Time, lead.Due) ([]lead.RemoteID, error) {
	return nil, errDisk
}
func (brokenOutbox) Settle(context.Context, lead.Claim, lead.Settlement) error { return errDisk }
func (brokenOutbox) Release(context.Context, lead.Claim) error                 { return errDisk }

func ExampleSchedule_Wait() {
	s := couriertest.Options().Schedule
	fmt.Println(s.Wait(0), s.Wait(1), s.Wait(7), s.Wait(100))
	// Output: 5s 30s 4h0m0s 4h0m0s
}
