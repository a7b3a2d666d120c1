package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// requestsKept is told of each step of a request, which has a number of its own.
func requestsKept(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := by(t, "ana"), now().Add(-time.Hour)
	open := func(kind lead.RequestKind, at time.Time) lead.PersonRequest {
		t.Helper()
		r, err := s.AddRequest(ctx, lead.PersonRequest{Kind: kind, Who: "luz@ejemplo.mx", ReceivedAt: at})
		require.NoError(t, err)
		return r
	}
	first, second, third := open(lead.RequestAccess, at), open(lead.RequestCancellation, at.Add(-time.Hour)), open(lead.RequestOpposition, at)
	require.Equal(t, lead.PersonRequest{ID: 1, Kind: lead.RequestAccess, Who: "luz@ejemplo.mx", State: lead.RequestOpen, ReceivedAt: at}, first)
	_, err := s.TakeStep(ctx, first.ID, lead.FinishRequest)
	wrong := (*lead.StepError)(nil)
	require.ErrorAs(t, err, &wrong)
	_, err = s.TakeStep(ctx, 77, lead.CheckRequest)
	require.ErrorIs(t, err, lead.ErrNotFound)
	for _, step := range []lead.RequestStep{lead.CheckRequest, lead.AcceptRequest} {
		_, err = s.TakeStep(ctx, first.ID, step)
		require.NoError(t, err)
	}
	_, err = s.TakeStep(ctx, third.ID, lead.RefuseRequest)
	require.NoError(t, err)
	done, err := s.TakeStep(ctx, first.ID, lead.FinishRequest)
	require.NoError(t, err)
	require.Empty(t, done.Who, "it has ended, so it is forgotten whose it was")
	require.False(t, done.AcceptedAt.IsZero())

	all, err := s.Requests(t.Context(), 10)
	require.NoError(t, err)
	var ids []int64
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	require.Equal(t, second.ID, ids[0], "what is open comes first")
	require.ElementsMatch(t, []int64{first.ID, third.ID}, ids[1:])
	require.Equal(t, done.EndedAt.UnixMilli(), all[1+slices.Index(ids[1:], first.ID)].EndedAt.UnixMilli())

	did := entries(t, s, entryFilter("request.finish"))
	require.Len(t, did, 1)
	require.Equal(t, "1: access", did[0].About)
	require.Nil(t, did[0].Sites, "it is about all sites, because it says nothing of one")
	require.Len(t, entries(t, s, entryFilter("request.open")), 3)

	require.NoError(t, s.DeleteOldRequests(t.Context(), now().Add(-time.Minute)))
	require.NoError(t, s.DeleteOldRequests(t.Context(), now().Add(time.Minute)))
	all, err = s.Requests(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []lead.PersonRequest{second}, all)
}
