package store_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
	"leadrelay/internal/store/storetest"
)

// toTransfer opens a database as leadrelay move does.
func toTransfer(t *testing.T, database string) *store.Store {
	t.Helper()
	s, err := store.OpenToTransfer(t.Context(), database)
	require.NoError(t, err)
	return s
}

// transfer moves everything from one database to another. said may interrupt it.
func transfer(t *testing.T, from, to string, said func(store.Transferred, context.CancelFunc)) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a, b := toTransfer(t, from), toTransfer(t, to)
	err := store.Transfer(ctx, a, b, func(done store.Transferred) { said(done, cancel) })
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
	return err
}

func quietly(store.Transferred, context.CancelFunc) {}

// open opens a database as a relay does.
func openEither(t *testing.T, database string) *store.Store {
	t.Helper()
	s, err := openAny(t, database)
	require.NoError(t, err)
	return s
}

func openAny(t *testing.T, database string) (*store.Store, error) {
	t.Helper()
	if filepath.IsAbs(database) {
		return store.Open(t.Context(), database)
	}
	return store.OpenPostgres(t.Context(), database, store.PostgresOptions{})
}

// fill keeps leads, some of them with a key, and attempts of several outcomes.
func fill(t *testing.T, s *store.Store, leads int) (last lead.RemoteID) {
	t.Helper()
	var keeping errgroup.Group // many share a commit
	keeping.SetLimit(128)
	ids := make([]lead.RemoteID, leads)
	for i := range leads {
		keeping.Go(func() error {
			l := storetest.Draft(t, time.Now())
			l.Message = fmt.Sprint("¿Sigue disponible? ", rand.Text())
			sub := lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()}
			if i%2 == 0 {
				sub.Key = lead.KeyOf(l.Site, l.Message)
			}
			kept, err := s.Keep(t.Context(), sub)
			ids[i] = kept.RemoteID
			return err
		})
	}
	require.NoError(t, keeping.Wait())
	last = slices.Max(ids)
	claims, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: leads / 2, Lease: time.Minute, Fingerprint: func(*lead.Lead) lead.Fingerprint { return lead.Fingerprint{7} }})
	require.NoError(t, err)
	for i, c := range claims {
		now := time.Now()
		to := lead.Settlement{State: lead.Delivered, At: now, DueAt: now.Add(time.Hour), Tries: 1,
			Attempt: &lead.Attempt{Number: c.Number, EndedAt: now, Outcome: lead.OutcomeDelivered, Status: 200, Detail: "accepted"}}
		switch i % 3 {
		case 1:
			to.State, to.DueAt, to.Reason, to.Attempt.Outcome = lead.Failed, time.Time{}, "refused: 422", lead.OutcomeRefused
		case 2:
			continue // the relay is killed meanwhile
		}
		require.NoError(t, s.Settle(t.Context(), c, to))
	}
	require.NoError(t, s.KeepReport(t.Context(), time.Now(), []byte(`{"listed":7}`)))
	require.NoError(t, s.Pause(t.Context(), []string{"casas", "lofts"}, lead.Pause{Since: time.Now(), Until: time.Now().Add(time.Hour), Why: "mantenimiento"}))
	return last
}

// tellOthers keeps leads that a webhook and a mailbox are to be told of. Some of that was
// taken, some is due again, some is under way, and then the webhook is switched off.
func tellOthers(t *testing.T, s *store.Store, leads int) {
	t.Helper()
	hook, box := lead.HookChannel("casas", "https://crm.casas.mx/leads"), lead.MailChannel("casas", "ventas@casas.mx")
	received := []lead.Notice{lead.NoticeReceived}
	s.Subscribe(map[string][]lead.Subscription{"casas": {{Channel: hook, Notices: received}, {Channel: box, Notices: received}}})
	defer s.Subscribe(nil)
	for range leads {
		l := storetest.Draft(t, time.Now())
		l.Message = rand.Text()
		_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Content: l.Content()})
		require.NoError(t, err)
	}
	now := time.Now()
	claimed, err := s.ClaimDeliveries(t.Context(), hook, now, 4, time.Hour)
	require.NoError(t, err)
	require.Len(t, claimed, 4)
	for i, end := range []lead.DeliveryEnd{
		{State: lead.DeliveryTaken, Status: 204, At: now},
		{State: lead.DeliveryDue, Status: 503, At: now, DueAt: now.Add(time.Hour)},
		{State: lead.DeliveryGivenUp, Status: 410, At: now, Off: lead.OffGone},
	} {
		require.NoError(t, s.SettleDelivery(t.Context(), claimed[i], end))
	}
}

