package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// hook is a channel that is told of everything.
var hook = lead.HookChannel(site, "https://crm.casas.mx/leads")

func subscribe(s *store.Store) {
	s.Subscribe(map[string][]lead.Subscription{site: {
		{Channel: hook, Notices: lead.Notices()}, {Channel: lead.HookChannel(site, "https://otro.mx"), Notices: []lead.Notice{lead.NoticeFailed}},
	}})
}

// notices are what the hook is to be told, and was.
func notices(t *testing.T, s *store.Store, id lead.RemoteID) (all []lead.Notice) {
	t.Helper()
	told, err := s.Deliveries(t.Context(), id)
	require.NoError(t, err)
	for _, d := range told {
		if d.Channel == hook {
			all = append(all, d.Notice)
		}
	}
	return all
}

func claimDeliveries(t *testing.T, s *store.Store, at time.Time, n int) []lead.Delivery {
	t.Helper()
	all, err := s.ClaimDeliveries(t.Context(), hook, at, n, lease)
	require.NoError(t, err)
	return all
}

func toldOnceQueued(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	before := keep(t, s, at)
	subscribe(s)
	require.Empty(t, notices(t, s, before), "nobody had asked for it")
	id, spam := keep(t, s, at), keepIn(t, s, lead.Quarantined, at)
	require.Equal(t, []lead.Notice{lead.NoticeReceived}, notices(t, s, id))
	require.Empty(t, notices(t, s, spam))

	late := Draft(t, at)
	late.DelayUntil(at.Add(10 * time.Second))
	delayed, err := s.Keep(t.Context(), lead.Submission{Lead: late, Tick: lead.Milliseconds})
	require.NoError(t, err)
	claimed := claimDeliveries(t, s, at, 10)
	require.Len(t, claimed, 1, "a lead that is delayed is told of later")
	require.Equal(t, id, claimed[0].RemoteID)
	require.Equal(t, "mj@ejemplo.mx", claimed[0].Lead.Email)
	done, err := s.Quarantine(t.Context(), delayed.RemoteID, at.Add(10*time.Second), "no_mail")
	require.NoError(t, err)
	require.True(t, done)
	require.Empty(t, claimDeliveries(t, s, at.Add(20*time.Second), 10), "it was set apart meanwhile")
	require.Empty(t, notices(t, s, delayed.RemoteID))

	for _, released := range []lead.RemoteID{spam, delayed.RemoteID} {
		_, err := s.Amend(t.Context(), released, func(l *lead.Lead) error { return l.Release(at) })
		require.NoError(t, err)
		require.Equal(t, []lead.Notice{lead.NoticeReceived}, notices(t, s, released))
	}
}

func toldOfEachStep(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := t.Context(), now()
	subscribe(s)
	id := keep(t, s, at)
	refusal := lead.Settlement{State: lead.Failed, Reason: "refused", Tries: 1, Attempt: &lead.Attempt{Outcome: lead.OutcomeRefused, Status: 422}}
	settle(t, s, at, refusal)
	require.Equal(t, []lead.Notice{lead.NoticeReceived, lead.NoticeFailed}, notices(t, s, id))
	_, err := s.Amend(ctx, id, func(l *lead.Lead) error { return l.Retry(at, false) })
	require.NoError(t, err)
	require.Len(t, notices(t, s, id), 2, "it is received once")
	settle(t, s, at.Add(time.Minute), refusal)
	_, err = s.Amend(ctx, id, func(l *lead.Lead) error { return l.Retry(at, false) })
	require.NoError(t, err)
	settle(t, s, at.Add(2*time.Minute), lead.Settlement{State: lead.Delivered, Tries: 1, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered, Status: 200}})
	for range 2 {
		_, err = s.Confirm(ctx, id, at.Add(3*time.Minute), "")
		require.NoError(t, err)
	}
	want := []lead.Notice{lead.NoticeReceived, lead.NoticeFailed, lead.NoticeFailed, lead.NoticeDelivered, lead.NoticeConfirmed}
	require.Equal(t, want, notices(t, s, id))

	ids := map[string]bool{}
	for _, d := range claimDeliveries(t, s, at.Add(time.Hour), 10) {
		ids[d.ID] = true
	}
	require.Len(t, ids, len(want), "each has an id of its own")

	old := keep(t, s, at.Add(-time.Hour))
	_, err = s.Expire(ctx, site, at.Add(-time.Minute), due(at, 10))
	require.NoError(t, err)
	require.Equal(t, []lead.Notice{lead.NoticeReceived, lead.NoticeFailed}, notices(t, s, old))
}

