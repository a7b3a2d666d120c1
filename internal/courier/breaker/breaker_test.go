package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/lead"
)

const probe = 30 * time.Second

// bubble runs the test in virtual time with the breaker of a credential that works.
func bubble(t *testing.T, test func(t *testing.T, b *breaker.Breaker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, breaker.New(probe, time.Now)) })
}

func next(b *breaker.Breaker) breaker.Step {
	step, _ := b.Next(time.Now())
	return step
}

func state(b *breaker.Breaker) string { return b.Status(nil).State }

func TestACredentialThatWorksSendsAll(t *testing.T) {
	bubble(t, func(t *testing.T, b *breaker.Breaker) {
		require.Equal(t, breaker.All, next(b))
		require.Equal(t, lead.CredentialWorking, state(b))
		_, stopped := b.ProbeDue()
		require.False(t, stopped)
		require.False(t, b.ReadableFrom(time.Now()).After(time.Now()))
	})
}

func TestAFailureOfTheCredentialCoolsItDownLongerEachTime(t *testing.T) {
	bubble(t, func(t *testing.T, b *breaker.Breaker) {
		for i := range breaker.InARow - 1 {
			require.Equal(t, i == 0, b.Failed(breaker.Failure{Credential: true}, 1))
			require.Equal(t, lead.CredentialResting, state(b))
			step, until := b.Next(time.Now())
			require.Equal(t, breaker.Wait, step)
			require.Equal(t, time.Second<<i, time.Until(until))
			time.Sleep(time.Until(until))
			require.Equal(t, breaker.Single, next(b))
		}
		require.True(t, b.Failed(breaker.Failure{Credential: true}, 1))
		require.Equal(t, lead.CredentialDown, state(b))
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	bubble(t, func(t *testing.T, b *breaker.Breaker) {
		b.Failed(breaker.Failure{Credential: true, RetryAfter: 5 * time.Minute}, 1)
		_, until := b.Next(time.Now())
		require.Equal(t, 5*time.Minute, time.Until(until))
	})
}

// One lead that ends in doubt again and again says nothing about the credential.
func TestDoubtsOfOneLeadDoNotOpenTheBreaker(t *testing.T) {
	bubble(t, func(t *testing.T, b *breaker.Breaker) {
		for range 3 * breaker.InARow {
			b.Failed(breaker.Failure{}, 1)
		}
		require.Equal(t, lead.CredentialWorking, state(b))
		for id := range lead.RemoteID(breaker.InARow - 1) {
			b.Failed(breaker.Failure{}, id+2)
		}
		require.Equal(t, lead.CredentialDown, state(b))
	})
}

func TestAStoppedCredentialIsProbedThenTriedThenOnProbation(t *testing.T) {
	bubble(t, func(t *testing.T, b *breaker.Breaker) {
		b.Failed(breaker.Failure{Credential: true, Held: true, Detail: "status 401"}, 1)
		require.Equal(t, lead.CredentialHeld, state(b))
		due, stopped := b.ProbeDue()
		require.True(t, stopped)
		require.Equal(t, probe, time.Until(due))
		time.Sleep(probe)
		require.Equal(t, breaker.Probe, next(b))
		require.True(t, b.ReadableFrom(time.Now()).After(time.Now()), "the probe goes first")

		b.Failed(breaker.Failure{}, 0) // a list that cannot be read does not mend the key
		require.Equal(t, lead.CredentialHeld, state(b))
		time.Sleep(probe)
		b.ProbeWorked()
		require.Equal(t, breaker.Single, next(b))
		due, _ = b.ProbeDue()
		require.Equal(t, probe, time.Until(due), "no lead has come")

		began := time.Now()
		time.Sleep(time.Second)
		require.True(t, b.Worked(began))
		require.Equal(t, breaker.All, next(b))
		require.Equal(t, lead.CredentialWorking, state(b))
		b.Failed(breaker.Failure{}, 2)
		require.Equal(t, lead.CredentialDown, state(b), "it was on probation")
	})
}

func TestACallThatBeganBeforeTheFailureSaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *breaker.Breaker) {
		began := time.Now()
		time.Sleep(time.Second)
		b.Failed(breaker.Failure{Credential: true, Held: true}, 1)
		require.False(t, b.Worked(began))
		require.Equal(t, lead.CredentialHeld, state(b))
	})
}

