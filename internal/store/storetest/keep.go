package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func foundAgain(t *testing.T, s *store.Store) {
	t.Helper()
	want := Draft(t, now())
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: want, Tick: lead.Milliseconds})
	require.NoError(t, err)
	require.False(t, kept.Again)

	got, attempts, err := s.Find(t.Context(), kept.RemoteID)
	require.NoError(t, err)
	want.RemoteID = kept.RemoteID
	require.Equal(t, want, got)
	require.Empty(t, attempts)
}

func uniqueIDs(t *testing.T, s *store.Store) {
	t.Helper()
	const visitors = 1000
	ids, errs := make([]lead.RemoteID, visitors), make([]error, visitors)
	l := Draft(t, now())
	var wg sync.WaitGroup
	for i := range visitors {
		wg.Go(func() {
			kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
			ids[i], errs[i] = kept.RemoteID, err
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	slices.Sort(ids)
	require.Len(t, slices.Compact(ids), visitors)
	require.GreaterOrEqual(t, int64(ids[0]), lead.Milliseconds.Since(l.ReceivedAt))
}

func clockJumpsBack(t *testing.T, s *store.Store) {
	t.Helper()
	last := keep(t, s, now())
	for _, back := range []time.Duration{time.Second, 24 * time.Hour, 60 * 365 * 24 * time.Hour, -time.Hour, 0} {
		next := keep(t, s, now().Add(-back))
		require.Greater(t, next, last)
		last = next
	}
}

func bothTicks(t *testing.T, s *store.Store) {
	t.Helper()
	for _, at := range []time.Time{now(), time.Unix(0, 0).UTC(), now().AddDate(30, 0, 0)} {
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: Draft(t, at), Tick: lead.Seconds})
		require.NoError(t, err)
		require.Positive(t, kept.RemoteID)
		require.Less(t, int64(kept.RemoteID), int64(1)<<31)
		require.Greater(t, int64(keep(t, s, at)), int64(1)<<32)
	}
}

func ready(t *testing.T, s *store.Store) {
	t.Helper()
	require.NoError(t, s.Ready(t.Context()))
	for i := range 3 {
		require.NoError(t, s.Ready(t.Context()), fmt.Sprint(i))
	}
}
