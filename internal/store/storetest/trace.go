package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// keepsTrace follows the trace of a lead: whoever works on it has the first post's, whatever
// is changed and however it comes again, until its visitor is erased.
func keepsTrace(t *testing.T, s *store.Store) {
	t.Helper()
	const first = lead.Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	const second = lead.Trace("00-00112233445566778899aabbccddeeff-0011223344556677-01")
	at := now()
	sub := posted(t, at, "", "Hola")
	sub.Content, sub.Lead.Trace = sub.Lead.Content(), first
	kept, err := s.Keep(t.Context(), sub)
	require.NoError(t, err)
	require.Empty(t, kept.First)
	again := posted(t, at.Add(time.Minute), "", "Hola")
	again.Lead.Trace, again.Lead.Extra = second, []lead.Pair{{Name: "zona", Value: "Roma"}}
	require.Equal(t, sub.Content, again.Lead.Content(), "it is nothing that the visitor wrote")
	again.Content = again.Lead.Content()
	repeat, err := s.Keep(t.Context(), again)
	require.NoError(t, err)
	require.True(t, repeat.Again)
	require.Equal(t, first, repeat.First)

	quarantine := func(l *lead.Lead) error { l.Quarantine("a person"); return nil }
	for _, move := range []func(*lead.Lead) error{quarantine, func(l *lead.Lead) error { return l.Release(at) }} {
		_, err = s.Amend(t.Context(), kept.RemoteID, move)
		require.NoError(t, err)
	}
	claims, _, err := s.Begin(t.Context(), site, lead.Due{Now: now().Add(time.Hour), N: 10, Lease: time.Minute})
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, first, claims[0].Lead.Trace)
	require.Contains(t, claims[0].Lead.Extra, lead.Pair{Name: "zona", Value: "Roma"})

	everyLead := func(*lead.Lead) bool { return true }
	trace := func() lead.Trace {
		l, _, err := s.Find(t.Context(), kept.RemoteID)
		require.NoError(t, err)
		return l.Trace
	}
	_, err = s.BlockPerson(by(t, "ana"), []lead.RemoteID{kept.RemoteID}, everyLead)
	require.NoError(t, err)
	require.Empty(t, trace())
	_, err = s.UnblockPerson(by(t, "ana"), []lead.RemoteID{kept.RemoteID}, everyLead)
	require.NoError(t, err)
	require.Equal(t, first, trace())
	_, err = s.ErasePerson(by(t, "ana"), []lead.RemoteID{kept.RemoteID}, everyLead)
	require.NoError(t, err)
	require.Empty(t, trace())
}
