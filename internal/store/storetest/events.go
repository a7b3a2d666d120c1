package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// watched is told of each new lead and of each change, in their order, and nothing twice.
func watched(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	keep(t, s, at)
	c, err := s.LastEvent(t.Context())
	require.NoError(t, err)
	news := func() (all []lead.Event) {
		t.Helper()
		events, next, isLost, err := s.Events(t.Context(), c)
		require.NoError(t, err)
		require.False(t, isLost)
		again, err := lead.ParseEventCursor(next.String())
		require.NoError(t, err)
		c = again
		return events
	}
	// A server may still have others' transactions, and changes wait for them.
	soon := func(want ...lead.Event) {
		t.Helper()
		var got []lead.Event
		require.Eventually(t, func() bool {
			got = append(got, news()...)
			return len(got) >= len(want)
		}, 10*time.Second, 10*time.Millisecond)
		require.Equal(t, want, got)
	}
	require.Empty(t, news())
	claim := beginOne(t, s, at)
	soon(lead.Event{RemoteID: claim.Lead.RemoteID, Site: site, State: lead.Sending})
	require.NoError(t, s.Settle(t.Context(), claim, lead.Settlement{State: lead.Delivered, At: at, Attempt: &lead.Attempt{Number: 1, EndedAt: at}}))
	second := keep(t, s, at)
	l := Draft(t, at)
	l.Site = "lofts"
	l.Quarantine("trap")
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Seconds})
	require.NoError(t, err)
	soon(lead.Event{RemoteID: second, Site: site, State: lead.Queued}, lead.Event{RemoteID: kept.RemoteID, Site: "lofts", State: lead.Quarantined},
		lead.Event{RemoteID: claim.Lead.RemoteID, Site: site, State: lead.Delivered})
	_, err = s.Amend(t.Context(), kept.RemoteID, func(l *lead.Lead) error { l.Reason = "x"; return nil })
	require.NoError(t, err)
	require.Empty(t, news(), "it is in the same state")
	require.NoError(t, s.DeleteOldChanges(t.Context()))
	require.Empty(t, news())

	_, _, isLost, err := s.Events(t.Context(), lead.EventCursor{Tx: c.Tx, Number: c.Number + 7})
	require.NoError(t, err)
	require.True(t, isLost, "of another database, or of long ago")
}
