package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// RunRestarts states what a store that is its process's alone promises when the
// process dies. open returns an empty store, and what gives the next process the
// same database.
func RunRestarts(t *testing.T, open func(t *testing.T) (s *store.Store, restart func() *store.Store)) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *store.Store, func() *store.Store){
		"an attempt that a death cut is looked up at once":      cutAttempt,
		"a cut attempt ended when the process was last alive":   lastAlive,
		"a cut attempt ended after it began":                    begunAhead,
		"a look-up that a death cut is due again":               cutLookUp,
		"what waits for its time goes on waiting":               stillWaits,
		"the dead process's settlement comes too late":          deadSettles,
		"every site's cut attempts are closed":                  cutEverywhere,
		"what was cut twice has two attempts, each with an end": cutTwice,
		"of the same words the last that came counts":           lastOfTheSame,
	} {
		t.Run(name, func(t *testing.T) {
			s, restart := open(t)
			test(t, s, restart)
		})
	}
}

func cutAttempt(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	at := now().Add(-time.Second)
	id := keep(t, s, at)
	beginOne(t, s, at)
	s = restart()
	l, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, lead.Doubtful, l.State)
	require.Len(t, attempts, 1)
	require.Equal(t, lead.OutcomeUnsure, attempts[0].Outcome)
	require.Equal(t, "interrupted", attempts[0].Detail)
	require.Empty(t, begin(t, s, now(), 10), "it is not sent again before it was looked up")

	c := claimLookup(t, s, now())
	require.Equal(t, id, c.Lead.RemoteID)
	require.Equal(t, 1, c.MaybeTaken)
	require.Equal(t, at, c.LastAttempt)
}

func lastAlive(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	at := now().Add(-time.Hour)
	id := keep(t, s, at)
	beginOne(t, s, at)
	last := at.Add(7 * time.Second)
	keep(t, s, last)
	_, attempts, err := restart().Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, last, attempts[0].EndedAt)
}

// The clock was set back between the attempt and the start.
func begunAhead(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	at := now().Add(time.Hour)
	id := keep(t, s, at)
	beginOne(t, s, at)
	s = restart()
	_, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, at, attempts[0].EndedAt)
	require.Equal(t, id, claimLookup(t, s, now()).Lead.RemoteID, "it is looked up at once all the same")
}

func cutLookUp(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	at := now().Add(-time.Minute)
	id := keep(t, s, at)
	settle(t, s, at, lead.Settlement{State: lead.Doubtful, DueAt: at, Attempt: &lead.Attempt{Outcome: lead.OutcomeUnsure}})
	claimLookup(t, s, now())
	require.Empty(t, claimLookups(t, s, now()))
	s = restart()
	c := claimLookup(t, s, now())
	require.Equal(t, id, c.Lead.RemoteID)
	require.Equal(t, at, c.WasDueAt, "it keeps its turn")
}

func stillWaits(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	at := now()
	later := at.Add(time.Hour)
	for _, state := range []lead.State{lead.Doubtful, lead.Delivered, lead.Queued} {
		keep(t, s, at)
		settle(t, s, at, lead.Settlement{State: state, DueAt: later, Attempt: &lead.Attempt{Outcome: lead.OutcomeUnsure}})
	}
	s = restart()
	require.Empty(t, claimLookups(t, s, now()))
	require.Empty(t, begin(t, s, now(), 10))
	require.Len(t, claimLookups(t, s, later), 2)
	require.Len(t, begin(t, s, later, 10), 1)
}

func deadSettles(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	at := now()
	keep(t, s, at)
	c := beginOne(t, s, at)
	s = restart()
	require.ErrorIs(t, s.Settle(t.Context(), c, lead.Settlement{State: lead.Queued, At: at, DueAt: at}), lead.ErrLost)
}

func cutEverywhere(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	at := now()
	sites := []string{"casas", "lofts", "zonas"}
	for _, site := range sites {
		l := Draft(t, at)
		l.Site = site
		_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		claims, _, err := s.Begin(t.Context(), site, due(at, 1))
		require.NoError(t, err)
		require.Len(t, claims, 1)
	}
	s = restart()
	claims, _, err := s.ClaimLookups(t.Context(), sites, due(now(), 10))
	require.NoError(t, err)
	require.Len(t, claims, len(sites))
}

func cutTwice(t *testing.T, s *store.Store, restart func() *store.Store) {
	t.Helper()
	id := keep(t, s, now())
	for range 2 {
		beginOne(t, s, now())
		s = restart()
		c := claimLookup(t, s, now())
		require.NoError(t, s.Settle(t.Context(), c, lead.Settlement{State: lead.Queued, At: now(), DueAt: now()}))
	}
	_, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, attempts, 2)
	for _, a := range attempts {
		require.Equal(t, lead.OutcomeUnsure, a.Outcome)
		require.False(t, a.EndedAt.Before(a.BegunAt))
	}
}
