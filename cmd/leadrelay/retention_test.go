package main

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

// year is a relay whose leads come to their ends, each at the time that its settings say.
type year struct {
	t     *testing.T
	store *store.Store
	deeds map[int][]func() // by day
	gone  map[lead.RemoteID]time.Time
	until map[lead.RemoteID]time.Time // of those that are blocked
}

// Over a year in which leads come, are moved to and fro, blocked and erased, each is there a
// second before its time and gone a second after, and what still has to be delivered or waits
// for a person stays.
func TestAYearOfRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		const quarantined, discarded, confirmed, blocked, days = 90, 30, 200, 180, 365
		s.BlockFor(blocked * aDay)
		y := &year{t, s, map[int][]func(){}, map[lead.RemoteID]time.Time{}, map[lead.RemoteID]time.Time{}}
		kinds := []func(int){
			func(d int) { y.keep(d, lead.Queued, 0) },
			func(d int) { y.keep(d, lead.Failed, 0) },
			func(d int) { y.keep(d, lead.Doubtful, 0) },
			func(d int) { y.keep(d, lead.Delivered, 0) },
			func(d int) { y.keep(d, lead.Quarantined, quarantined) },
			func(d int) { y.amend(d+85, y.keep(d, lead.Quarantined, 85+discarded), (*lead.Lead).Discard) },
			func(d int) { y.amend(d+89, y.keep(d, lead.Quarantined, 0), releaseNow) },
			func(d int) {
				id := y.keep(d, lead.Failed, 0)
				y.amend(d+10, id, (*lead.Lead).Discard)
				y.amend(d+39, id, retryNow)
			},
			func(d int) { y.confirm(d+7, y.keep(d, lead.Delivered, 7+confirmed)) },
			func(d int) { // sent again, and seen once more
				id := y.keep(d, lead.Delivered, 195+confirmed)
				y.confirm(d+1, id)
				y.amend(d+190, id, retryNow)
				y.confirm(d+195, id)
			},
			func(d int) { y.block(d+10, y.confirm(d, y.keep(d, lead.Delivered, confirmed)), blocked) },
			func(d int) { y.block(d+80, y.keep(d, lead.Quarantined, 80+blocked), blocked) },
			func(d int) { y.erasePerson(d+5, y.keep(d, lead.Failed, 5+discarded)) },
		}
		begun := time.Now().Add(aDay)
		for day := range days {
			at := begun.Add(time.Duration(day) * aDay)
			time.Sleep(time.Until(at.Add(-time.Second)))
			y.sweep(config.Retention{Quarantined: config.Period(quarantined * aDay), Discarded: config.Period(discarded * aDay), Confirmed: config.Period(confirmed * aDay)})
			y.check()
			time.Sleep(time.Until(at))
			if day%2 == 0 {
				kinds[day/2%len(kinds)](day)
			}
			for _, deed := range y.deeds[day] {
				deed()
			}
			time.Sleep(time.Second)
			for range 2 { // what is not blocked any more goes with the next
				y.sweep(config.Retention{Quarantined: config.Period(quarantined * aDay), Discarded: config.Period(discarded * aDay), Confirmed: config.Period(confirmed * aDay)})
			}
			y.check()
		}
		require.Len(t, y.gone, 183)
		require.NotEmpty(t, y.until)
	})
}

const aDay = 24 * time.Hour

func releaseNow(l *lead.Lead) error { return l.Release(time.Now()) }

func retryNow(l *lead.Lead) error { return l.Retry(time.Now(), true) }

// keep keeps a lead today, which goes so many days later; 0 for never.
func (y *year) keep(_ int, state lead.State, days int) lead.RemoteID {
	y.t.Helper()
	l := storetest.Draft(y.t, time.Now())
	l.State = state
	if state != lead.Queued && state != lead.Doubtful {
		l.DueAt = time.Time{}
	}
	kept, err := y.store.Keep(y.t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(y.t, err)
	y.gone[kept.RemoteID] = time.Time{}
	if days > 0 {
		y.gone[kept.RemoteID] = time.Now().Add(time.Duration(days) * aDay)
	}
	return kept.RemoteID
}

// on has something done on a day.
func (y *year) on(day int, deed func()) { y.deeds[day] = append(y.deeds[day], deed) }

func (y *year) amend(day int, id lead.RemoteID, move func(*lead.Lead) error) {
	y.on(day, func() {
		_, err := y.store.Amend(y.t.Context(), id, move)
		require.NoError(y.t, err)
	})
}

func (y *year) confirm(day int, id lead.RemoteID) lead.RemoteID {
	y.on(day, func() {
		isNews, err := y.store.Confirm(y.t.Context(), id, time.Now(), "")
		require.NoError(y.t, err)
		require.True(y.t, isNews)
	})
	return id
}

func (y *year) block(day int, id lead.RemoteID, days int) {
	y.on(day, func() {
		done, err := y.store.BlockPerson(y.t.Context(), []lead.RemoteID{id}, func(*lead.Lead) bool { return true })
		require.NoError(y.t, err)
		require.Len(y.t, done, 1)
		y.until[id] = time.Now().Add(time.Duration(days) * aDay)
	})
}

func (y *year) erasePerson(day int, id lead.RemoteID) {
	y.on(day, func() {
		done, err := y.store.ErasePerson(y.t.Context(), []lead.RemoteID{id}, func(*lead.Lead) bool { return true })
		require.NoError(y.t, err)
		require.Len(y.t, done, 1)
	})
}

// sweep lets the sweep go through once, as at a start.
func (y *year) sweep(keep config.Retention) {
	ctx, stop := context.WithCancel(y.t.Context())
	var sweeping sync.WaitGroup
	sweeping.Go(func() { sweep(ctx, keep, y.store, zerolog.Nop()) })
	time.Sleep(50 * time.Millisecond)
	stop()
	sweeping.Wait()
}

// check requires that those leads are there whose time is not over, and no other.
func (y *year) check() {
	y.t.Helper()
	leads, _, err := y.store.List(y.t.Context(), lead.Filter{Limit: 1000})
	require.NoError(y.t, err)
	there, blocked := map[lead.RemoteID]bool{}, map[lead.RemoteID]bool{}
	for _, l := range leads {
		there[l.RemoteID] = true
	}
	require.NoError(y.t, y.store.Blocked(y.t.Context(), func(b *lead.BlockedLead) { there[b.RemoteID], blocked[b.RemoteID] = true, true }))
	for id, at := range y.gone {
		require.Equal(y.t, at.IsZero() || time.Now().Before(at), there[id], "%s, at %s", id, at)
	}
	for id, until := range y.until {
		require.Equal(y.t, time.Now().Before(until), blocked[id], "%s is blocked until %s", id, until)
	}
}
