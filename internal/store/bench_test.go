package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

// BenchmarkKeep is what the disk and the database cost for each lead when 64
// visitors come at once.
func BenchmarkKeep(b *testing.B) {
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "leads.db"))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	l := storetest.Draft(b, time.Now())
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Keep(b.Context(), l, lead.Milliseconds); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
