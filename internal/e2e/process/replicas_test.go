package process

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"

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