// whole is all that people see of a database.
func whole(t *testing.T, s *store.Store) (all []string) {
	t.Helper()
	leads, _, err := s.List(t.Context(), lead.Filter{Limit: 10_000})
	require.NoError(t, err)
	for _, l := range leads {
		again, attempts, err := s.Find(t.Context(), l.RemoteID)
		require.NoError(t, err)
		told, err := s.Deliveries(t.Context(), l.RemoteID)
		require.NoError(t, err)
		all = append(all, fmt.Sprintf("%+v %+v %+v", again, attempts, told))
	}
	off, err := s.ChannelTroubles(t.Context())
	require.NoError(t, err)
	all = append(all, fmt.Sprintf("%+v", off))
	require.NoError(t, s.Blocked(t.Context(), func(b *lead.BlockedLead) { all = append(all, fmt.Sprintf("%+v", *b)) }))
	reports, _, err := s.Reports(t.Context(), 10)
	require.NoError(t, err)
	pauses, err := s.Pauses(t.Context())
	require.NoError(t, err)
	return append(all, fmt.Sprintf("%s %+v", reports, pauses))
}

// There and back again: nothing is missing, nothing is different, and a repeat is known.
func TestTransfer(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	const filled, told = 1500, 10
	const leads = filled + told + 1
	first, server, second := filepath.Join(t.TempDir(), "a.db"), postgrestest.Database(t), filepath.Join(t.TempDir(), "b.db")
	s := openEither(t, first)
	last := fill(t, s, filled)
	tellOthers(t, s, told)
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
	require.NoError(t, err)
	_, err = s.BlockPerson(t.Context(), []lead.RemoteID{kept.RemoteID}, func(*lead.Lead) bool { return true })
	require.NoError(t, err)
	_, err = s.AddRequest(t.Context(), lead.PersonRequest{Kind: lead.RequestAccess, Who: "luz@ejemplo.mx", ReceivedAt: time.Now()})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s = openEither(t, first) // which makes what was being sent doubtful
	before := whole(t, s)
	require.NoError(t, s.Close())

	reports := 0
	for _, step := range []struct{ from, to string }{{first, server}, {server, second}} {
		reports++
		rows := map[string]int{}
		require.NoError(t, transfer(t, step.from, step.to, func(done store.Transferred, _ context.CancelFunc) { rows[done.Table] = done.Rows }))
		require.Equal(t, map[string]int{"leads": leads, "attempts": filled / 2, "repeats": filled / 2, "reconciliations": reports, "pauses": 2, "blocked_leads": 1, "person_requests": 1, "deliveries": 2 * told, "delivery_channels": 1}, rows)
		_, err := openAny(t, step.from)
		require.ErrorContains(t, err, "were moved to another database", "two relays would send them twice")
		told := map[string]int{}
		require.NoError(t, transfer(t, step.from, step.to, func(done store.Transferred, _ context.CancelFunc) { told[done.Table] = done.Rows }))
		require.Equal(t, rows, told, "whoever was killed at the end may ask again")

		s := openEither(t, step.to)
		require.Equal(t, before, whole(t, s))
		waiting, _, err := s.List(t.Context(), lead.Filter{State: lead.Queued, Limit: 1})
		require.NoError(t, err)
		again := waiting[0]
		again.ReceivedAt = time.Now()
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: again, Tick: lead.Milliseconds, Content: again.Content()})
		require.NoError(t, err)
		require.True(t, kept.Again)
		require.NoError(t, s.KeepReport(t.Context(), time.Now(), []byte(`{"listed":8}`)))
		before = whole(t, s)
		require.NoError(t, s.Close())
		require.ErrorContains(t, transfer(t, step.from, step.to, quietly), "not empty")
	}
	s = openEither(t, second)
	defer func() { require.NoError(t, s.Close()) }()
	require.Greater(t, fill(t, s, 1), last)
}

