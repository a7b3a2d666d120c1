package process

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// A load balancer that goes by /readyz sees no error when the relay is told to
// stop in the middle of the day, and nothing that was acknowledged is lost.
func TestStoppingUnderLoad(t *testing.T) {
	broker, address := relaytest.StartBroker(t)
	env := relaytest.Settings(t, address)
	env["LEADRELAY_DRAIN"] = "1s"
	p := relaytest.Start(t, env, "serve").Started()
	seen := &witness{acknowledged: map[int64]string{}}

	const visitors = 8
	var visits sync.WaitGroup
	var unready atomic.Bool
	for visitor := range visitors {
		visits.Go(func() {
			for n := 0; !unready.Load() && seen.note(p, fmt.Sprintf("EB-%d-%d", visitor, n)); n++ {
			}
		})
	}
	visits.Go(func() {
		defer unready.Store(true)
		_ = relaytest.Poll(func() bool { return !p.IsReady() })
	})
	relaytest.Eventually(t, "there is some load", func() bool { return seen.count() > 200 })
	told := time.Now()
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGTERM))
	visits.Wait()
	require.Less(t, time.Since(told), time.Second, "it is unready at once")
	require.Empty(t, seen.wrong)
	require.Zero(t, seen.unanswered)

	p.Ended(0)
	require.Empty(t, p.Err.String())
	p = relaytest.Start(t, env, "serve").Started()
	p.Settled()
	p.End(syscall.SIGTERM, 0)
	seen.compare(t, broker, env["LEADRELAY_DATABASE"])
}

// Those who come in the instant in which the doors close are answered, or refused
// before they have said anything: a proxy sends them again only then.
func TestStoppingCutsNobodyOff(t *testing.T) {
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_DRAIN"] = "100ms"
	for round := range 3 {
		p := relaytest.Start(t, env, "serve").Started()
		c := relaytest.NewClient(t)
		c.Transport.(*http.Transport).DisableKeepAlives = true
		next := time.NewTicker(5 * time.Millisecond)
		var posts sync.WaitGroup
		var kept, refused atomic.Int64
		stop := time.AfterFunc(200*time.Millisecond, func() { _ = p.Cmd.Process.Signal(syscall.SIGTERM) })
		for i := 0; refused.Load() == 0; i++ {
			<-next.C
			posts.Go(func() {
				form := relaytest.Form(fmt.Sprintf("EB-%d-%d", round, i))
				resp, err := c.Post("http://"+p.Public+"/f", "application/x-www-form-urlencoded", strings.NewReader(form))
				switch {
				case err == nil && resp.StatusCode == http.StatusSeeOther:
					kept.Add(1)
					_ = resp.Body.Close()
				case errors.Is(err, syscall.ECONNREFUSED):
					refused.Add(1)
				default:
					t.Error(err, resp)
				}
			})
		}
		posts.Wait()
		stop.Stop()
		next.Stop()
		require.Greater(t, kept.Load(), int64(20))
		p.Ended(0)
	}
}

// When nobody comes, a stop does not wait for anybody.
func TestAnIdleRelayStopsAtOnce(t *testing.T) {
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_DRAIN"] = "1h"
	p := relaytest.Start(t, env, "serve").Started()
	code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola") // a proxy keeps such a connection
	require.Equal(t, http.StatusAccepted, code)
	told := time.Now()
	p.End(syscall.SIGTERM, 0)
	t.Logf("stopped after %v", time.Since(told))
}

// The doors stay open while EasyBroker keeps an attempt waiting, which may take
// longer than any proxy waits.
func TestAStopThatWaitsForEasyBrokerTakesInquiries(t *testing.T) {
	t.Parallel()
	broker, address := relaytest.StartBroker(t)
	const slow = 2 * time.Second
	broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{On: "POST", Delay: fakebroker.Duration(slow), Next: 1}}})
	env := relaytest.Settings(t, address)
	env["LEADRELAY_COURIER_TIMEOUT"] = "1m"
	p := relaytest.Start(t, env, "serve").Started()
	seen := &witness{acknowledged: map[int64]string{}}
	require.True(t, seen.note(p, "EB-1"))
	relaytest.Eventually(t, "the attempt has begun", func() bool { return len(p.Leads("state=sending").Leads) == 1 })
	begun := time.Now()
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGTERM))
	relaytest.Eventually(t, "it stops", func() bool { return !p.IsReady() })
	for n := 2; time.Since(begun) < slow/2; n++ {
		require.True(t, seen.note(p, fmt.Sprint("EB-", n)))
	}
	p.Ended(0)
	require.Len(t, broker.Book(), 1, "no other attempt has begun")
	p = relaytest.Start(t, env, "serve").Started()
	p.Settled()
	p.End(syscall.SIGTERM, 0)
	require.Empty(t, seen.wrong)
	seen.compare(t, broker, env["LEADRELAY_DATABASE"])
}

// Who presses Ctrl-C twice does not want to wait.
func TestASecondSignalEndsTheDrain(t *testing.T) {
	// A script's background job ignores SIGINT, and so would the relay.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
	defer signal.Reset(syscall.SIGINT)
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_DRAIN"] = "1h"
	p := relaytest.Start(t, env, "serve").Started()
	var visits sync.WaitGroup
	seen := &witness{acknowledged: map[int64]string{}}
	visits.Go(func() { seen.post(p, "1") }) // until it has ended
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGINT))
	relaytest.Eventually(t, "it drains", func() bool { return status(t, p, "/readyz") == http.StatusServiceUnavailable })
	p.End(syscall.SIGINT, -1)
	visits.Wait()
	require.True(t, p.Cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled())
}

// An attempt that has begun is finished and written down before the relay
// stops, even when EasyBroker takes its time.
func TestStoppingFinishesTheAttempt(t *testing.T) {
	broker, address := relaytest.StartBroker(t)
	slow := fakebroker.Trouble{On: "POST", Delay: fakebroker.Duration(500 * time.Millisecond)}
	broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{slow}})
	env := relaytest.Settings(t, address)
	p := relaytest.Start(t, env, "serve").Started()
	code, answer, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
	require.Equal(t, http.StatusAccepted, code)
	relaytest.Eventually(t, "the attempt has begun", func() bool { return len(p.Leads("state=sending").Leads) == 1 })
	p.End(syscall.SIGTERM, 0)
	require.Contains(t, p.Out.String(), `"outcome":"delivered"`)
	require.Len(t, broker.Book(), 1)
	require.Equal(t, answer.RemoteID, broker.Book()[0].RemoteID)
}
