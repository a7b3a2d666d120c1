package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// refused keeps a lead that EasyBroker has refused.
func refused(t *testing.T, s *store.Store, at time.Time) lead.RemoteID {
	t.Helper()
	id := keep(t, s, at)
	settle(t, s, at, lead.Settlement{
		State: lead.Failed, Reason: "no se encontró", Tries: 3,
		Attempt: &lead.Attempt{Outcome: lead.OutcomeRefused, Status: 404},
	})
	return id
}

func found(t *testing.T, s *store.Store, id lead.RemoteID) lead.Lead {
	t.Helper()
	l, _, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	return l
}

func amended(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := refused(t, s, at)
	want := found(t, s, id)
	want.PropertyID, want.Name, want.Message, want.Reason = "EB-2", "Luz", "Otra", "corregido"
	got, err := s.Amend(t.Context(), id, func(l *lead.Lead) error {
		l.PropertyID, l.Name, l.Message, l.Reason = "EB-2", "Luz", "Otra", "corregido"
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, want, found(t, s, id))
	leads, _, err := s.List(t.Context(), lead.Filter{PropertyID: "EB-2", Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []lead.Lead{want}, leads)
}

func amendmentFails(t *testing.T, s *store.Store) {
	t.Helper()
	id := refused(t, s, now())
	want, no := found(t, s, id), errors.New("no")
	_, err := s.Amend(t.Context(), id, func(l *lead.Lead) error {
		l.State, l.Name = lead.Queued, "Luz"
		return no
	})
	require.ErrorIs(t, err, no)
	require.Equal(t, want, found(t, s, id))

	_, err = s.Amend(t.Context(), id+1, func(*lead.Lead) error { return nil })
	require.ErrorIs(t, err, lead.ErrNotFound)
}

func queuedAnew(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	later := at.Add(time.Hour)
	id := refused(t, s, at)
	_, err := s.Amend(t.Context(), id, func(l *lead.Lead) error { return l.Retry(later, false) })
	require.NoError(t, err)
	require.Empty(t, begin(t, s, later.Add(-time.Millisecond), 1))
	c := settle(t, s, later, lead.Settlement{State: lead.Delivered, Tries: 1, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered}})
	require.Zero(t, c.Tries, "it is at the begin of its schedule")
	require.Equal(t, later, c.Lead.QueuedAt)
	require.NotZero(t, found(t, s, id).DeliveredAt)

	_, err = s.Amend(t.Context(), id, func(l *lead.Lead) error { return l.Retry(later, true) })
	require.NoError(t, err)
	require.Zero(t, found(t, s, id).DeliveredAt)
	_, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, attempts, 2, "what was tried stays written")
}

// doubtful keeps a lead and claims it for a look-up.
func doubtful(t *testing.T, s *store.Store, at time.Time) lead.Claim {
	t.Helper()
	keep(t, s, at)
	settle(t, s, at, lead.Settlement{State: lead.Doubtful, DueAt: at, Attempt: &lead.Attempt{Outcome: lead.OutcomeUnsure}})
	return claimLookup(t, s, at)
}

func amendmentWins(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	slow := doubtful(t, s, at)
	_, err := s.Amend(t.Context(), slow.Lead.RemoteID, func(l *lead.Lead) error {
		l.State, l.DueAt = lead.Failed, time.Time{}
		return nil
	})
	require.NoError(t, err)
	require.ErrorIs(t, s.Settle(t.Context(), slow, lead.Settlement{State: lead.Confirmed, At: at}), lead.ErrLost)
	require.Equal(t, lead.Failed, found(t, s, slow.Lead.RemoteID).State)
	require.Empty(t, claimLookups(t, s, at.AddDate(1, 0, 0)))
	require.Empty(t, begin(t, s, at.AddDate(1, 0, 0), 1))
}

func confirmed(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	for _, state := range lead.States() {
		id := keepIn(t, s, state, at)
		want := found(t, s, id)
		taken := state == lead.Delivered || state == lead.Doubtful || state == lead.Queued || state == lead.Failed
		if taken {
			want.State, want.Reason, want.DueAt, want.ConfirmedAt = lead.Confirmed, lead.ReasonTwice, time.Time{}, at
		}
		news, err := s.Confirm(t.Context(), id, at, lead.ReasonTwice)
		require.NoError(t, err)
		require.Equal(t, taken, news, state)
		require.Equal(t, want, found(t, s, id))
		news, err = s.Confirm(t.Context(), id, at.Add(time.Hour), "")
		require.NoError(t, err)
		require.False(t, news, "it is no news any more")
		require.Equal(t, want, found(t, s, id))
	}
	news, err := s.Confirm(t.Context(), 1, at, "")
	require.NoError(t, err)
	require.False(t, news)
}

func confirmationWins(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	slow := doubtful(t, s, at)
	news, err := s.Confirm(t.Context(), slow.Lead.RemoteID, at, "")
	require.NoError(t, err)
	require.True(t, news)
	require.ErrorIs(t, s.Settle(t.Context(), slow, lead.Settlement{State: lead.Queued, At: at, DueAt: at}), lead.ErrLost)
	require.Empty(t, claimLookups(t, s, at.AddDate(1, 0, 0)))
	require.Empty(t, begin(t, s, at.AddDate(1, 0, 0), 1))
}

func reports(t *testing.T, s *store.Store) {
	t.Helper()
	none, left, err := s.Reports(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Zero(t, left)
	const made, kept = 53, 50
	for i := range made {
		require.NoError(t, s.KeepReport(t.Context(), now(), fmt.Appendf(nil, `{"n":%d}`, i)))
	}
	all, left, err := s.Reports(t.Context(), 2*kept)
	require.NoError(t, err)
	require.Len(t, all, kept)
	require.Zero(t, left)
	for i, body := range all {
		require.Equal(t, fmt.Sprintf(`{"n":%d}`, made-1-i), string(body))
	}
	two, left, err := s.Reports(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, all[:2], two)
	require.Zero(t, left)

	for range 3 {
		require.NoError(t, s.KeepReport(t.Context(), now(), fmt.Appendf(nil, `{"s":"%01500000d"}`, 0)))
	}
	large, left, err := s.Reports(t.Context(), kept)
	require.NoError(t, err)
	require.Len(t, large, 2)
	require.Equal(t, kept-2, left)
	require.NoError(t, s.KeepReport(t.Context(), now(), fmt.Appendf(nil, `{"s":"%05000000d"}`, 0)))
	large, left, err = s.Reports(t.Context(), kept)
	require.NoError(t, err)
	require.Len(t, large, 1, "the newest is there, however large it is")
	require.Equal(t, kept-1, left)
}

func taken(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	since := at.Add(-time.Hour)
	put := func(state lead.State, received, delivered time.Time) lead.RemoteID {
		id := keepIn(t, s, state, received)
		_, err := s.Amend(t.Context(), id, func(l *lead.Lead) error {
			l.DeliveredAt, l.DueAt = delivered, time.Time{}
			return nil
		})
		require.NoError(t, err)
		return id
	}
	old := since.Add(-time.Hour)
	put(lead.Delivered, old, since.Add(-time.Millisecond))
	put(lead.Confirmed, old, time.Time{}) // it may have been listed before
	put(lead.Failed, at, at)
	want := []lead.RemoteID{put(lead.Delivered, old, since), put(lead.Confirmed, at, at), put(lead.Confirmed, since, time.Time{})}
	got, err := s.Taken(t.Context(), site, since)
	require.NoError(t, err)
	require.Equal(t, want, got)
	other, err := s.Taken(t.Context(), "lofts", since)
	require.NoError(t, err)
	require.Empty(t, other)
}