func deliveryIsDueAgain(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := t.Context(), now()
	subscribe(s)
	id := keep(t, s, at)
	channels := []lead.Channel{"hook:lofts:1", hook}
	isDue := func(at time.Time) bool {
		all, err := s.DueChannels(ctx, channels, at)
		require.NoError(t, err)
		return len(all) > 0 && all[0] == hook
	}
	require.False(t, isDue(at.Add(-time.Second)))
	require.True(t, isDue(at))
	first := claimDeliveries(t, s, at, 10)
	require.Len(t, first, 1)
	require.False(t, isDue(at), "somebody has it")
	require.Empty(t, claimDeliveries(t, s, at, 10))
	again := claimDeliveries(t, s, at.Add(lease), 10)
	require.Len(t, again, 1, "who had it has died")
	require.Equal(t, first[0].ID, again[0].ID, "the receiver knows it again")
	require.Equal(t, 2, again[0].Attempts)

	taken := lead.DeliveryEnd{State: lead.DeliveryTaken, Status: 204, At: at}
	require.ErrorIs(t, s.SettleDelivery(ctx, first[0], taken), lead.ErrLost)
	require.NoError(t, s.SettleDelivery(ctx, again[0], taken))
	require.False(t, isDue(at.Add(time.Hour)))
	told, err := s.Deliveries(ctx, id)
	require.NoError(t, err)
	require.Equal(t, lead.DeliveryTaken, told[0].State)
	require.Equal(t, 204, told[0].Status)
	require.Equal(t, at, told[0].EndedAt)
}

func channelOff(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := t.Context(), now()
	subscribe(s)
	keep(t, s, at)
	keep(t, s, at)
	claimed := claimDeliveries(t, s, at, 1)
	require.NoError(t, s.SettleDelivery(ctx, claimed[0], lead.DeliveryEnd{State: lead.DeliveryGivenUp, Status: 410, At: at, Off: lead.OffGone}))
	troubles, err := s.ChannelTroubles(ctx)
	require.NoError(t, err)
	require.Equal(t, []lead.ChannelTrouble{{Channel: hook, Since: at, OffAt: at, Why: lead.OffGone}}, troubles)
	channels, err := s.DueChannels(ctx, []lead.Channel{hook}, at)
	require.NoError(t, err)
	require.Empty(t, channels, "it is off")

	require.NoError(t, s.OpenChannel(ctx, hook))
	channels, err = s.DueChannels(ctx, []lead.Channel{hook}, at)
	require.NoError(t, err)
	require.Equal(t, []lead.Channel{hook}, channels)
	claimed = claimDeliveries(t, s, at, 1)
	require.NoError(t, s.SettleDelivery(ctx, claimed[0], lead.DeliveryEnd{State: lead.DeliveryDue, At: at, DueAt: at}))
	claimed = claimDeliveries(t, s, at, 1)
	require.NoError(t, s.SettleDelivery(ctx, claimed[0], lead.DeliveryEnd{State: lead.DeliveryTaken, At: at}))
	troubles, err = s.ChannelTroubles(ctx)
	require.NoError(t, err)
	require.Empty(t, troubles, "it works")
}

