package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func personErased(t *testing.T, s *store.Store) {
	t.Helper()
	at := now().Add(-time.Hour)
	key := lead.KeyOf(site, "her key")
	s.Subscribe(map[string][]lead.Subscription{site: {{Channel: lead.HookChannel(site, "https://crm.mx/"), Notices: lead.Notices()}}})
	hers := func(state lead.State) lead.RemoteID {
		l := Draft(t, at)
		l.Message = "de " + string(state)
		sub := lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()}
		if state == lead.Confirmed {
			sub.Key = key
		}
		kept, err := s.Keep(t.Context(), sub)
		require.NoError(t, err)
		return kept.RemoteID
	}
	arrived := hers(lead.Confirmed)
	claims := begin(t, s, at, 1)
	require.Len(t, claims, 1)
	require.NoError(t, s.Settle(t.Context(), claims[0], lead.Settlement{
		State: lead.Delivered, At: at, DueAt: at.Add(time.Minute), Attempt: &lead.Attempt{Number: 1, Outcome: lead.OutcomeDelivered, Status: 200, Detail: "gracias María José", EndedAt: at},
	}))
	sending := hers(lead.Sending)
	claims = begin(t, s, at, 1)
	require.Len(t, claims, 1)
	other := keep(t, s, at)
	all := []lead.RemoteID{arrived, sending, other}

	told := func() int {
		waiting, err := s.Deliveries(t.Context(), arrived)
		require.NoError(t, err)
		return len(waiting)
	}
	require.Equal(t, 2, told(), "received and delivered")

	erased, err := s.ErasePerson(by(t, "ana"), all, func(l *lead.Lead) bool { return l.RemoteID == arrived || l.RemoteID == other && l.Name == "nobody" })
	require.NoError(t, err)
	require.Equal(t, []lead.RemoteID{arrived}, erased)
	l, attempts, err := s.Find(t.Context(), arrived)
	require.NoError(t, err)
	require.True(t, l.IsErased())
	require.Equal(t, lead.Delivered, l.State)
	require.Equal(t, site, l.Site)
	require.True(t, l.ReceivedAt.Equal(at))
	for _, f := range lead.Fields() {
		require.Empty(t, l.Get(f))
	}
	require.Empty(t, l.Context)
	require.Equal(t, []lead.Pair{{Name: "¿Crédito?"}, {Name: "zona"}}, l.Extra, "the names of fields stay")
	require.Len(t, attempts, 1)
	require.Empty(t, attempts[0].Detail)
	require.Zero(t, attempts[0].Fingerprint)
	require.Equal(t, 200, attempts[0].Status)
	require.Zero(t, told(), "what waits for others goes, too")
	news, err := s.Confirm(t.Context(), arrived, now(), "")
	require.NoError(t, err)
	require.True(t, news)
	l, _, err = s.Find(t.Context(), arrived)
	require.NoError(t, err)
	require.True(t, l.IsErased(), "a reconciliation takes nothing back")
	require.Equal(t, lead.Confirmed, l.State)
	for _, move := range []func(*lead.Lead) error{
		func(l *lead.Lead) error { return l.Retry(now(), true) }, func(l *lead.Lead) error { return l.Edit(nil, lead.Rules{}) },
	} {
		_, err = s.Amend(t.Context(), arrived, move)
		require.Error(t, err, "nothing is left to be sent")
	}
	again := Draft(t, now())
	again.Message = "de " + string(lead.Confirmed)
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: again, Tick: lead.Milliseconds, Content: again.Content(), Key: key})
	require.NoError(t, err)
	require.NotEqual(t, arrived, kept.RemoteID, "who writes again is new")

	erased, err = s.ErasePerson(by(t, "ana"), all, func(l *lead.Lead) bool { return l.RemoteID != other })
	require.NoError(t, err)
	require.Equal(t, []lead.RemoteID{sending}, erased, "nothing is erased twice")
	err = s.Settle(t.Context(), claims[0], lead.Settlement{State: lead.Delivered, At: now(), Attempt: &lead.Attempt{Number: 1, Outcome: lead.OutcomeDelivered, EndedAt: now()}})
	require.ErrorIs(t, err, lead.ErrLost)
	l, _, err = s.Find(t.Context(), sending)
	require.NoError(t, err)
	require.Equal(t, lead.Discarded, l.State)
	kept2, _, err := s.Find(t.Context(), other)
	require.NoError(t, err)
	require.NotEmpty(t, kept2.Name)

	index(t, s)
	require.NoError(t, s.Scrub(t.Context()))
	leads, _, err := s.List(t.Context(), lead.Filter{Text: "gracias", Limit: 10})
	require.NoError(t, err)
	for _, l := range leads {
		require.NotContains(t, []lead.RemoteID{arrived, sending}, l.RemoteID)
	}
	did := entries(t, s, entryFilter("people.erase"))
	require.Len(t, did, 2)
	require.Equal(t, []lead.RemoteID{sending}, did[0].RemoteIDs)
	require.Equal(t, []string{site}, did[0].Sites)
}

