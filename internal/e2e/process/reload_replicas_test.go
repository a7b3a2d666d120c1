package process

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/store/postgrestest"
)

// keysUsed is how many leads were sent with each key.
type keysUsed struct {
	mu   sync.Mutex
	sent map[string]int
}

func (k *keysUsed) count(key string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sent[key]
}

// startBrokerWithKeys starts a pretend EasyBroker that takes some keys, and counts what
// comes with each.
func startBrokerWithKeys(t *testing.T, keys ...string) (*fakebroker.Broker, *keysUsed, string) {
	t.Helper()
	broker := fakebroker.New(fakebroker.Options{PartnerKeys: keys})
	used, api := &keysUsed{sent: map[string]int{}}, broker.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			used.mu.Lock()
			used.sent[r.Header.Get("X-Authorization")]++
			used.mu.Unlock()
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { broker.Close(); server.Close() })
	return broker, used, server.URL + "/v1"
}

// Three replicas read new settings, one after the other, while a crowd posts at all of them.
// Nobody notices: each inquiry is taken and arrives once, and in the end all use the new key.
func TestReplicasAreReloadedInTurn(t *testing.T) {
	t.Parallel()
	const first, second = "the-first-key", "the-second-key"
	book, used, root := startBrokerWithKeys(t, first, second)
	database, key := postgrestest.Database(t), filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte(first), 0o600))
	var relays [3]*relaytest.Process
	var writes [3]func(string)
	for i := range relays {
		env := relaytest.Settings(t, "")
		delete(env, "EASYBROKER_API_KEY")
		env["EASYBROKER_URL"], env["EASYBROKER_API_KEY_FILE"], env["LEADRELAY_DATABASE"] = root, key, database
		relays[i], writes[i] = reloadable(t, env, "sites: {}\n")
	}
	var mu sync.Mutex
	kept := map[int64]bool{}
	var ended [3]atomic.Bool
	var posting [3]sync.WaitGroup
	for i, p := range relays {
		posting[i].Go(func() {
			for n := 0; !ended[i].Load(); n++ {
				code, answer, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", fmt.Sprintf("the %dth at %d", n, i))
				if !assert.Equal(t, http.StatusAccepted, code, "a post over a reload") {
					return
				}
				mu.Lock()
				kept[answer.RemoteID] = true
				mu.Unlock()
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	end := func(i int) { ended[i].Store(true); posting[i].Wait() }
	defer func() {
		for i := range ended {
			end(i)
		}
	}()
	arrives := func(key string) {
		t.Helper()
		before := used.count(key)
		relaytest.Eventually(t, "leads go out with "+key, func() bool { return used.count(key) > before+20 })
	}

	arrives(first)
	require.NoError(t, os.WriteFile(key, []byte(second), 0o600))
	for i, p := range relays {
		require.Equal(t, http.StatusNotFound, formStatus(t, p, "lofts"))
		writes[i](lofts)
		hangUp(t, p, "the settings are read anew")
		require.Equal(t, http.StatusOK, formStatus(t, p, "lofts"))
		arrives(second)
	}
	relaytest.Eventually(t, "what had begun with the first key has ended", func() bool {
		last := used.count(first)
		arrives(second)
		return used.count(first) == last
	})
	last := used.count(first)
	for i, p := range relays { // and so whoever is left uses the new key
		arrives(second)
		end(i)
		if i < len(relays)-1 {
			p.End(syscall.SIGTERM, 0)
		}
	}
	relays[2].Settled()
	require.Equal(t, last, used.count(first))
	require.Len(t, book.Book(), len(kept))
	for _, taken := range book.Book() {
		require.True(t, kept[taken.RemoteID])
		require.Equal(t, 1, taken.Posts)
	}
	relays[2].End(syscall.SIGTERM, 0)
}
