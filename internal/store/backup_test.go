package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

// requireAlone wants nothing in the folder but the file, if it has a name.
func requireAlone(t *testing.T, dir, name string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		require.Equal(t, name, f.Name())
	}
}

func TestABackupHasAllThatWasAcknowledged(t *testing.T) {
	path, dir := filepath.Join(t.TempDir(), "leads.db"), t.TempDir()
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	var acknowledged []lead.RemoteID
	var visitors sync.WaitGroup
	for range 4 {
		visitors.Go(func() {
			for ctx.Err() == nil {
				id := keep(t, s, time.Now())
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
			}
		})
	}
	for _, name := range []string{"first.db", "second.db"} {
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(acknowledged) > 200 }, 30*time.Second, time.Millisecond)
		mu.Lock()
		want := acknowledged
		acknowledged = nil
		mu.Unlock()
		to := filepath.Join(dir, name)
		b, err := store.Backup(t.Context(), path, to)
		require.NoError(t, err)
		require.GreaterOrEqual(t, b.Leads, len(want))
		info, err := os.Stat(to)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

		in := open(t, to)
		for _, id := range want {
			require.LessOrEqual(t, id, b.Last)
			found, _, err := in.Find(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, lead.Queued, found.State)
		}
		require.NoError(t, in.Close())
	}
	stop()
	visitors.Wait()
}

func TestWhatWasErasedIsInNoBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	l := storetest.Draft(t, time.Now())
	l.Message = "un canario en la mina"
	_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	exec(t, path, `DELETE FROM leads`)
	to := filepath.Join(t.TempDir(), "backup.db")
	b, err := store.Backup(t.Context(), path, to)
	require.NoError(t, err)
	require.Zero(t, b.Leads)
	copied, err := os.ReadFile(to)
	require.NoError(t, err)
	require.NotContains(t, string(copied), "canario")
}

func TestABackupThatFailsLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	fill(t, s, 500)
	require.NoError(t, s.Close())
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is an argument
		data []byte
		says string
	}{
		"it is interrupted":       {ended, sound, "interrupt"},
		"the database is damaged": {t.Context(), append(bytes.Clone(sound[:len(sound)/2]), make([]byte, len(sound)-len(sound)/2)...), "damaged"},
		"it is no database":       {t.Context(), bytes.Repeat([]byte("property\n"), 900), "not a database"},
		"it is empty":             {t.Context(), nil, "no database of leadrelay's"},
	} {
		t.Run(name, func(t *testing.T) {
			from, dir := filepath.Join(t.TempDir(), "leads.db"), t.TempDir()
			require.NoError(t, os.WriteFile(from, test.data, 0o600))
			_, err := store.Backup(test.ctx, from, filepath.Join(dir, "backup.db"))
			require.Error(t, err)
			if test.ctx.Err() == nil {
				require.ErrorContains(t, err, test.says)
			}
			requireAlone(t, dir, "")
		})
	}
	t.Run("its name is taken", func(t *testing.T) {
		dir := t.TempDir()
		to := filepath.Join(dir, "backup.db")
		require.NoError(t, os.WriteFile(to, []byte("mine"), 0o600))
		_, err := store.Backup(t.Context(), path, to)
		require.ErrorContains(t, err, "backup.db is there already, and nothing is overwritten")
		requireAlone(t, dir, "backup.db")
	})
	t.Run("there is no database", func(t *testing.T) {
		_, err := store.Backup(t.Context(), path+".other", filepath.Join(t.TempDir(), "backup.db"))
		require.ErrorIs(t, err, os.ErrNotExist)
		require.NoFileExists(t, path+".other")
	})
}

// What was on its way in the backup may have arrived since.
func TestWhatWasDueInABackupIsDoubtful(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	dir := t.TempDir()
	path, backup, restored := filepath.Join(dir, "leads.db"), filepath.Join(dir, "backup.db"), filepath.Join(dir, "restored.db")
	s := open(t, path)
	last := fill(t, s, 60)
	tellOthers(t, s, 10)
	apart := keepApart(t, s)
	told := toldOthers(t, s)
	_, err := store.Backup(t.Context(), path, backup) // some are being sent
	require.NoError(t, err)
	before := map[lead.State]int{}
	all, _, err := s.List(t.Context(), lead.Filter{Limit: 100})
	require.NoError(t, err)
	for _, l := range all {
		before[l.State]++
	}
	for range 2000 { // more than one in a millisecond
		last = max(last, keep(t, s, time.Now()))
	}
	require.NoError(t, s.Close())
	require.Positive(t, before[lead.Sending])

	b, err := store.Restore(t.Context(), backup, restored)
	require.NoError(t, err)
	require.Equal(t, 71, b.Leads)
	_, err = store.Restore(t.Context(), backup, restored)
	require.ErrorContains(t, err, "restored.db is there already")

	s = open(t, restored)
	defer func() { require.NoError(t, s.Close()) }()
	after := map[lead.State]int{}
	all, _, err = s.List(t.Context(), lead.Filter{Limit: 100})
	require.NoError(t, err)
	for _, l := range all {
		after[l.State]++
	}
	require.Equal(t, map[lead.State]int{
		lead.Doubtful: before[lead.Queued] + before[lead.Sending], lead.Delivered: before[lead.Delivered],
		lead.Failed: before[lead.Failed], lead.Quarantined: 1,
	}, after)
	require.Equal(t, lead.Quarantined, find(t, s, apart).State)
	require.Len(t, told, 20)
	require.Equal(t, told, toldOthers(t, s), "others are told what they had not been")
	claims, _, err := s.ClaimLookups(t.Context(), []string{storetest.Draft(t, time.Now()).Site}, lead.Due{Now: time.Now(), N: 100, Lease: time.Minute})
	require.NoError(t, err)
	require.Len(t, claims, after[lead.Doubtful], "all are due at once")
	for _, c := range claims {
		require.Positive(t, c.MaybeTaken)
		require.False(t, c.LastEndedAt.Before(c.FirstAttempt))
	}
	require.Greater(t, keep(t, s, time.Now()), last)
}

// toldOthers are what others were told, or are to be, by their ids.
func toldOthers(t *testing.T, s *store.Store) map[string]lead.Delivery {
	t.Helper()
	all := map[string]lead.Delivery{}
	leads, _, err := s.List(t.Context(), lead.Filter{Limit: 500})
	require.NoError(t, err)
	for _, l := range leads {
		told, err := s.Deliveries(t.Context(), l.RemoteID)
		require.NoError(t, err)
		for _, d := range told {
			all[fmt.Sprint(d.RemoteID, d.Channel, d.Notice, d.Number)] = d
		}
	}
	return all
}

// A log beside the path would become the restored database's own.
func TestNothingIsRestoredBesideAnotherLog(t *testing.T) {
	dir := t.TempDir()
	path, to := filepath.Join(dir, "leads.db"), filepath.Join(dir, "restored.db")
	s := open(t, path)
	keep(t, s, time.Now())
	require.NoError(t, s.Close())
	for _, beside := range []string{"-wal", "-shm", "-journal"} {
		require.NoError(t, os.WriteFile(to+beside, []byte("another's"), 0o600))
		_, err := store.Restore(t.Context(), path, to)
		require.ErrorContains(t, err, "restored.db"+beside+" is there already")
		require.NoFileExists(t, to)
		require.NoError(t, os.Remove(to+beside))
	}
	running := open(t, to)
	_, err := store.Restore(t.Context(), path, to)
	require.ErrorContains(t, err, "is in use by another leadrelay")
	require.NoError(t, running.Close())
}
