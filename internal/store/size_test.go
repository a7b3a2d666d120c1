package store_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// Whatever a lead has in it, it takes 16 kB of the disk at most: with what is
// left empty of its pages, its place in each index, its key and an attempt.
func TestALeadTakes16kB(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	const leads = 100
	for name, q := range map[string]lead.Inquiry{
		"a long message":      {Message: strings.Repeat("\"", 5000), Extra: extra(128, "x", 5000)},
		"Chinese":             {Message: strings.Repeat("房", 4000), Extra: extra(128, "房", 300)},
		"emoji":               {Message: strings.Repeat("🏠", 3000), Extra: extra(128, "🏠", 40)},
		"many fields":         {Message: "Hola", Extra: extra(128, "<", 86)},
		"a few long fields":   {Message: "Hola", Extra: extra(3, "&", 4620)},
		"a page and a little": {Message: "Hola", Extra: extra(1, "x", 1900)},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
			require.NoError(t, err)
			now := time.Now()
			q.Site, q.PropertyID, q.Email, q.Name = "casas", strings.Repeat("E", 64), "a@x.mx", strings.Repeat("ñ", 200)
			l, err := lead.New(q, "casas.mx", lead.DefaultRules(), now)
			require.NoError(t, err)
			l.Trace = "00-00112233445566778899aabbccddeeff-0011223344556677-01"
			before := fileSize(t, s)
			for i := range leads {
				_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Key: lead.KeyOf("casas", fmt.Sprint(i))})
				require.NoError(t, err)
			}
			claims, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: now.Add(time.Minute), N: leads, Lease: time.Minute})
			require.NoError(t, err)
			require.Len(t, claims, leads)
			each := (fileSize(t, s) - before) / leads
			t.Log(each, "bytes a lead")
			require.LessOrEqual(t, each, 16_000)
			require.NoError(t, s.Close())
		})
	}
}

func extra(n int, character string, length int) (all []lead.Pair) {
	for i := range n {
		all = append(all, lead.Pair{Name: fmt.Sprint("campo ", i), Value: strings.Repeat(character, length)})
	}
	return all
}

// fileSize is that of the database when its log is in it.
func fileSize(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	n = 1
	for _, name := range []string{"page_count", "page_size"} {
		factor, err := strconv.Atoi(store.Pragma(t, s, name))
		require.NoError(t, err)
		n *= factor
	}
	return n
}
