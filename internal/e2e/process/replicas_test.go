package process

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/store/postgrestest"
)

// replicas starts so many relays on one PostgreSQL database.
func replicas(t *testing.T, n int, broker string) (env map[string]string, all []*relaytest.Process) {
	t.Helper()
	t.Helper()
	env = relaytest.Settings(t, broker)
	env["LEADRELAY_DATABASE"] = postgrestest.Database(t)
	for range n {
		all = append(all, relaytest.Start(t, env, "serve").Started())
	}
	return env, all
}

// Inquiries come in at two relays at once, most of them at both. The one that carries them
// is killed meanwhile, and within 15 s the other one carries on. Each inquiry that was
// acknowledged is one lead and arrives once.
func TestReplicasCarryEachInquiryOnce(t *testing.T) {
	t.Parallel() // it waits for most of its time
	broker, address := relaytest.StartBroker(t)
	_, relays := replicas(t, 2, address)
	first, second := relays[0], relays[1] // the first has the lease
	const inquiries = 200
	var ids [inquiries]atomic.Int64
	post := func(p *relaytest.Process, i int) (acknowledged bool) {
		code, answer, _ := relaytest.Inquire(p.Client, p.Public, fmt.Sprintf("EB-%d", i), "Hola")
		if code != http.StatusAccepted {
			return false
		}
		before := ids[i].Swap(answer.RemoteID)
		assert.True(t, before == 0 || before == answer.RemoteID, "the same words")
		return true
	}
	var posting sync.WaitGroup
	for i := range inquiries {
		posting.Go(func() {
			if i == inquiries/2 {
				first.Kill()
			}
			_ = post(first, i)
		})
		posting.Go(func() { assert.True(t, post(second, i)) })
	}
	posting.Wait()
	<-first.Done
	died := time.Now()
	relaytest.Eventually(t, "the second carries", func() bool { return len(second.Leads("limit=1&state=queued").Leads) == 0 })
	took := time.Since(died)
	t.Logf("the second carries after %v", took)
	require.Less(t, took, 20*time.Second, "15 s, and what a busy machine adds")
	second.Settled()

	require.Len(t, allLeads(second), inquiries)
	arrived := map[int64]int{}
	for _, taken := range broker.Book() {
		arrived[taken.RemoteID] += taken.Posts
	}
	for i := range ids {
		require.Equal(t, 1, arrived[ids[i].Load()])
	}
	require.Len(t, arrived, inquiries)
	second.End(os.Interrupt, 0)
}

// balancers are the proxies with several relays behind them.
var balancers = map[string]func(t *testing.T, relays ...string) front{
	"HAProxy": func(t *testing.T, relays ...string) front {
		t.Helper()
		file, _, found := strings.Cut(replaced(t, "haproxy.cfg"), "# What is only read")
		require.True(t, found)
		backends := replaced(t, "haproxy-replicas.cfg")
		for i, relay := range relays {
			backends = replacedIn(t, backends, fmt.Sprintf("10.0.0.1%d:8080", i+1), relay)
		}
		return haproxy(t, file+backends, relaytest.FreeAddr(t), relaytest.FreeAddr(t))
	},
	"Caddy": func(t *testing.T, relays ...string) front {
		t.Helper()
		return caddy("caddy", "LEADRELAY_RELAYS=several")(t, strings.Join(relays, " "))
	},
}

// Three relays behind a balancer that asks whether they are ready are restarted one after
// the other, and nobody notices. One that is killed costs at most what it was answering.
func TestARollingRestartOfReplicas(t *testing.T) {
	t.Parallel()
	for name, balance := range balancers {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			testRollingRestart(t, balance)
		})
	}
}

func testRollingRestart(t *testing.T, balance func(t *testing.T, relays ...string) front) {
	t.Helper()
	var envs [3]map[string]string
	var relays [3]*relaytest.Process
	database := postgrestest.Database(t)
	for i := range relays {
		envs[i] = relaytest.Settings(t, "127.0.0.1:1")
		envs[i]["LEADRELAY_DATABASE"] = database
		envs[i]["LEADRELAY_ADDR"] = relaytest.FreeAddr(t)
		envs[i]["LEADRELAY_DRAIN"] = "2s"
		envs[i]["LEADRELAY_TRUSTED_PROXIES"] = "127.0.0.1/32"
		relays[i] = relaytest.Start(t, envs[i], "serve").Started()
	}
	f := balance(t, relays[0].Public, relays[1].Public, relays[2].Public)

	seen := f.traffic(t, func() {
		for i := range relays {
			relays[i].End(syscall.SIGTERM, 0)
			relays[i] = relaytest.Start(t, envs[i], "serve").Started()
			relaytest.Eventually(t, "it is ready", relays[i].IsReady)
			time.Sleep(1200 * time.Millisecond) // until the balancer knows
		}
	})
	t.Logf("stopped: %d posts, %d lost, longest %v", seen.posts, len(seen.lost), seen.longest)
	require.Empty(t, seen.lost)

	var killed time.Time
	again := f.traffic(t, func() {
		time.Sleep(time.Second)
		relays[1].Kill()
		<-relays[1].Done
		killed = time.Now()
		time.Sleep(2 * time.Second)
	})
	t.Logf("killed: %d posts, %d lost, longest %v", again.posts, len(again.lost), again.longest)
	again.requireNoneLostSince(t, killed)
	require.GreaterOrEqual(t, keptOnce(t, relays[0]), seen.posts+again.posts-len(again.lost))
	relays[0].End(os.Interrupt, 0)
	relays[2].End(os.Interrupt, 0)
}