func deliveriesForgotten(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	at := now().Add(-31 * 24 * time.Hour)
	subscribe(s)
	done, old, fresh := keep(t, s, at), keep(t, s, at), keep(t, s, now())
	claimed := claimDeliveries(t, s, now(), 1)
	require.Equal(t, done, claimed[0].RemoteID)
	require.NoError(t, s.SettleDelivery(ctx, claimed[0], lead.DeliveryEnd{State: lead.DeliveryTaken, At: at}))
	require.NoError(t, s.TidyDeliveries(ctx, []lead.Channel{hook}, now().Add(-72*time.Hour)))
	require.Empty(t, notices(t, s, done), "it ended long ago")
	told, err := s.Deliveries(ctx, old)
	require.NoError(t, err)
	require.Equal(t, lead.DeliveryGivenUp, told[0].State, "its time is over")
	require.Len(t, notices(t, s, fresh), 1)

	spam := keepIn(t, s, lead.Discarded, at)
	_, err = s.Amend(ctx, spam, func(l *lead.Lead) error { return l.Retry(at, false) })
	require.NoError(t, err)
	require.Len(t, notices(t, s, spam), 1)
	_, err = s.Confirm(ctx, spam, at, "")
	require.NoError(t, err)
	n, err := s.Erase(ctx, lead.Confirmed, now().Add(-30*24*time.Hour))
	require.NoError(t, err)
	require.Zero(t, n, "somebody is yet to be told of it")
	for _, d := range claimDeliveries(t, s, now(), 10) {
		require.NoError(t, s.SettleDelivery(ctx, d, lead.DeliveryEnd{State: lead.DeliveryTaken, At: now()}))
	}
	n, err = s.Erase(ctx, lead.Confirmed, now().Add(-30*24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Empty(t, notices(t, s, spam), "it goes with its lead")
}

// Each lead is confirmed at another moment: before its time, during an attempt, and after
// one. What is set apart is told of no more.
func toldOfWhatWaits(t *testing.T, s *store.Store) {
	t.Helper()
	const after = 15 * time.Minute
	at := now()
	s.Subscribe(map[string][]lead.Subscription{site: {{Channel: hook, Notices: []lead.Notice{lead.NoticeWaiting}, After: after}}})
	confirm := func(id lead.RemoteID) {
		isNews, err := s.Confirm(t.Context(), id, at.Add(after), "")
		require.NoError(t, err)
		require.True(t, isNews)
	}
	early, during, gone := keep(t, s, at), keep(t, s, at), keep(t, s, at)
	require.Equal(t, []lead.Notice{lead.NoticeWaiting}, notices(t, s, early))
	require.Empty(t, claimDeliveries(t, s, at.Add(after-time.Second), 10))
	confirm(early)
	require.Empty(t, notices(t, s, early))
	done, err := s.Quarantine(t.Context(), gone, at, "no_mail")
	require.NoError(t, err)
	require.True(t, done)

	claimed := claimDeliveries(t, s, at.Add(after), 10)
	require.Len(t, claimed, 1)
	require.Equal(t, during, claimed[0].RemoteID)
	require.Empty(t, notices(t, s, gone))
	confirm(during)
	require.ElementsMatch(t, []lead.Notice{lead.NoticeWaiting, lead.NoticeArrived}, notices(t, s, during))
	arrived := claimDeliveries(t, s, at.Add(after+time.Second), 10)
	require.Len(t, arrived, 1)
	require.Equal(t, lead.NoticeArrived, arrived[0].Notice)
	require.Empty(t, claimDeliveries(t, s, at.Add(after+time.Hour), 10)[1:], "its lease has run out, and it waits no more")
}

// The clock is set back by a day. Nothing waits for longer than it had to before, and what
// was told to wait by its channel does.
func clockSetBack(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, ahead := t.Context(), now().Add(24*time.Hour)
	s.Subscribe(map[string][]lead.Subscription{site: {{Channel: hook, Notices: []lead.Notice{lead.NoticeReceived}}}})
	waits := []time.Duration{time.Minute, time.Hour}
	tried, asked := keep(t, s, ahead), keep(t, s, ahead)
	for _, d := range claimDeliveries(t, s, ahead, 10) {
		end := lead.DeliveryEnd{State: lead.DeliveryDue, Status: 500, At: ahead, DueAt: ahead.Add(5 * time.Second)}
		if d.RemoteID == asked {
			end.Status, end.DueAt = 429, ahead.Add(2*time.Hour)
		}
		require.NoError(t, s.SettleDelivery(ctx, d, end))
	}
	fresh := keep(t, s, ahead)
	s.Subscribe(map[string][]lead.Subscription{site: {{Channel: hook, Notices: []lead.Notice{lead.NoticeWaiting}, After: 15 * time.Minute}}})
	waiting := keep(t, s, ahead)
	require.Empty(t, claimDeliveries(t, s, now().Add(time.Hour), 10), "all are held")

	for range 2 { // it is set right once
		require.NoError(t, s.HastenDeliveries(ctx, waits))
	}
	ids := func(at time.Time) (all []lead.RemoteID) {
		for _, d := range claimDeliveries(t, s, at, 10) {
			all = append(all, d.RemoteID)
		}
		return all
	}
	require.ElementsMatch(t, []lead.RemoteID{tried, fresh}, ids(now().Add(time.Second)))
	require.NoError(t, s.HastenDeliveries(ctx, waits))
	require.NotContains(t, ids(now().Add(14*time.Minute)), waiting)
	require.Contains(t, ids(now().Add(16*time.Minute)), waiting)
	require.NotContains(t, ids(now().Add(23*time.Hour)), asked)
}
