package notify

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

var (
	schedule = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour}
	crm      = lead.HookChannel("casas", "https://crm.casas.mx")
	erp      = lead.HookChannel("casas", "https://erp.casas.mx")
)

// receiver answers as it is told, and remembers what it took.
type receiver struct {
	mu     sync.Mutex
	answer func(d lead.Delivery) Result
	asked  []string
	at     []time.Time
	taken  []lead.RemoteID
}

func (r *receiver) send(ctx context.Context, d lead.Delivery, _ time.Time) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.answer(d)
	r.asked, r.at = append(r.asked, d.ID), append(r.at, time.Now())
	if result.Taken {
		r.taken = append(r.taken, d.RemoteID)
	}
	return result
}

func (r *receiver) set(answer func(lead.Delivery) Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) counted() (asked, taken int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked), len(r.taken)
}

func takes(lead.Delivery) Result { return Result{Taken: true, Status: 200} }
func refuses(lead.Delivery) Result {
	return Result{Status: 500, Why: "it did not take it"}
}

// world runs a carrier for two hooks in virtual time.
func world(t *testing.T, step time.Duration, run func(t *testing.T, s *store.Store, one, other *receiver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
		require.NoError(t, err)
		s.Subscribe(map[string][]lead.Subscription{"casas": {{Channel: crm, Notices: lead.Notices()}, {Channel: erp, Notices: lead.Notices()}}})
		one, other := &receiver{answer: takes}, &receiver{answer: takes}
		ctx, stop := context.WithCancel(t.Context())
		c := New(s, []Channel{{Name: crm, Send: one.send}, {Name: erp, Send: other.send}}, Options{Schedule: schedule, Log: zerolog.Nop()})
		c.step = step
		ended := make(chan struct{})
		go func() { c.Run(ctx); close(ended) }()
		run(t, s, one, other)
		stop()
		<-ended
		require.NoError(t, s.Close())
	})
}

// carryTo runs a carrier for one channel, until the function is called that it returns.
func carryTo(t *testing.T, s *store.Store, to Channel) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := New(s, []Channel{to}, Options{Schedule: schedule, Log: zerolog.Nop()})
	ended := make(chan struct{})
	go func() { c.Run(ctx); close(ended) }()
	return func() { stop(); <-ended }
}

func keep(t *testing.T, s *store.Store) lead.RemoteID {
	t.Helper()
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
	require.NoError(t, err)
	return kept.RemoteID
}

func TestAHookThatFailsDelaysNoOther(t *testing.T) {
	world(t, time.Second, func(t *testing.T, s *store.Store, one, other *receiver) {
		one.set(refuses)
		for range 20 {
			keep(t, s)
		}
		time.Sleep(10 * time.Second)
		_, taken := other.counted()
		require.Equal(t, 20, taken)
		asked, taken := one.counted()
		require.Zero(t, taken)
		require.LessOrEqual(t, asked, 6, "one that fails is asked for one thing at a time, and rests")

		time.Sleep(time.Hour)
		one.set(takes)
		time.Sleep(2 * time.Hour)
		_, taken = one.counted()
		require.Equal(t, 20, taken)
		require.Len(t, unique(one.asked), 20, "each under one id, however often it was sent")
		troubles, err := s.ChannelTroubles(t.Context())
		require.NoError(t, err)
		require.Empty(t, troubles)
	})
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

func TestAHookThatIsGoneIsSwitchedOff(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	world(t, time.Second, func(t *testing.T, s *store.Store, one, _ *receiver) {
		one.set(func(lead.Delivery) Result { return Result{Status: http.StatusGone, Gone: true} })
		keep(t, s)
		time.Sleep(3 * time.Second)
		keep(t, s)
		time.Sleep(12 * time.Hour)
		asked, _ := one.counted()
		require.Equal(t, 1, asked)
		troubles, err := s.ChannelTroubles(t.Context())
		require.NoError(t, err)
		require.Len(t, troubles, 1)
		require.Equal(t, lead.OffGone, troubles[0].Why)

		one.set(takes)
		require.NoError(t, s.OpenChannel(t.Context(), crm))
		time.Sleep(3 * time.Minute)
		_, taken := one.counted()
		require.Equal(t, 1, taken, "what has waited meanwhile is told")
	})
}

func TestTheEndOfThreeDaysSwitchesOff(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	world(t, time.Minute, func(t *testing.T, s *store.Store, one, _ *receiver) {
		one.set(refuses)
		begun := time.Now()
		keep(t, s)
		time.Sleep(71 * time.Hour)
		troubles, err := s.ChannelTroubles(t.Context())
		require.NoError(t, err)
		require.True(t, troubles[0].OffAt.IsZero())
		time.Sleep(2 * time.Hour)
		troubles, err = s.ChannelTroubles(t.Context())
		require.NoError(t, err)
		require.Equal(t, lead.OffExpired, troubles[0].Why)
		require.WithinDuration(t, begun.Add(72*time.Hour), one.at[len(one.at)-1], 2*time.Minute, "the last attempt is at the end")
		require.Greater(t, len(one.at), 15)
	})
}

// A lead that a receiver never takes does not switch it off for all others.
func TestALeadThatIsNeverTakenIsGivenUpAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	world(t, time.Minute, func(t *testing.T, s *store.Store, one, _ *receiver) {
		poison := keep(t, s)
		one.set(func(d lead.Delivery) Result {
			if d.RemoteID == poison {
				return refuses(d)
			}
			return takes(d)
		})
		for range 75 {
			time.Sleep(time.Hour)
			keep(t, s)
		}
		time.Sleep(time.Hour)
		_, taken := one.counted()
		require.Equal(t, 75, taken)
		told, err := s.Deliveries(t.Context(), poison)
		require.NoError(t, err)
		require.Equal(t, lead.DeliveryGivenUp, told[0].State)
		troubles, err := s.ChannelTroubles(t.Context())
		require.NoError(t, err)
		require.Empty(t, troubles)
	})
}

func TestWhoAsksToWaitIsLeftAlone(t *testing.T) {
	world(t, time.Second, func(t *testing.T, s *store.Store, one, _ *receiver) {
		one.set(func(lead.Delivery) Result {
			return Result{Status: http.StatusTooManyRequests, RetryAfter: time.Hour}
		})
		keep(t, s)
		keep(t, s)
		time.Sleep(59 * time.Minute)
		asked, _ := one.counted()
		require.LessOrEqual(t, asked, 2)
		one.set(takes)
		time.Sleep(2 * time.Minute)
		_, taken := one.counted()
		require.Equal(t, 2, taken)
	})
}

// A lead came while the clock was a day ahead, which was set right since.
func TestAClockThatIsSetBackHoldsNothing(t *testing.T) {
	world(t, time.Second, func(t *testing.T, s *store.Store, one, _ *receiver) {
		l := storetest.Draft(t, time.Now().Add(24*time.Hour))
		l.Site = "casas"
		_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		_, taken := one.counted()
		require.Equal(t, 1, taken)
	})
}
