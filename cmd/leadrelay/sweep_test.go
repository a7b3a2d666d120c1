package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

// A quarantined lead is there for 90 days and gone a minute later; what is off
// stays. What is blocked has its own time. The log tells how many, and nothing of them.
func TestTheSweep(t *testing.T) {
	for name, tt := range map[string]struct {
		retention config.Retention
		left      int
	}{
		"by default": {config.Retention{Quarantined: config.Period(90 * 24 * time.Hour)}, 0},
		"off":        {config.Retention{}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
				require.NoError(t, err)
				l := storetest.Draft(t, time.Now())
				l.Quarantine("trap")
				_, err = s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
				require.NoError(t, err)
				kept, err := s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
				require.NoError(t, err)
				s.BlockFor(90 * 24 * time.Hour)
				_, err = s.BlockPerson(t.Context(), []lead.RemoteID{kept.RemoteID}, func(*lead.Lead) bool { return true })
				require.NoError(t, err)
				time.Sleep(89 * 24 * time.Hour)
				ctx, stop := context.WithCancel(t.Context())
				var log bytes.Buffer
				var sweeping sync.WaitGroup
				sweeping.Go(func() { sweep(ctx, tt.retention, s, zerolog.New(&log)) })
				count := func() int {
					leads, _, err := s.List(t.Context(), lead.Filter{State: lead.Quarantined, Limit: 10})
					require.NoError(t, err)
					return len(leads)
				}
				time.Sleep(24*time.Hour - time.Second)
				require.Equal(t, 1, count())
				_, _, err = s.FindBlocked(t.Context(), kept.RemoteID)
				require.NoError(t, err)
				time.Sleep(time.Minute + 2*time.Second)
				require.Equal(t, tt.left, count())
				_, _, err = s.FindBlocked(t.Context(), kept.RemoteID)
				require.ErrorIs(t, err, lead.ErrNotFound)
				stop()
				sweeping.Wait()
				require.NoError(t, s.Close())
				require.Equal(t, 1-tt.left, strings.Count(log.String(), `"state":"quarantined","leads":1,"after":"90d","message":"leads erased"`), log.String())
				require.Equal(t, 1, strings.Count(log.String(), `"leads":1,"message":"blocked leads erased"`), log.String())
				require.Equal(t, 2-tt.left, strings.Count(log.String(), "\n"))
			})
		})
	}
}
