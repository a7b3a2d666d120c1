package process

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

// A relay that has a tenth of a processor, in slices of 100 ms as a container's quota has
// it, is slow and nothing else: nothing is lost, nothing arrives twice, though replicas hand
// their lease over, and nobody is called.
func TestATenthOfAProcessor(t *testing.T) {
	visitors, during := 2, 10*time.Second // for each relay
	if relaytest.InFull() {
		visitors, during = 16, 2*time.Minute
	}
	for name, test := range map[string]struct {
		relays   int
		database func(testing.TB) string
	}{
		"one relay":    {1, nil},
		"two replicas": {2, postgrestest.Database},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			heard, address := channelOfAlerts(t)
			broker, brokerAddress := relaytest.StartBroker(t)
			broker.Misbehave(relaytest.Lagging())
			env := relaytest.SettingsWith(t, brokerAddress, "alerts: {locale: en, store: {after: 30s, free: 1MB}}\n")
			env["LEADRELAY_ALERTS"] = address
			delete(env, "LEADRELAY_COURIER_TIMEOUT") // the usual one
			if test.database != nil {
				env["LEADRELAY_DATABASE"] = test.database(t)
			}
			crowd := &crowdOfRepeaters{ids: map[int64]string{}, at: map[int64]time.Time{}, served: map[*relaytest.Process]time.Time{}}
			visiting, leave := context.WithCancel(t.Context())
			slices, lift := context.WithCancel(t.Context())
			var throttles sync.WaitGroup
			relays := make([]*relaytest.Process, test.relays)
			for i := range relays {
				p := relaytest.Start(t, env, "serve").Started()
				relays[i] = p
				throttles.Go(func() { throttle(slices, p) })
				for who := range visitors {
					crowd.add(visiting, p, i*visitors+who)
				}
			}
			longest, asked := time.Duration(0), 0
			for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				for _, p := range relays {
					begun := time.Now()
					require.Equal(t, 200, status(t, p, "/healthz"))
					require.True(t, p.IsReady())
					longest, asked = max(longest, time.Since(begun)), asked+2
				}
			}
			leave()
			crowd.visitors.Wait()
			lift()
			throttles.Wait()
			t.Logf("%d health checks, the longest two %v", asked, longest)
			require.Less(t, longest, 2*time.Second, "a balancer waits for longer")
			crowd.requireOnce(t, relays[0], broker)
			require.Greater(t, len(crowd.ids), 10)
			require.Empty(t, heard())
			for _, p := range relays {
				p.End(os.Interrupt, 0)
			}
		})
	}
}

// throttle lets a process run for a tenth of the time.
func throttle(ctx context.Context, p *relaytest.Process) {
	const period, share = 100 * time.Millisecond, 10 * time.Millisecond
	defer func() { _ = p.Cmd.Process.Signal(syscall.SIGCONT) }()
	for ctx.Err() == nil {
		_ = p.Cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(period - share)
		_ = p.Cmd.Process.Signal(syscall.SIGCONT)
		time.Sleep(share)
	}
}
