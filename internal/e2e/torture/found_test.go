package torture_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
)

// What the matrix and the comparison have found, each at its smallest.

// The fifth answer in a row that is lost opens the breaker. If that was the
// last lead, nobody comes to wake the relay, and it must still probe.
func TestABreakerThatOpensWithTheLastLeadIsProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := fault{answer: reset}
		b := newBed(t, cell{fault: &lost, at: kept, everyNth: 1}, courier.Options{}, fakebroker.Faults{})
		for n := 1; n <= 5; n++ {
			b.post(n)
		}
		time.Sleep(2 * time.Minute)
		require.Equal(t, 5, b.count(lead.Confirmed), "%d calls, the last at %s", len(b.calls()), b.calls()[len(b.calls())-1].Format(clock))
	})
}

// The process stands still for less than a lease when it is about to write the
// request, which leaves when it goes on. Until the list must show it, the
// settle delay counts from then.
func TestARequestThatLeavesLateIsNotSentAgainEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		still := fault{befall: func(l *life, _ int) { l.host.freeze(45 * time.Second) }}
		b := newBed(t, cell{fault: &still, at: leaving, everyNth: 1}, courier.Options{}, fakebroker.Faults{ListLag: fakebroker.Duration(justBeforeSettling)})
		b.post(1)
		b.rest(time.Hour)
		b.score(nil).mustHold(b)
	})
}

// The clock was an hour ahead when the attempt began. The relay died, and was
// started again with the right time.
func TestAnAttemptFromTheFutureIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		died := fault{befall: func(l *life, _ int) { l.kill(); l.host.setClock() }}
		b := newBed(t, cell{fault: &died, at: kept, everyNth: 1}, courier.Options{}, fakebroker.Faults{ListLag: fakebroker.Duration(time.Minute)})
		b.hosts[0].setClock()
		b.post(1)
		b.rest(3 * time.Hour)
		b.score(nil).mustHold(b)
	})
}

// EasyBroker refuses the remote_id, and the first answer is lost. The list then
// proves that the lead is not there, so the second refusal is meant.
func TestARefusedRemoteIDIsToldAfterADoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := fault{answer: reset}
		b := newBed(t, cell{fault: &lost, at: kept, everyNth: 1}, courier.Options{}, fakebroker.Faults{MaxRemoteID: 1<<31 - 1})
		id := b.post(1)
		time.Sleep(6 * time.Hour)
		l, attempts, err := b.alive().store.Find(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, lead.Failed, l.State, "%+v", attempts)
		require.Contains(t, l.Reason, "remote_id")
	})
}

// Whoever is refused for the remote_id is in doubt, for EasyBroker may have it.
// When its list proves that it has not, those that came first fail with what it
// means; from the sixth on, of more than one property, the site is paused and
// the others wait.
func TestLeadsWhoseRemoteIDIsRefusedFailOrWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, cell{nProperties: 3}, courier.Options{}, fakebroker.Faults{MaxRemoteID: 1<<31 - 1})
		b.visit(9, time.Second)
		time.Sleep(6 * time.Hour)
		for id := range b.posted {
			l, attempts, err := b.alive().store.Find(t.Context(), id)
			require.NoError(t, err)
			for _, a := range attempts {
				require.Contains(t, []lead.Outcome{lead.OutcomeUnsure, ""}, a.Outcome, "attempt %d of %d", a.Number, id)
			}
			require.Contains(t, l.Reason, "remote_id")
		}
		require.Equal(t, 5, b.count(lead.Failed))
		require.Empty(t, b.broker.Book())
	})
}
