package process

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/store/postgrestest"
)

// The primary is killed while inquiries come in at two relays, and its standby takes over.
// Meanwhile visitors hear within two seconds that they must try again, and five seconds
// after the promotion all are served. What was acknowledged arrives once, unless the
// standby was one that nobody had waited for: it may not know what was acknowledged, or
// that it was sent. No remote id is given twice in any case.
func TestAFailOver(t *testing.T) {
	for name, test := range map[string]failOver{
		"to a synchronous standby":         {synchronous: true},
		"to one that was cut off and late": {synchronous: true, cutOff: 1500 * time.Millisecond},
		"to an asynchronous standby":       {cutOff: 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			test.run(t)
		})
	}
}

// staleIsDue lets the leases of attempts run out whose beginning nobody has heard of, as
// if half a minute had passed.
const staleIsDue = `UPDATE leads SET due_at = 1 WHERE state = 'sending' AND remote_id IN (SELECT remote_id FROM attempts
	WHERE ended_at IS NULL AND begun_at < extract(epoch FROM now()) * 1000 - 2000 FOR UPDATE SKIP LOCKED)`

type failOver struct {
	synchronous bool
	cutOff      time.Duration // for so long the standby has not heard of the primary
}

func (f failOver) run(t *testing.T) {
	const usual, away = time.Second, 2500 * time.Millisecond
	primary := postgrestest.NewCluster(t)
	link, address := postgrestest.NewProxy(t, primary.Address())
	standby := primary.Standby(address, f.synchronous)
	broker, brokerAddress := relaytest.StartBroker(t)
	broker.Misbehave(relaytest.Lagging())
	env := relaytest.Settings(t, brokerAddress)
	env["LEADRELAY_DATABASE"] = postgrestest.Addresses(primary.Address(), standby.Address()) + "&target_session_attrs=read-write"
	relays := []*relaytest.Process{relaytest.Start(t, env, "serve").Started(), relaytest.Start(t, env, "serve").Started()}

	ctx, stop := context.WithCancel(t.Context())
	crowd := &crowdOfRepeaters{ids: map[int64]string{}, at: map[int64]time.Time{}, served: map[*relaytest.Process]time.Time{}}
	for i := range 6 {
		crowd.add(ctx, relays[i%2], i)
	}
	time.Sleep(usual)
	if f.cutOff > 0 {
		link.Stop()
		f.cancelWaits(t, primary)
	}
	primary.Kill()
	killed := time.Now()
	time.Sleep(away)
	standby.Promote()
	promoted := time.Now()
	for _, p := range relays {
		isServed := func() bool { return crowd.servedSince(p, promoted) }
		require.True(t, relaytest.PollFor(5*time.Second, 20*time.Millisecond, isServed), p.Output())
		relaytest.Eventually(t, "it is ready", p.IsReady)
	}
	t.Logf("all are served %v after the promotion", time.Since(promoted))
	time.Sleep(usual)
	stop()
	crowd.visitors.Wait()
	standby.Execute(staleIsDue)
	relays[0].Settled()

	t.Logf("%d inquiries, %d answers 503, the longest wait %v", len(crowd.ids), crowd.turnedAway, crowd.longest)
	require.NotZero(t, crowd.turnedAway)
	require.Less(t, crowd.longest, 3*time.Second, "two seconds, and what a busy machine adds")
	f.check(t, crowd, broker.Book(), allLeads(relays[0]), killed)
	for _, p := range relays {
		p.End(os.Interrupt, 0)
	}
}

// cancelWaits cancels what waits for the standby, as an administrator or a pooler may.
func (f failOver) cancelWaits(t *testing.T, primary *postgrestest.Cluster) {
	t.Helper()
	for end := time.Now().Add(f.cutOff); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if f.synchronous {
			primary.Execute(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
		}
	}
}

func (f failOver) check(t *testing.T, crowd *crowdOfRepeaters, book []fakebroker.Kept, leads map[int64]string, killed time.Time) {
	t.Helper()
	require.Empty(t, crowd.wrong)
	arrived := map[int64]string{}
	for _, k := range book {
		earlier, twice := arrived[k.RemoteID]
		if twice {
			require.Equal(t, earlier, k.Message, "%d was given twice", k.RemoteID)
		}
		if f.synchronous {
			require.False(t, twice || k.Posts > 1, "%d arrived twice", k.RemoteID)
		}
		arrived[k.RemoteID] = k.Message
	}
	for id, message := range leads {
		require.Equal(t, message, arrived[id])
	}
	if f.synchronous {
		require.Equal(t, crowd.ids, leads)
		require.Equal(t, crowd.ids, arrived)
		return
	}
	lost := 0
	for id, message := range crowd.ids {
		if crowd.at[id].After(killed) {
			require.Equal(t, message, leads[id])
		} else if leads[id] == "" {
			lost++
		}
	}
	t.Logf("%d acknowledged inquiries are lost", lost)
	require.NotZero(t, lost, "otherwise nothing was tried")
}

// crowdOfRepeaters are visitors who send each inquiry until it is acknowledged.
type crowdOfRepeaters struct {
	visitors sync.WaitGroup
	restarts bool // the relay is started anew, and some meet nobody

	mu         sync.Mutex
	ids        map[int64]string                 // the messages, by the ids that were acknowledged
	at         map[int64]time.Time              // and when
	served     map[*relaytest.Process]time.Time // when a relay has last acknowledged one
	wrong      []string
	turnedAway int
	longest    time.Duration
}

func (c *crowdOfRepeaters) add(ctx context.Context, p *relaytest.Process, who int) {
	c.visitors.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			message := fmt.Sprintf("%d-%d", who, n)
			for !c.inquire(p, message) {
				time.Sleep(50 * time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond) // the machine has other work
		}
	})
}

// inquire posts an inquiry, and reports whether it was acknowledged.
func (c *crowdOfRepeaters) inquire(p *relaytest.Process, message string) bool {
	begun := time.Now()
	status, answer, _ := relaytest.Inquire(p.Client, p.Public, "EB-"+message, message)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.longest = max(c.longest, time.Since(begun))
	switch {
	case status == http.StatusAccepted:
		if earlier, twice := c.ids[answer.RemoteID]; twice {
			c.wrong = append(c.wrong, fmt.Sprintf("%s: remote id %d belongs to %s", message, answer.RemoteID, earlier))
		}
		c.ids[answer.RemoteID], c.at[answer.RemoteID], c.served[p] = message, begun, time.Now()
		return true
	case status == http.StatusServiceUnavailable, status == 0 && c.restarts:
		c.turnedAway++
	default:
		c.wrong = append(c.wrong, fmt.Sprintf("%s: status %d", message, status))
	}
	return false
}

func (c *crowdOfRepeaters) servedSince(p *relaytest.Process, since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served[p].After(since)
}