func personBlocked(t *testing.T, s *store.Store) {
	t.Helper()
	at, key := now().Add(-time.Hour), lead.KeyOf(site, "her key")
	s.Subscribe(map[string][]lead.Subscription{site: {{Channel: lead.HookChannel(site, "https://crm.mx/"), Notices: lead.Notices()}}})
	l := Draft(t, at)
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content(), Key: key})
	require.NoError(t, err)
	arrived := kept.RemoteID
	settle(t, s, at, lead.Settlement{State: lead.Delivered, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered, Status: 200, Detail: "gracias María José"}})
	failed, other := keepIn(t, s, lead.Failed, at), keep(t, s, at)
	since, err := s.LastEvent(t.Context())
	require.NoError(t, err)

	everyLead := func(*lead.Lead) bool { return true }
	blocked, err := s.BlockPerson(by(t, "ana"), []lead.RemoteID{arrived, failed, other}, func(l *lead.Lead) bool { return l.RemoteID != other })
	require.NoError(t, err)
	require.Equal(t, []lead.RemoteID{arrived, failed}, blocked)
	blocked, err = s.BlockPerson(by(t, "ana"), []lead.RemoteID{arrived}, everyLead)
	require.NoError(t, err)
	require.Empty(t, blocked, "nothing is blocked twice, which would be for longer")
	require.Len(t, entries(t, s, entryFilter("people.block")), 1)

	checkOutOfSight(t, s, arrived, failed, since)
	fresh := Draft(t, now())
	kept, err = s.Keep(t.Context(), lead.Submission{Lead: fresh, Tick: lead.Milliseconds, Content: fresh.Content(), Key: key})
	require.NoError(t, err)
	require.NotEqual(t, arrived, kept.RemoteID, "who writes again is new")

	was, attempts, err := s.FindBlocked(t.Context(), arrived)
	require.NoError(t, err)
	require.Equal(t, l.Inquiry, was.Inquiry)
	require.Equal(t, "gracias María José", attempts[0].Detail)
	require.Equal(t, lead.BlockedFor, was.Until.Sub(was.At))
	require.WithinDuration(t, now(), was.At, time.Minute)
	var all []lead.RemoteID
	require.NoError(t, s.Blocked(t.Context(), func(b *lead.BlockedLead) { all = append(all, b.RemoteID) }))
	require.Equal(t, []lead.RemoteID{failed, arrived}, all)

	n, err := s.EraseBlocked(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "it is not time yet")
	_, err = s.Amend(t.Context(), failed, func(l *lead.Lead) error { l.Reason = ""; return nil }) // as a relay of an older release may
	require.NoError(t, err)
	erased, err := s.ErasePerson(by(t, "ana"), []lead.RemoteID{failed}, func(l *lead.Lead) bool { return l.Name != "" })
	require.NoError(t, err)
	require.Equal(t, []lead.RemoteID{failed}, erased, "whoever asks for it is erased sooner")
	_, _, err = s.FindBlocked(t.Context(), failed)
	require.ErrorIs(t, err, lead.ErrNotFound)
	s.BlockFor(time.Nanosecond)
	blocked, err = s.BlockPerson(t.Context(), []lead.RemoteID{other}, everyLead)
	require.NoError(t, err)
	require.Equal(t, []lead.RemoteID{other}, blocked)
	n, err = s.EraseBlocked(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	gone, _, err := s.Find(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, lead.ReasonErased, gone.Reason)
	_, _, err = s.FindBlocked(t.Context(), other)
	require.ErrorIs(t, err, lead.ErrNotFound)
	_, _, err = s.FindBlocked(t.Context(), arrived)
	require.NoError(t, err)
}

