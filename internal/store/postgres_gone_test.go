package store_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// A replica that is gone in the middle of a transaction, and whose connection nobody has
// closed, keeps its locks for a second. Then the others can do what they waited for.
func TestAReplicaThatIsGoneKeepsNoLock(t *testing.T) {
	for name, pooled := range map[string]bool{"directly": false, "behind a pooler": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := newPostgres(t)
			if pooled {
				address = postgrestest.Pooled(t, address)
			}
			proxy, broken := postgrestest.NewProxy(t, address)
			gone, other := openPostgres(t, broken), openPostgres(t, address)
			_, err := keepInTime(t, other, inquiry(t, "1"))
			require.NoError(t, err)

			for _, write := range []func(s *store.Store) error{
				func(s *store.Store) error { _, err := s.Keep(t.Context(), inquiry(t, "2")); return err },
				func(s *store.Store) error {
					_, err := acquire(t, s, askFor("anybody", time.Minute))
					return err
				},
				func(s *store.Store) error {
					for { // what the other has locked is passed over
						claims, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute})
						if err != nil || len(claims) > 0 {
							return err
						}
						time.Sleep(10 * time.Millisecond)
					}
				},
				func(s *store.Store) error { return s.TakeOver(t.Context(), []string{"casas"}, time.Now()) },
			} {
				commits := make(chan struct{})
				proxy.Break(func(statement string) postgrestest.Fault {
					if !strings.Contains(statement, "commit") {
						return postgrestest.None
					}
					select {
					case <-commits:
					default:
						close(commits)
					}
					return postgrestest.Swallow
				})
				var all sync.WaitGroup
				all.Go(func() { assert.Error(t, write(gone)) })
				<-commits
				require.NoError(t, inTime(t, func() error { return write(other) }))
				all.Wait()
				proxy.Break(nil)
			}
			leads, _, err := other.List(t.Context(), lead.Filter{Limit: 10})
			require.NoError(t, err)
			require.Len(t, leads, 2)
		})
	}
}

// A replica that stands still in the middle of a statement keeps its locks, as far as the
// server is concerned, for as long as its connection is there. The others end that.
func TestAReplicaThatStandsStillInAStatement(t *testing.T) {
	for name, pooled := range map[string]bool{"directly": false, "behind a pooler": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := newPostgres(t)
			if pooled {
				address = postgrestest.Pooled(t, address)
			}
			proxy, broken := postgrestest.NewProxy(t, address)
			stuck, other := openPostgres(t, broken), openPostgres(t, address)
			proxy.BreakOnce("INSERT INTO leads", postgrestest.Stall)
			_, err := keepInTime(t, stuck, inquiry(t, "Hola"))
			require.Error(t, err)
			begun := time.Now()
			kept := lead.Kept{}
			for err != nil {
				require.Less(t, time.Since(begun), 5*time.Second)
				kept, err = keepInTime(t, other, inquiry(t, "Hola"))
			}
			require.False(t, kept.Again)
			requireLeads(t, other, 1)
			_, err = keepInTime(t, stuck, inquiry(t, "again"))
			require.NoError(t, err)
		})
	}
}
