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
	"leadrelay/internal/lead"
	"leadrelay/internal/store/postgrestest"
)

// replicas starts so many relays on one PostgreSQL database.
func replicas(t *testing.T, n int, broker string) (env map[string]string, all []*relaytest.Process) {
	t.Helper()
	env = relaytest.Settings(t, broker)
	env["LEADRELAY_DATABASE"] = postgrestest.Database(t)
	for range n {
		all = append(all, relaytest.Start(t, env, "serve").Started())
	}
	return env, all
}

// Inquiries come in at two relays at once, some of them at both, and one relay is killed
// meanwhile. Each inquiry that was acknowledged is one lead and arrives once.
func TestReplicasCarryEachInquiryOnce(t *testing.T) {
	broker, address := relaytest.StartBroker(t)
	env, relays := replicas(t, 2, address)
	const inquiries = 200
	ids := make([]atomic.Int64, inquiries)
	var posting sync.WaitGroup
	var died sync.Once
	for i := range inquiries {
		for _, p := range relays {
			posting.Go(func() {
				code, answer, _ := relaytest.Inquire(p.Client, p.Public, fmt.Sprintf("EB-%d", i), "Hola")
				if i == inquiries/2 && p == relays[1] {
					died.Do(func() { p.Kill(); <-p.Done })
				}
				if code != http.StatusAccepted { // it was killed
					assert.Same(t, relays[1], p)
					return
				}
				if before := ids[i].Swap(answer.RemoteID); before != 0 {
					assert.Equal(t, before, answer.RemoteID, "the same words")
				}
			})
		}
	}
	posting.Wait()
	relays[1] = relaytest.Start(t, env, "serve").Started()
	for i := range ids {
		require.NotZero(t, ids[i].Load(), "the other relay is there")
	}
	for _, p := range relays {
		p.Settled()
	}
	require.Len(t, allLeads(relays[0]), inquiries)
	for _, taken := range broker.Book() {
		require.Equal(t, 1, taken.Posts)
	}
	require.Len(t, broker.Book(), inquiries)
	for i := range ids {
		require.Equal(t, lead.Confirmed, relays[1].Story(ids[i].Load()).State)
	}
	for _, p := range relays {
		p.End(os.Interrupt, 0)
	}
}

// Three relays behind a balancer that asks whether they are ready are restarted one after
// the other, and nobody notices. One that is killed costs at most what it was answering.
func TestARollingRestartOfReplicas(t *testing.T) {
	var envs [3]map[string]string
	var relays [3]*relaytest.Process
	database := postgrestest.Database(t)
	backends := replaced(t, "haproxy-replicas.cfg")
	for i := range relays {
		envs[i] = relaytest.Settings(t, "127.0.0.1:1")
		envs[i]["LEADRELAY_DATABASE"] = database
		envs[i]["LEADRELAY_ADDR"] = relaytest.FreeAddr(t)
		envs[i]["LEADRELAY_DRAIN"] = "3s"
		envs[i]["LEADRELAY_TRUSTED_PROXIES"] = "127.0.0.1/32"
		backends = replacedIn(t, backends, fmt.Sprintf("10.0.0.1%d:8080", i+1), envs[i]["LEADRELAY_ADDR"])
		relays[i] = relaytest.Start(t, envs[i], "serve").Started()
	}
	file, _, found := strings.Cut(replaced(t, "haproxy.cfg"), "# What is only read")
	require.True(t, found)
	f := haproxy(t, file+backends)

	seen := f.traffic(t, func() {
		for i := range relays {
			relays[i].End(syscall.SIGTERM, 0)
			relays[i] = relaytest.Start(t, envs[i], "serve").Started()
			relaytest.Eventually(t, "it is ready", relays[i].IsReady)
			time.Sleep(1500 * time.Millisecond) // until HAProxy knows
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
		time.Sleep(3 * time.Second)
	})
	t.Logf("killed: %d posts, %d lost, longest %v", again.posts, len(again.lost), again.longest)
	for _, begun := range again.lost {
		require.True(t, begun.Before(killed), "a post lost that began %v after the kill", begun.Sub(killed))
	}
	kept := map[string]int{}
	for _, message := range allLeads(relays[0]) {
		kept[message]++
		require.Equal(t, 1, kept[message], message)
	}
	require.GreaterOrEqual(t, len(kept), seen.posts+again.posts-len(again.lost))
	relays[0].End(os.Interrupt, 0)
	relays[2].End(os.Interrupt, 0)
}
