package torture_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
)

// The defaults that an outage is measured against.
const (
	probe   = 30 * time.Second
	timeout = 15 * time.Second
	pace    = 10 // calls a second, and as many at once after a rest
)

// EasyBroker is gone for a day. It costs a call per probe; and when it is
// back, the relay knows within one, drains what has piled up at its own pace,
// and lets nobody wait who comes meanwhile.
func TestADayWithoutEasyBroker(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	for _, o := range []outage{refused, unavailable, hanging} {
		t.Run(o.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				day := 24 * time.Hour
				if !inFull() {
					day /= 12
				}
				b := newBed(t, cell{}, courier.Options{}, fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute), RatePerSecond: 20})
				b.visit(9, time.Minute)
				gone := time.Now()
				b.breakDown(o)
				b.trickle(10, gone.Add(day))
				b.breakDown(none)
				back := time.Now()
				for b.callsBetween(back, time.Now()) == 0 {
					time.Sleep(time.Second)
				}
				fresh := b.stream(100_000)
				b.rest(24 * time.Hour)

				s := b.score(nil)
				t.Logf("%s: %d leads, %d calls during the outage, first call after %s", o, s.leads, b.callsBetween(gone, back), b.firstCall(back).Sub(back))
				s.mustHold(b)
				s.mustBeThere(b)
				b.mustHaveProbed(o, gone, back)
				b.mustHaveKeptItsPace()
				b.mustHaveServedFirst(fresh)
			})
		})
	}
}

// trickle posts a lead every 20 to 60 s.
func (b *bed) trickle(n int, until time.Time) {
	const shortest, most = 20, 41
	for ; time.Now().Before(until); n++ {
		b.post(n)
		time.Sleep(time.Duration(shortest+n*7%most) * time.Second)
	}
}

// stream posts a lead every second while the backlog drains.
func (b *bed) stream(n int) (fresh []lead.RemoteID) {
	for begun := time.Now(); ; n++ {
		fresh = append(fresh, b.post(n))
		time.Sleep(time.Second)
		if time.Since(begun) > time.Minute && b.count(lead.Queued) == 0 {
			return fresh
		}
	}
}

func (b *bed) callsBetween(from, until time.Time) int {
	n := 0
	for _, at := range b.calls() {
		if !at.Before(from) && at.Before(until) {
			n++
		}
	}
	return n
}

// firstCall is the first one at that time or later.
func (b *bed) firstCall(from time.Time) time.Time {
	calls := b.calls()
	i, _ := slices.BinarySearchFunc(calls, from, time.Time.Compare)
	require.Less(b, i, len(calls), "no call any more")
	return calls[i]
}

// mustHaveProbed asserts what the outage cost and how soon it was over.
func (b *bed) mustHaveProbed(o outage, gone, back time.Time) {
	b.Helper()
	const handful = 50
	require.LessOrEqual(b, b.callsBetween(gone, back), int(back.Sub(gone)/probe)+handful, "an outage is no reason to hammer")
	latest := probe + time.Second
	if o == hanging {
		latest += timeout // the last call of the outage hangs until then
	}
	require.LessOrEqual(b, b.firstCall(back).Sub(back), latest)
}

// mustHaveKeptItsPace holds every call against a bucket of ten that gets ten
// more a second: in s seconds there are at most ten times s calls, and ten.
func (b *bed) mustHaveKeptItsPace() {
	b.Helper()
	calls := b.calls()
	slices.SortFunc(calls, time.Time.Compare)
	tokens, last := float64(pace), calls[0]
	for _, at := range calls {
		tokens = min(pace, tokens+pace*at.Sub(last).Seconds()) - 1
		require.Greater(b, tokens, -0.1, "too many calls until %s", at)
		last = at
	}
	require.Zero(b, b.tooMany, "EasyBroker has answered 429")
}

// mustHaveServedFirst asserts that whoever came during the drain did not wait
// behind the backlog.
func (b *bed) mustHaveServedFirst(fresh []lead.RemoteID) {
	b.Helper()
	const bound = 5 * time.Second
	arrived := map[lead.RemoteID]time.Time{}
	for _, k := range b.broker.Book() {
		arrived[lead.RemoteID(k.RemoteID)] = k.Arrived
	}
	var waits []time.Duration
	for _, id := range fresh {
		waits = append(waits, arrived[id].Sub(b.posted[id]))
	}
	slices.Sort(waits)
	p95 := waits[len(waits)*95/100]
	b.Logf("%d leads came during the drain; half of them took %s, 95 of 100 at most %s", len(waits), waits[len(waits)/2], p95)
	require.LessOrEqual(b, p95, bound)
}

// EasyBroker comes and goes every seven seconds. It takes longer, and that is
// all.
func TestFlapping(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	for _, o := range []outage{refused, unavailable, hanging} {
		t.Run(o.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const half = 7 * time.Second
				b := newBed(t, cell{}, courier.Options{}, fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute), RatePerSecond: 20})
				hour, pause := time.Hour/6, 10*time.Second
				if inFull() {
					hour, pause = time.Hour, time.Second
				}
				go func() {
					for end := time.Now().Add(hour); time.Now().Before(end); time.Sleep(half) {
						b.breakDown(o)
						time.Sleep(half)
						b.breakDown(none)
					}
				}()
				for lead := 1; lead <= int(hour/pause); lead++ {
					b.post(lead)
					time.Sleep(pause)
				}
				b.rest(24 * time.Hour)
				s := b.score(nil)
				s.mustHold(b)
				s.mustBeThere(b)
				b.mustHaveKeptItsPace()
			})
		})
	}
}
