package intake_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/store"
)

// largeBody returns a post of 22 kB of characters that HTML escapes, in all fields that
// are kept.
func largeBody(t *testing.T, i int) string {
	t.Helper()
	of := func(n int) string { return strings.Repeat("<", n) }
	posted := map[string]string{
		"property_id": "EB-AB1234", "name": "Ana", "email": fmt.Sprintf("a%d@casas.mx", i), "phone": "5512345678", "message": of(5000),
	}
	for c := 'a'; c < 'a'+16; c++ {
		posted["utm_"+string(c)] = of(500)
	}
	for n := range 9 {
		posted[fmt.Sprintf("campo %d", n)] = of(1000)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(posted))
	return b.String()
}

// 1,300 posts of 22 kB take no more of the disk than their own size, and each lead takes
// 16 kB at most, including the database's log and indexes.
func TestAFloodCostsNoMoreThanItSends(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	const posts, hands = 1300, 64
	path := filepath.Join(t.TempDir(), "leads.db")
	s, err := store.Open(t.Context(), path)
	require.NoError(t, err)
	handler := intake.New(sites(t), s, intake.Options{})
	before := sizeOf(t, path)
	var posting sync.WaitGroup
	sent := 0
	for hand := range hands {
		for i := hand; i < posts; i += hands {
			sent += len(largeBody(t, i))
		}
		posting.Go(func() {
			for i := hand; i < posts; i += hands {
				r := httptest.NewRequest(http.MethodPost, "/f/casas", strings.NewReader(largeBody(t, i)))
				r.Header.Set("Content-Type", jsonType)
				r.Header.Set("Idempotency-Key", fmt.Sprint("key ", i))
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusAccepted {
					t.Error(w.Code, w.Body)
				}
			}
		})
	}
	posting.Wait()
	require.NoError(t, s.Close()) // this moves the log into the database
	grown := sizeOf(t, path) - before
	t.Logf("%d posts of %d bytes: %d bytes a lead", posts, sent/posts, grown/posts)
	require.Less(t, grown, sent)
	require.LessOrEqual(t, grown/posts, 16_000)
}

func sizeOf(t *testing.T, path string) (n int) {
	t.Helper()
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(path + end); err == nil {
			n += int(info.Size())
		}
	}
	return n
}
