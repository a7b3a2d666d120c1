package store_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/bench/stock"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
	"leadrelay/internal/store/storetest"
)

// BenchmarkKeep is what the disk and the database cost for each lead when 64
// visitors come at once.
func BenchmarkKeep(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkKeep(b, openBench(b, filepath.Join(b.TempDir(), "leads.db"))) })
	b.Run("PostgreSQL", func(b *testing.B) {
		address := postgrestest.Database(b)
		postgrestest.Sync(b)
		benchmarkKeep(b, openPostgres(b, address))
	})
}

func benchmarkKeep(b *testing.B, s *store.Store) {
	b.Helper()
	l := storetest.Draft(b, time.Now())
	var n atomic.Uint64
	b.SetParallelism(32)
	b.ResetTimer()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			words := lead.KeyOf("casas", strconv.FormatUint(n.Add(1), 10)) // nobody has the same
			if _, err := s.Keep(b.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: words}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// size is a database and how many of its leads are on their way.
type size struct{ leads, due int }

func (s size) String() string { return fmt.Sprintf("%d leads, %d due", s.leads, s.due) }

// sizes are compared: what a lead costs must not grow with what has arrived,
// nor with what waits during an outage.
func sizes() []size {
	return []size{{10, 10}, {1_000_000, 10}, {1_000_000, 1_000_000}}
}

// BenchmarkCarry is one lead's way from its intent to its settlement: two
// commits.
func BenchmarkCarry(b *testing.B) {
	for _, size := range sizes() {
		b.Run(size.String(), func(b *testing.B) {
			s := filled(b, size)
			for b.Loop() {
				if err := stock.Carry(b.Context(), s, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCarryPostgres is BenchmarkCarry on PostgreSQL.
func BenchmarkCarryPostgres(b *testing.B) {
	for _, due := range []int{10, 100_000} {
		b.Run(size{due, due}.String(), func(b *testing.B) {
			s := openPostgres(b, postgrestest.Database(b))
			postgrestest.Sync(b)
			store.FillPostgres(b, s, stock.Site, 0, due)
			b.ResetTimer()
			for b.Loop() {
				if err := stock.Carry(b.Context(), s, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkKeepOne is one visitor's lead, with a commit of its own.
func BenchmarkKeepOne(b *testing.B) {
	for _, size := range sizes() {
		b.Run(size.String(), func(b *testing.B) {
			s := filled(b, size)
			for b.Loop() {
				if err := stock.Keep(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func openBench(b *testing.B, path string) *store.Store {
	b.Helper()
	s, err := store.Open(b.Context(), path)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

func filled(b *testing.B, s size) *store.Store {
	b.Helper()
	path := filepath.Join(b.TempDir(), "leads.db")
	require.NoError(b, stock.Fill(b.Context(), path, s.leads, s.due))
	return openBench(b, path)
}