func TestTwoProbesThatWorkAlarmNobody(t *testing.T) {
	bubble(t, func(t *testing.T, b *breaker.Breaker) {
		b.Failed(breaker.Failure{Credential: true, Held: true, Detail: "status 401"}, 1)
		for range 2 {
			time.Sleep(probe)
			require.Equal(t, lead.CredentialHeld, state(b))
			b.ProbeWorked()
		}
		c := b.Status([]string{"casas"})
		require.Equal(t, lead.CredentialResting, c.State)
		require.Contains(t, c.Reason, "before it was held: status 401")
		require.Equal(t, []string{"casas"}, c.Sites)
		require.True(t, b.IsStopped())
	})
}

// Another process goes on where the first one was, though its clock runs from
// another beginning.
func TestABreakerIsHandedOn(t *testing.T) {
	fail := func(f breaker.Failure, times int) func(*breaker.Breaker) {
		return func(b *breaker.Breaker) {
			for i := range times {
				b.Failed(f, lead.RemoteID(i+1))
			}
		}
	}
	for name, trouble := range map[string]func(*breaker.Breaker){
		"it works":           func(*breaker.Breaker) {},
		"it rests":           fail(breaker.Failure{Credential: true, RetryAfter: time.Minute}, 2),
		"four were in doubt": fail(breaker.Failure{}, breaker.InARow-1),
		"it is down":         fail(breaker.Failure{Detail: "no connection"}, breaker.InARow),
		"it is held":         fail(breaker.Failure{Credential: true, Held: true, Detail: "401"}, 1),
		"a probe has worked": func(b *breaker.Breaker) { fail(breaker.Failure{Held: true}, 1)(b); time.Sleep(probe); b.ProbeWorked() },
		"it is on probation": func(b *breaker.Breaker) {
			fail(breaker.Failure{Held: true}, 1)(b)
			time.Sleep(probe)
			b.ProbeWorked()
			b.Worked(time.Now().Add(1))
		},
		"two probes have worked": func(b *breaker.Breaker) {
			fail(breaker.Failure{Held: true}, 1)(b)
			for range 2 {
				time.Sleep(probe)
				b.ProbeWorked()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *breaker.Breaker) {
				trouble(b)
				time.Sleep(time.Second)
				other := breaker.New(probe, time.Now)
				other.Failed(breaker.Failure{Held: true}, 9)
				other.Restore(b.Snapshot())
				for range 4 {
					require.Equal(t, b.Status(nil), other.Status(nil))
					step, until := b.Next(time.Now())
					otherStep, otherUntil := other.Next(time.Now())
					require.Equal(t, step, otherStep)
					require.Equal(t, until.Round(0), otherUntil.Round(0))
					time.Sleep(probe / 3)
				}
				for _, b := range []*breaker.Breaker{b, other} {
					b.Failed(breaker.Failure{}, 77)
				}
				require.Equal(t, b.Status(nil), other.Status(nil))
			})
		})
	}
}

func TestAHandedOnWaitIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *breaker.Breaker) {
		b.Restore(breaker.Snapshot{State: lead.CredentialHeld, Cooldown: time.Now().Add(1000 * time.Hour)})
		_, until := b.Next(time.Now())
		require.Equal(t, 15*time.Minute, time.Until(until))
		b.Restore(breaker.Snapshot{})
		require.Equal(t, breaker.All, next(b))
		require.Equal(t, lead.CredentialWorking, state(b))
	})
}
