package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

const lateSign = "captcha, no_mail"

// quarantine tries to quarantine a lead that is delayed until a time, and reports
// whether that was done.
func quarantine(t *testing.T, s *store.Store, id lead.RemoteID, until time.Time) bool {
	t.Helper()
	done, err := s.Quarantine(t.Context(), id, until, lateSign)
	require.NoError(t, err)
	return done
}

func quarantined(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id, other := keep(t, s, at), keep(t, s, at)
	want := found(t, s, id)
	want.State, want.Reason, want.DueAt = lead.Quarantined, lateSign, time.Time{}
	require.True(t, quarantine(t, s, id, at))
	require.Equal(t, want, found(t, s, id))
	require.False(t, quarantine(t, s, id, at), "it is no news any more")
	require.False(t, quarantine(t, s, other+1, at), "there is no such lead")

	claims := begin(t, s, at.AddDate(1, 0, 0), 2)
	require.Len(t, claims, 1)
	require.Equal(t, other, claims[0].Lead.RemoteID)
}

func notQuarantined(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	c := beginOne(t, s, at)
	require.False(t, quarantine(t, s, id, at), "it is being sent")
	require.NoError(t, s.Settle(t.Context(), c, lead.Settlement{
		State: lead.Queued, At: at, DueAt: at, Attempt: &lead.Attempt{Number: c.Number, EndedAt: at, Outcome: lead.OutcomeDeferred},
	}), "its courier still has it")
	require.False(t, quarantine(t, s, id, at), "it was tried")
	require.Equal(t, lead.Queued, found(t, s, id).State)

	for _, state := range lead.States() {
		if state == lead.Queued {
			continue
		}
		id := keepIn(t, s, state, at)
		want := found(t, s, id)
		require.False(t, quarantine(t, s, id, at), state)
		require.Equal(t, want, found(t, s, id))
	}
}

func notQuarantinedAgain(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	require.True(t, quarantine(t, s, id, at))
	_, err := s.Amend(t.Context(), id, func(l *lead.Lead) error { return l.Release(at.Add(time.Second)) })
	require.NoError(t, err)
	require.False(t, quarantine(t, s, id, at))
	c := beginOne(t, s, at.Add(time.Second))
	require.Equal(t, id, c.Lead.RemoteID)
	require.Empty(t, c.Lead.Reason)
}

func delayed(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	until := at.Add(10 * time.Second)
	l := Draft(t, at)
	l.DelayUntil(until)
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(t, err)
	claims, next, err := s.Begin(t.Context(), site, due(until.Add(-time.Millisecond), 1))
	require.NoError(t, err)
	require.Empty(t, claims)
	require.Equal(t, until, next)
	c := beginOne(t, s, until)
	require.Equal(t, kept.RemoteID, c.Lead.RemoteID)
	require.Equal(t, at, c.Lead.QueuedAt, "its deadline does not wait")
}