// A transfer that is interrupted goes on where it stopped. Until it has ended no relay
// starts on either side.
func TestAnInterruptedTransferGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	from, to := filepath.Join(t.TempDir(), "a.db"), postgrestest.Database(t)
	s := openEither(t, from)
	fill(t, s, 1500)
	before := whole(t, s)
	require.NoError(t, s.Close())

	err := transfer(t, from, to, func(done store.Transferred, interrupt context.CancelFunc) {
		if done.Rows >= 1000 {
			interrupt()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	_, err = openAny(t, to)
	require.ErrorContains(t, err, "has not brought all leads here yet")
	_, err = openAny(t, from)
	require.Error(t, err)

	moved := 0
	require.NoError(t, transfer(t, from, to, func(done store.Transferred, _ context.CancelFunc) {
		if done.Table == "leads" {
			moved = done.Rows
		}
	}))
	require.Equal(t, 500, moved)

	// The process may be killed when all is there but the mark.
	execute(t, to, `CREATE TABLE transfer (role TEXT NOT NULL)`, `INSERT INTO transfer (role) VALUES ('target')`)
	require.NoError(t, transfer(t, from, to, quietly))
	s = openEither(t, to)
	defer func() { require.NoError(t, s.Close()) }()
	require.Len(t, whole(t, s), len(before))
}

func TestTransfersThatAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	full, empty, server := filepath.Join(t.TempDir(), "a.db"), filepath.Join(t.TempDir(), "b.db"), postgrestest.Database(t)
	s := openEither(t, full)
	fill(t, s, 3)
	_, err := store.OpenToTransfer(t.Context(), full)
	require.ErrorContains(t, err, "in use")
	require.NoError(t, s.Close())
	s = openEither(t, server)
	fill(t, s, 3)
	_, err = acquire(t, s, lead.LeaseRequest{Credential: "c", Holder: "h", Length: time.Minute})
	require.NoError(t, err)

	require.ErrorContains(t, transfer(t, server, empty, quietly), "a relay runs on")
	require.ErrorContains(t, transfer(t, full, server, quietly), "a relay runs on")
	_, err = renew(t, s, lead.LeaseRequest{Credential: "c", Holder: "h"}) // which gives it up
	require.NoError(t, err)
	require.ErrorContains(t, transfer(t, full, server, quietly), "not empty")
	require.NoError(t, s.Close())
	for _, database := range []string{full, server, empty} { // nothing has happened to them
		s := openEither(t, database)
		require.NoError(t, s.Close())
	}
}

// A row that was changed behind the transfer's back is noticed.
func TestADifferentRowIsNoticed(t *testing.T) {
	t.Parallel()
	from, to := filepath.Join(t.TempDir(), "a.db"), postgrestest.Database(t)
	s := openEither(t, from)
	fill(t, s, 3)
	require.NoError(t, s.Close())
	err := transfer(t, from, to, func(done store.Transferred, _ context.CancelFunc) {
		if done.Table == "attempts" {
			execute(t, to, `UPDATE leads SET reason = 'x' WHERE remote_id = (SELECT min(remote_id) FROM leads)`)
		}
	})
	require.ErrorContains(t, err, "leads: 3 rows were moved, and the 3 that arrived are not the same")
}

// The tables that are transferred have these columns, and others need not be.
func TestEveryColumnIsTransferred(t *testing.T) {
	for name, s := range map[string]*store.Store{
		"SQLite": openEither(t, filepath.Join(t.TempDir(), "a.db")), "PostgreSQL": openPostgres(t, postgrestest.Database(t)),
	} {
		notCopied, forgotten := s.NotTransferred(t)
		require.Subset(t, []string{"schema_versions", "schema_oldest", "remote_ids", "pulse", "leases", "shared_secret", "ended_sessions", "stat_kinds", "stat_steps", "stat_changes", "lead_changes", "search_blocks", "search_pages", "search_stale", "search_turn", "alert_turn"}, notCopied, name)
		require.Empty(t, forgotten, name)
		if name == "SQLite" {
			require.NoError(t, s.Close())
		}
	}
}
