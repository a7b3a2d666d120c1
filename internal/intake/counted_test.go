package intake_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/flood"
	"leadrelay/internal/intake"
	"leadrelay/internal/store"
)

// scales are a gate that takes every lead, with our own five fields alone if it
// says so, and adds up what it is told of their bytes.
type scales struct {
	bare  bool
	bytes atomic.Int64
}

func (*scales) Wait(netip.Addr) time.Duration { return 0 }
func (*scales) Busy(netip.Addr) bool          { return false }
func (*scales) GiveBack(flood.Decision)       {}
func (s *scales) Take(l flood.Lead) flood.Decision {
	n := l.Bytes
	if s.bare {
		n = l.Bare
	}
	s.bytes.Add(int64(n))
	return flood.Decision{Bare: s.bare, Quarantine: true, Over: "site"}
}

// The gate counts a lead's texts, and 1,500 bytes for its row. Whatever the
// texts are made of, the disk takes at most 1.8 times that; and as the gate lets
// 1.1 GB in on the worst of days, that is less than 2 GB.
func TestTheDiskTakesWhatTheGateCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	const row, most = 1500, 1.8
	of := func(s string, n int) map[string]string { return map[string]string{"message": strings.Repeat(s, n)} }
	many := func(n, length int) map[string]string {
		fields := of("<", 100)
		for i := range n {
			fields[fmt.Sprint("campo ", i)] = strings.Repeat("\\", length)
		}
		return fields
	}
	for name, fields := range map[string]map[string]string{
		"a word": of("x", 1), "half a page": of("x", 1900), "half a page of quotes": of("\"", 990), "a page and a little": of("x", 3700), "two pages and a little": of("é", 3900),
		"backslashes": of("\\", 5000), "quotes": of("\"", 3700), "lines": of("a\n", 2500), "emoji": of("🏠", 3000),
		"many short fields": many(120, 1), "long fields": many(9, 900), "a page of fields": many(20, 100),
	} {
		for _, bare := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", bare ", bare), func(t *testing.T) {
				t.Parallel()
				g := &scales{bare: bare}
				n, grown := weigh(t, g, maps.Clone(fields))
				counted := int(g.bytes.Load()) + n*row
				t.Logf("%d bytes a lead counted, %d taken: %.2f", counted/n, grown/n, float64(grown)/float64(counted))
				require.LessOrEqual(t, float64(grown), most*float64(counted))
			})
		}
	}
}

// weigh posts many inquiries that are alike, and returns how many, and by how much
// the database has grown.
func weigh(t *testing.T, g intake.Gate, fields map[string]string) (posts, grown int) {
	t.Helper()
	posts = 320
	path := filepath.Join(t.TempDir(), "leads.db")
	s, err := store.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, s.Close()) // what there is at the start is in the file, and no log
	before := sizeOf(t, path)
	s, err = store.Open(t.Context(), path)
	require.NoError(t, err)
	door := intake.New(sites(t), s, intake.Options{Flood: g})
	var posting sync.WaitGroup
	for i := range posts {
		fields["property_id"], fields["email"] = "EB-1", fmt.Sprintf("a%d@b.mx", i)
		body, err := json.Marshal(fields)
		require.NoError(t, err)
		posting.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/f/casas", strings.NewReader(string(body)))
			r.Header.Set("Content-Type", jsonType)
			r.Header.Set("Idempotency-Key", fmt.Sprint("key ", i))
			w := httptest.NewRecorder()
			door.ServeHTTP(w, r)
			if w.Code != http.StatusAccepted {
				t.Error(w.Code, w.Body)
			}
		})
	}
	posting.Wait()
	require.NoError(t, s.Close())
	return posts, sizeOf(t, path) - before
}
