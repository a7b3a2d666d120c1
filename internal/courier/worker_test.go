package courier_test

import (
	"context"
	"slices"
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

func TestATroubledSiteDelaysNoOther(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	dead := account
	dead.Key = secret.New("dead")
	slow := account
	slow.Key = secret.New("slow")
	bubble(t, func(t *testing.T) {
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
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	bubble(t, func(t *testing.T) {
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

// If EasyBroker is fast, many intents share a commit. If it is slow, no intent is
// written before there is a connection for it.
func TestIntentsRunAheadOfAFastBrokerOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	for took, most := range map[time.Duration]int{time.Millisecond: 64, 5 * time.Millisecond: 16, 50 * time.Millisecond: 4} {
		t.Run(took.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
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

func TestWhoComesInWhileABacklogDrainsGoesFirst(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	bubble(t, func(t *testing.T) {
		b := &broker{page: 50, listErr: status(401), answer: func(int, easybroker.Account) answer { return answer{err: status(401)} }}
		w := start(t, b, courier.Options{})
		for range 600 {
			w.post("casas")
		}
		time.Sleep(10 * time.Minute)
		b.now(func(b *broker) { b.listErr, b.answer = nil, nil })
		time.Sleep(40 * time.Second)
		var waits []time.Duration
		for range 60 { // one a second, at half of the pace's fresh half
			id, at := w.post("casas"), time.Now()
			w.await(id, lead.Delivered, 20*time.Second)
			waits = append(waits, time.Since(at))
			time.Sleep(time.Second)
		}
		slices.Sort(waits)
		require.Less(t, waits[57], 5*time.Second)
	})
}

// halfBroken is a store that hands out only leads that have just come due, and
// fails to read those that wait longest.
type halfBroken struct{ *store.Store }

func (s halfBroken) Begin(ctx context.Context, site string, q lead.Due) ([]lead.Claim, time.Time, error) {
	if q.Since.IsZero() {
		return nil, time.Time{}, errDisk
	}
	return s.Store.Begin(ctx, site, q)
}

// The intents of these attempts are on disk, so they must be made.
func TestAttemptsThatHaveBegunAreMadeThoughTheStoreFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &broker{})
		id := w.post("casas")
		w.run(halfBroken{w.store}, w.broker, courier.Options{})
		w.await(id, lead.Delivered, 5*time.Second)
	})
}

func TestACourierWithoutARequiredOptionPanics(t *testing.T) {
	for name, clear := range map[string]func(*courier.Options){
		"Timeout":     func(o *courier.Options) { o.Timeout = 0 },
		"MaxListLag":  func(o *courier.Options) { o.MaxListLag = 0 },
		"Schedule":    func(o *courier.Options) { o.Schedule = nil },
		"Deadline":    func(o *courier.Options) { o.Deadline = 0 },
		"Rate":        func(o *courier.Options) { o.Rate = 0 },
		"Concurrency": func(o *courier.Options) { o.Concurrency = 0 },
		"Probe":       func(o *courier.Options) { o.Probe = 0 },
	} {
		opt := couriertest.Options()
		clear(&opt)
		require.PanicsWithValue(t, "courier: Options."+name+" is missing", func() { courier.New(nil, nil, nil, opt) })
	}
}