// A relay waits for a database that cannot be reached at the start, and for one that goes
// away later. Meanwhile it says so to whoever asks, and a visitor waits two seconds at
// most.
func TestADatabaseThatIsAway(t *testing.T) {
	t.Parallel() // it waits for most of its time
	const password = "k3y-canary"
	broker, address := relaytest.StartBroker(t)
	proxy, database := postgrestest.NewProxy(t, postgrestest.Database(t))
	proxy.Stop()
	env := relaytest.Settings(t, address)
	env["LEADRELAY_ADDR"] = relaytest.FreeAddr(t)
	env["LEADRELAY_DATABASE"] = strings.Replace(database, "@", ":"+password+"@", 1)
	p := relaytest.Start(t, env, "serve")
	p.Public = env["LEADRELAY_ADDR"]
	status := func(path string) (int, http.Header) {
		resp, err := p.Client.Get("http://" + p.Public + path)
		if err != nil {
			return 0, nil
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header
	}
	post := func() (code int, took time.Duration) {
		begun := time.Now()
		code, _, _ = relaytest.Inquire(p.Client, p.Public, fmt.Sprint("EB-", begun.UnixNano()), "Hola")
		return code, time.Since(begun)
	}
	isKept := func() bool { code, _ := post(); return code == http.StatusAccepted }
	const back, patience = 5 * time.Second, 2 * time.Second

	relaytest.Eventually(t, "it lives", func() bool { code, _ := status("/healthz"); return code == http.StatusOK })
	code, header := status("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.NotEmpty(t, header.Get("Retry-After"))
	code, _ = status("/f?property_id=EB-1")
	require.Equal(t, http.StatusServiceUnavailable, code)
	relaytest.Eventually(t, "it says why", func() bool { return strings.Contains(p.Out.String(), "the database cannot be reached") })
	proxy.Start()
	relaytest.Eventually(t, "it has made its tables", isKept)
	p.Started()

	proxy.Stop()
	relaytest.Eventually(t, "it is not ready", func() bool { return !p.IsReady() })
	for range 3 {
		code, took := post()
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Less(t, took, patience+time.Second, "two seconds, and what a busy machine adds")
	}
	code, _ = status("/healthz")
	require.Equal(t, http.StatusOK, code)
	proxy.Start()
	require.True(t, relaytest.PollFor(back, 50*time.Millisecond, isKept), p.Output())
	relaytest.Eventually(t, "it is ready", p.IsReady)
	p.Settled()
	require.Len(t, broker.Book(), len(allLeads(p)))
	require.NotContains(t, p.Output(), password)
	p.End(os.Interrupt, 0)
}

// A relay moves from its file to a server, and what it knew comes along.
func TestAMoveToAServer(t *testing.T) {
	t.Parallel() // it waits for most of its time
	broker, address := relaytest.StartBroker(t)
	env := relaytest.Settings(t, address)
	p := relaytest.Start(t, env, "serve").Started()
	_, first, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
	p.Settled()
	p.End(os.Interrupt, 0)

	file := env["LEADRELAY_DATABASE"]
	env["LEADRELAY_DATABASE"] = postgrestest.Database(t)
	move := relaytest.Start(t, env, "move", "--from", file)
	move.Ended(0)
	require.Contains(t, move.Out.String(), "Moved and compared: 1 lead, 1 attempt, 0 keys, 0 reports.")

	p = relaytest.Start(t, env, "serve").Started()
	_, again, header := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
	require.Equal(t, first.RemoteID, again.RemoteID)
	require.Empty(t, header.Get("Idempotency-Replayed"), "it had no key")
	_, second, _ := relaytest.Inquire(p.Client, p.Public, "EB-2", "Hola")
	require.Greater(t, second.RemoteID, first.RemoteID)
	p.Settled()
	require.Len(t, broker.Book(), 2)
	p.End(os.Interrupt, 0)

	env["LEADRELAY_DATABASE"] = file
	old := relaytest.Start(t, env, "serve")
	old.Ended(78)
	require.Contains(t, old.Err.String(), "were moved to another database")
}