func personInReports(t *testing.T, s *store.Store) {
	t.Helper()
	at := now().Add(-time.Hour)
	erased, blocked, other := keepIn(t, s, lead.Confirmed, at), keepIn(t, s, lead.Confirmed, at), keepIn(t, s, lead.Confirmed, at)
	about := func(id lead.RemoteID) lead.Drifted {
		return lead.Drifted{RemoteID: id, Site: site, State: lead.Confirmed, PropertyID: "EB-AB1234", Fields: []lead.Field{lead.Phone}}
	}
	bare := func(id lead.RemoteID) lead.Drifted {
		return lead.Drifted{RemoteID: id, Site: site, State: lead.Confirmed}
	}
	drift := lead.Drift{ReadAt: at, Ours: 3, OnlyHere: []lead.Drifted{about(erased)}, Twice: []lead.Drifted{about(other), about(blocked)}, Differing: []lead.Drifted{about(erased)}, LeftOut: map[lead.DriftKind]int{lead.Twice: 4}}
	keep := func() {
		t.Helper()
		body, err := json.Marshal(drift)
		require.NoError(t, err)
		require.NoError(t, s.KeepReport(t.Context(), at, body))
	}
	newest := func() (d lead.Drift) {
		t.Helper()
		bodies, _, err := s.Reports(t.Context(), 1)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(bodies[0], &d))
		return d
	}
	keep()
	everyLead := func(*lead.Lead) bool { return true }
	_, err := s.ErasePerson(by(t, "ana"), []lead.RemoteID{erased}, everyLead)
	require.NoError(t, err)
	_, err = s.BlockPerson(by(t, "ana"), []lead.RemoteID{blocked}, everyLead)
	require.NoError(t, err)
	scrubbed := drift
	scrubbed.OnlyHere, scrubbed.Twice, scrubbed.Differing = []lead.Drifted{bare(erased)}, []lead.Drifted{about(other), bare(blocked)}, []lead.Drifted{bare(erased)}
	require.Equal(t, scrubbed, newest())

	keep() // of a reconciliation that had begun before
	require.Equal(t, drift, newest())
	index(t, s)
	require.NoError(t, s.Scrub(t.Context()))
	require.Equal(t, scrubbed, newest())
}

func personUnblocked(t *testing.T, s *store.Store) {
	t.Helper()
	at := now().Add(-time.Hour)
	arrived := keep(t, s, at)
	settle(t, s, at, lead.Settlement{State: lead.Delivered, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered, Status: 200, Detail: "gracias María José"}})
	all := []lead.RemoteID{arrived}
	for _, state := range []lead.State{lead.Failed, lead.Quarantined, lead.Discarded, lead.Confirmed} {
		all = append(all, keepIn(t, s, state, at))
	}
	onItsWay, other := keep(t, s, at), keep(t, s, at)
	seen := func() (was []lead.Lead) {
		for _, id := range append(all, onItsWay) {
			l, _, err := s.Find(t.Context(), id)
			require.NoError(t, err)
			was = append(was, l)
		}
		return was
	}
	before := seen()
	everyLead := func(*lead.Lead) bool { return true }
	blocked, err := s.BlockPerson(by(t, "ana"), append(all, onItsWay), everyLead)
	require.NoError(t, err)
	require.Len(t, blocked, len(before))
	unblocked, err := s.UnblockPerson(by(t, "ana"), all, func(*lead.Lead) bool { return false })
	require.NoError(t, err)
	require.Empty(t, unblocked)
	unblocked, err = s.UnblockPerson(by(t, "luz"), append(all, other, onItsWay), func(l *lead.Lead) bool { return l.Name != "" })
	require.NoError(t, err)
	require.Equal(t, append(all, onItsWay), unblocked)

	for i, l := range seen() {
		was := before[i]
		require.Equal(t, was.Inquiry, l.Inquiry)
		require.Equal(t, was.Reason, l.Reason)
		if was.State == lead.Queued {
			was.State = lead.Discarded // EasyBroker may have it
		}
		require.Equal(t, was.State, l.State)
		require.Zero(t, l.DueAt)
		_, _, err := s.FindBlocked(t.Context(), l.RemoteID)
		require.ErrorIs(t, err, lead.ErrNotFound)
	}
	_, attempts, err := s.Find(t.Context(), arrived)
	require.NoError(t, err)
	require.Equal(t, "gracias María José", attempts[0].Detail)
	index(t, s)
	leads, _, err := s.List(t.Context(), lead.Filter{Text: "ejemplo", Limit: 20})
	require.NoError(t, err)
	require.Len(t, leads, len(before)+1, "the search has them again")
	n, err := s.Erase(t.Context(), lead.Discarded, now().Add(-time.Minute))
	require.NoError(t, err)
	require.Zero(t, n, "what was discarded is kept as long as if it were discarded now")
	s.BlockFor(time.Nanosecond)
	n, err = s.EraseBlocked(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = s.Amend(t.Context(), onItsWay, func(l *lead.Lead) error { return l.Retry(now(), false) })
	require.NoError(t, err, "a person may send it")
	did := entries(t, s, entryFilter("people.unblock"))
	require.Len(t, did, 1)
	require.Equal(t, "luz", did[0].Who)
	require.Len(t, did[0].RemoteIDs, len(before))
}

