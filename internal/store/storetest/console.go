package storetest

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func secretMadeOnce(t *testing.T, s *store.Store) {
	t.Helper()
	secrets := make([][]byte, 8) // of relays that start at once
	var asking errgroup.Group
	for i := range secrets {
		asking.Go(func() (err error) {
			secrets[i], err = s.Secret(t.Context())
			return err
		})
	}
	require.NoError(t, asking.Wait())
	require.Len(t, secrets[0], 32)
	for _, one := range secrets {
		require.Equal(t, secrets[0], one)
	}
}

// hasEnded asks for the n-th session.
func hasEnded(t *testing.T, s *store.Store, n int, until time.Time) bool {
	t.Helper()
	has, err := s.SessionHasEnded(t.Context(), sessionID(n), until)
	require.NoError(t, err)
	return has
}

func sessionID(n int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 8), uint64(n)) }

func sessionEnded(t *testing.T, s *store.Store) {
	t.Helper()
	until := time.Now().Add(time.Hour)
	require.False(t, hasEnded(t, s, 1, until))
	for range 2 { // a person leaves twice
		require.NoError(t, s.EndSession(t.Context(), sessionID(1), until))
		require.True(t, hasEnded(t, s, 1, until))
	}
	require.False(t, hasEnded(t, s, 2, until), "another session goes on")

	over := time.Now().Add(-time.Second)
	require.NoError(t, s.EndSession(t.Context(), sessionID(3), over))
	require.NoError(t, s.EndSession(t.Context(), sessionID(4), until))
	require.False(t, hasEnded(t, s, 3, over), "what is over by itself is forgotten")
	require.True(t, hasEnded(t, s, 1, until))
}

// Somebody leaves again and again: what is remembered is bounded, and no session that
// has ended comes back.
func sessionsBounded(t *testing.T, s *store.Store) {
	t.Helper()
	const many = 1100
	first, later := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	for from := 0; from < many; from += 100 {
		var leaving errgroup.Group
		for n := from; n < from+100; n++ {
			leaving.Go(func() error {
				return s.EndSession(t.Context(), sessionID(n), first.Add(time.Duration(n)*time.Millisecond))
			})
		}
		require.NoError(t, leaving.Wait())
	}
	for n := range many {
		require.True(t, hasEnded(t, s, n, first.Add(time.Duration(n)*time.Millisecond)), n)
	}
	require.True(t, hasEnded(t, s, many, first), "it would not have lasted longer")
	require.False(t, hasEnded(t, s, many, later), "who logs in now is in")
}

func paused(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	all := func() []lead.Pause {
		all, err := s.Pauses(t.Context())
		require.NoError(t, err)
		return all
	}
	require.Empty(t, all())
	first := lead.Pause{Since: at, Until: at.Add(time.Hour), Why: "mantenimiento"}
	require.NoError(t, s.Pause(t.Context(), []string{"casas", "lofts"}, first))
	casas, lofts := first, first
	casas.Site, lofts.Site = "casas", "lofts"
	require.Equal(t, []lead.Pause{casas, lofts}, all())

	longer := lead.Pause{Since: at.Add(time.Minute), Until: at.Add(2 * time.Hour), Why: "dura más"}
	require.NoError(t, s.Pause(t.Context(), []string{"casas"}, longer))
	casas.Until, casas.Why = longer.Until, longer.Why
	require.Equal(t, []lead.Pause{casas, lofts}, all(), "it is paused since it was")

	require.NoError(t, s.Resume(t.Context(), []string{"casas", "villas"}, at.Add(30*time.Minute)))
	casas.Until = at.Add(30 * time.Minute)
	require.Equal(t, []lead.Pause{casas, lofts}, all())
	require.NoError(t, s.Resume(t.Context(), []string{"casas"}, at.Add(40*time.Minute)))
	require.Equal(t, []lead.Pause{casas, lofts}, all(), "it was over already")

	again := lead.Pause{Since: at.Add(time.Hour), Until: at.Add(2 * time.Hour), Why: "otra vez"}
	require.NoError(t, s.Pause(t.Context(), []string{"casas"}, again))
	casas = again
	casas.Site = "casas"
	require.Equal(t, []lead.Pause{casas, lofts}, all())
}
