package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func alertsStay(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := t.Context(), now()
	isMine, err := s.TakeAlertTurn(ctx, "one", time.Minute)
	require.NoError(t, err)
	require.True(t, isMine)
	open := lead.Alert{
		ID: "B", Kind: lead.AlertHeld, Subject: "casas", Sites: []string{"casas"}, Since: at, OpenedAt: at.Add(time.Minute),
		Told: map[string]lead.Told{"ntfy": {At: at.Add(time.Minute)}},
	}
	closed := lead.Alert{ID: "A", Kind: lead.AlertFailed, RemoteIDs: []lead.RemoteID{7}, Leads: 1, Since: at, OpenedAt: at, ClosedAt: time.Now().UTC()}
	old := lead.Alert{ID: "C", Kind: lead.AlertDrift, Found: map[lead.DriftKind]int{lead.OnlyHere: 2}, Since: at, ClosedAt: time.Now().Add(-25 * time.Hour)}
	require.NoError(t, s.SaveAlerts(ctx, "one", []lead.Alert{open, closed, old}))
	all, err := s.Alerts(ctx)
	require.NoError(t, err)
	require.Equal(t, []lead.Alert{closed, open}, all, "what was closed long ago is forgotten")

	open.ClosedAt = closed.ClosedAt
	require.NoError(t, s.SaveAlerts(ctx, "one", []lead.Alert{open}))
	all, err = s.Alerts(ctx)
	require.NoError(t, err)
	require.Equal(t, []lead.Alert{closed, open}, all)
}

// stuck is what is stuck now, with whatever waits for at least so long.
func stuck(t *testing.T, s *store.Store, queued, inDoubt time.Time) map[lead.AlertKind][]lead.RemoteID {
	t.Helper()
	all, err := s.Stuck(t.Context(), lead.StuckQuery{Queued: queued, Doubtful: inDoubt})
	require.NoError(t, err)
	found := map[lead.AlertKind][]lead.RemoteID{}
	for _, one := range all {
		require.Equal(t, one.Leads, len(one.RemoteIDs))
		require.NotZero(t, one.Since)
		found[one.Kind] = append(found[one.Kind], one.RemoteIDs...)
	}
	return found
}

func failedLeadsAreSeen(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := t.Context(), now()
	refusal := lead.Settlement{State: lead.Failed, Reason: "no se encontró", Tries: 1, Attempt: &lead.Attempt{Outcome: lead.OutcomeRefused, Status: 404}}
	id := refused(t, s, at)
	want := map[lead.AlertKind][]lead.RemoteID{lead.AlertFailed: {id}}
	require.Equal(t, want, stuck(t, s, at, at))

	require.NoError(t, s.SeeLeads(ctx, lead.AlertFailed, []string{site}))
	require.NoError(t, s.SeeLeads(ctx, lead.AlertFailed, []string{site}), "two people may look")
	require.NoError(t, s.ForgetSeen(ctx))
	require.Empty(t, stuck(t, s, at, at), "a person has looked at it")

	_, err := s.Amend(ctx, id, func(l *lead.Lead) error { return l.Retry(at, false) })
	require.NoError(t, err)
	settle(t, s, at, refusal)
	require.Equal(t, want, stuck(t, s, at, at), "it has failed again")
	require.NoError(t, s.ForgetSeen(ctx))
	require.Equal(t, want, stuck(t, s, at, at))
}

func stuckLeads(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := t.Context(), now()
	ids := map[lead.State]lead.RemoteID{}
	for _, state := range lead.States() {
		ids[state] = keepIn(t, s, state, at)
	}
	later, before := at.Add(time.Hour), at.Add(-time.Hour)
	found := stuck(t, s, later, later)
	require.ElementsMatch(t, []lead.RemoteID{ids[lead.Queued], ids[lead.Sending]}, found[lead.AlertLate])
	require.Equal(t, []lead.RemoteID{ids[lead.Doubtful]}, found[lead.AlertDoubtful])
	require.Len(t, found, 2)
	require.Empty(t, stuck(t, s, before, before), "none has waited for so long")

	for reason, kind := range map[string]lead.AlertKind{lead.ReasonMissing: lead.AlertMissing, lead.ReasonTwice: lead.AlertTwice} {
		_, err := s.Amend(ctx, ids[lead.Delivered], func(l *lead.Lead) error { l.Reason = reason; return nil })
		require.NoError(t, err)
		require.Equal(t, map[lead.AlertKind][]lead.RemoteID{kind: {ids[lead.Delivered]}}, stuck(t, s, before, before))
		require.NoError(t, s.SeeLeads(ctx, kind, []string{site}))
		require.Empty(t, stuck(t, s, before, before))
	}
}
