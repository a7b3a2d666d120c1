package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// A test inquiry has the words of a lead and is no repeat of it, nor is a lead of it. Every
// channel is told of it, and nothing that lists, counts, sends or watches leads knows of it.
func testInquiries(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := t.Context(), now()
	subscribe(s)
	test := Draft(t, at)
	test.MarkTest()
	first, err := s.LastEvent(ctx)
	require.NoError(t, err)
	id := keepTest(t, s, test)
	again := keepTest(t, s, test)
	require.Greater(t, again, id, "each has a number of its own")

	l, err := s.FindTest(ctx, id)
	require.NoError(t, err)
	require.Equal(t, lead.Test, l.State)
	require.Equal(t, test.Inquiry, l.Inquiry)
	told, err := s.Deliveries(ctx, id)
	require.NoError(t, err)
	require.Len(t, told, 2, "the one that asks for failures alone, too")

	_, _, err = s.Find(ctx, id)
	require.ErrorIs(t, err, lead.ErrNotFound)
	leads, _, err := s.List(ctx, lead.Filter{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, leads)
	counts, err := s.Counts(ctx)
	require.NoError(t, err)
	require.Empty(t, counts)
	buckets, err := s.Stats(ctx, lead.StatsQuery{After: at.Add(-time.Hour), Before: at.Add(time.Hour)})
	require.NoError(t, err)
	require.Empty(t, buckets)
	claims, _, err := s.Begin(ctx, site, due(at, 7))
	require.NoError(t, err)
	require.Empty(t, claims)
	events, _, _, err := s.Events(ctx, first)
	require.NoError(t, err)
	require.Empty(t, events)
	real := keep(t, s, at)
	require.Greater(t, real, again, "the same words in earnest are a lead")

	claimed := claimDeliveries(t, s, at, 10)
	require.Len(t, claimed, 3)
	require.Equal(t, lead.NoticeTest, claimed[0].Notice)
	require.Equal(t, lead.Test, claimed[0].Lead.State)
	require.Equal(t, test.Email, claimed[0].Lead.Email)
	require.NoError(t, s.SettleDelivery(ctx, claimed[0], lead.DeliveryEnd{State: lead.DeliveryTaken, Status: 204, At: at}))

	for _, site := range []string{"otro", test.Site} {
		some, err := s.Tests(ctx, []string{site}, 10)
		require.NoError(t, err)
		require.Equal(t, site == test.Site, len(some) == 2, site)
	}
	require.NoError(t, s.EraseTests(ctx, at))
	all, err := s.Tests(ctx, nil, 1)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, again, all[0].RemoteID)
	require.NoError(t, s.EraseTests(ctx, at.Add(time.Millisecond)))
	_, err = s.FindTest(ctx, id)
	require.ErrorIs(t, err, lead.ErrNotFound)
	told, err = s.Deliveries(ctx, id)
	require.NoError(t, err)
	require.Empty(t, told)
	require.Len(t, notices(t, s, real), 1)

	gone := keepTest(t, s, test)
	_, err = s.ErasePerson(ctx, nil, nil)
	require.NoError(t, err)
	_, err = s.FindTest(ctx, gone)
	require.ErrorIs(t, err, lead.ErrNotFound, "whoever is to be forgotten may be in one")
}

func keepTest(t *testing.T, s *store.Store, l lead.Lead) lead.RemoteID {
	t.Helper()
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()})
	require.NoError(t, err)
	require.False(t, kept.Again)
	return kept.RemoteID
}