// checkOutOfSight requires that two blocked leads are in nothing that others see, whatever
// is done, and that what has arrived is not taken back.
func checkOutOfSight(t *testing.T, s *store.Store, arrived, failed lead.RemoteID, since lead.EventCursor) {
	t.Helper()
	for _, id := range []lead.RemoteID{arrived, failed} {
		l, attempts, err := s.Find(t.Context(), id)
		require.NoError(t, err)
		require.True(t, l.IsBlocked())
		require.Empty(t, l.Name+l.Email+l.Phone+l.Message+l.PropertyID)
		require.Empty(t, l.Context)
		for _, a := range attempts {
			require.Empty(t, a.Detail)
		}
		_, err = s.Amend(t.Context(), id, func(l *lead.Lead) error { return l.Retry(now(), true) })
		require.Error(t, err, "nothing is left to be sent")
	}
	l, _, err := s.Find(t.Context(), failed)
	require.NoError(t, err)
	require.Equal(t, lead.Discarded, l.State, "it waits for nobody any more")
	news, err := s.Confirm(t.Context(), arrived, now(), "")
	require.NoError(t, err)
	require.True(t, news)
	l, _, err = s.Find(t.Context(), arrived)
	require.NoError(t, err)
	require.True(t, l.IsBlocked(), "a reconciliation takes nothing back")
	for _, state := range []lead.State{lead.Confirmed, lead.Discarded} {
		_, err = s.Erase(t.Context(), state, now().Add(time.Hour))
		require.NoError(t, err)
	}
	told, err := s.ClaimDeliveries(t.Context(), lead.HookChannel(site, "https://crm.mx/"), now().Add(time.Hour), 100, lease)
	require.NoError(t, err)
	for _, d := range told {
		require.NotContains(t, []lead.RemoteID{arrived, failed}, d.RemoteID)
	}
	require.NotEmpty(t, told, "of the other")
	index(t, s)
	for _, f := range []lead.Filter{{}, {Text: "ejemplo"}, {State: lead.Confirmed}, {State: lead.Discarded}, {RemoteIDs: []lead.RemoteID{arrived, failed}}} {
		f.Limit = 10
		leads, _, err := s.List(t.Context(), f)
		require.NoError(t, err)
		for _, l := range leads {
			require.NotContains(t, []lead.RemoteID{arrived, failed}, l.RemoteID)
		}
	}
	require.Eventually(t, func() bool { // a server's changes wait for others' transactions
		events, next, isLost, err := s.Events(t.Context(), since)
		require.NoError(t, err)
		require.False(t, isLost)
		require.Empty(t, events)
		return next.Number > since.Number+1
	}, 10*time.Second, 10*time.Millisecond)
}
