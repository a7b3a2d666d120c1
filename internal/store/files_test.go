package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

// sidecars are the files of a database.
var sidecars = []string{"", "-wal", "-shm"}

// replace puts another database's file where one was.
func replace(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".backup", []byte("a backup"), 0o600))
	require.NoError(t, os.Rename(path+".backup", path))
}

// setAside moves a database's files, and returns how to put them back.
func setAside(t *testing.T, path string, which ...string) (back func()) {
	t.Helper()
	for _, end := range which {
		require.NoError(t, os.Rename(path+end, path+".aside"+end))
	}
	return func() {
		for _, end := range which {
			require.NoError(t, os.Rename(path+".aside"+end, path+end))
		}
	}
}

func TestWhatGoesIntoALostFileIsNotKept(t *testing.T) {
	tests := map[string]struct {
		lose func(t *testing.T, path string) (back func())
		says string
	}{
		"its files are deleted": {func(t *testing.T, path string) func() {
			for _, end := range sidecars {
				require.NoError(t, os.Remove(path+end))
			}
			return nil
		}, "leads.db was deleted or moved away"},
		"the file is deleted":           {func(t *testing.T, path string) func() { require.NoError(t, os.Remove(path)); return nil }, "leads.db was deleted"},
		"a backup is moved in":          {func(t *testing.T, path string) func() { replace(t, path); return nil }, "leads.db was replaced"},
		"the log is deleted":            {func(t *testing.T, path string) func() { require.NoError(t, os.Remove(path+"-wal")); return nil }, "leads.db-wal was deleted"},
		"another log is moved in":       {func(t *testing.T, path string) func() { replace(t, path+"-wal"); return nil }, "leads.db-wal was replaced"},
		"the file is moved, and back":   {func(t *testing.T, path string) func() { return setAside(t, path, "") }, "leads.db was deleted or moved away"},
		"the log is moved, and back":    {func(t *testing.T, path string) func() { return setAside(t, path, "-wal") }, "leads.db-wal was deleted or moved away"},
		"all files are moved, and back": {func(t *testing.T, path string) func() { return setAside(t, path, sidecars...) }, "leads.db was deleted or moved away"},
		"the folder is moved, and back": {func(t *testing.T, path string) func() {
			dir := filepath.Dir(path)
			require.NoError(t, os.Rename(dir, dir+".aside"))
			return func() { require.NoError(t, os.Rename(dir+".aside", dir)) }
		}, "leads.db was deleted or moved away"},
		"another folder is in its place": {func(t *testing.T, path string) func() {
			dir := filepath.Dir(path)
			require.NoError(t, os.Rename(dir, dir+".aside"))
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			return func() {
				require.NoError(t, os.RemoveAll(dir))
				require.NoError(t, os.Rename(dir+".aside", dir))
			}
		}, "leads.db was replaced"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "leads.db")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			s := open(t, path)
			defer func() { require.NoError(t, s.Close()) }()
			keep(t, s, time.Now())
			require.NoError(t, s.Ready(t.Context()))

			back := test.lose(t, path)
			requireLost(t, s, test.says)
			if back == nil {
				return
			}
			back()
			require.NoError(t, s.Lost())
			require.NoError(t, s.Ready(t.Context()))
			keep(t, s, time.Now())
		})
	}
}

// requireLost wants nothing to be kept, sent or settled, each time anew.
func requireLost(t *testing.T, s *store.Store, says string) {
	t.Helper()
	var lost *store.LostFileError
	for range 2 {
		_, err := s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
		require.ErrorAs(t, err, &lost)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "\n")
		require.ErrorAs(t, s.Ready(t.Context()), &lost)
		require.ErrorAs(t, s.Lost(), &lost)
		_, _, err = s.Begin(t.Context(), "casas", lead.Due{Now: time.Now(), N: 1, Lease: time.Minute, SkipPeek: true})
		require.ErrorAs(t, err, &lost)
	}
}

// However a file is swapped under a busy store, each lead that was acknowledged
// is in the files that it was acknowledged from.
func TestNoLeadIsAcknowledgedFromALostFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	kept := make(chan lead.RemoteID, 1<<16)
	ctx, stop := context.WithCancel(t.Context())
	var visitors sync.WaitGroup
	for range 8 {
		visitors.Go(func() {
			for ctx.Err() == nil {
				k, err := s.Keep(ctx, lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
				if err == nil {
					kept <- k.RemoteID
				}
			}
		})
	}
	for len(kept) < 100 {
		time.Sleep(time.Millisecond)
	}
	setAside(t, path, sidecars...)
	before := len(kept)
	for _, end := range sidecars {
		replace(t, path+end)
	}
	time.Sleep(100 * time.Millisecond)
	// Those that were past their check when the files went may still be told.
	require.LessOrEqual(t, len(kept)-before, 2*8, "nothing is acknowledged any more")
	stop()
	visitors.Wait()
	require.NoError(t, s.Close())
	close(kept)

	s = open(t, path+".aside")
	for id := range kept {
		_, _, err := s.Find(t.Context(), id)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	for _, end := range sidecars {
		data, err := os.ReadFile(path + end)
		require.NoError(t, err)
		require.Equal(t, "a backup", string(data), "what was moved in is left as it is")
	}
}

// Whoever may write into the folder can put a link there before the first start.
// No file that it leads to is opened, cut, filled or made private.
func TestNoLinkIsFollowed(t *testing.T) {
	for _, end := range []string{"", ".lock", ".reserve", "-wal", "-shm", "-journal"} {
		for what, put := range map[string]func(victim, path string) error{
			"a link":        os.Symlink,
			"a broken link": func(victim, path string) error { return os.Symlink(victim+".none", path) },
			"a folder":      func(_, path string) error { return os.Mkdir(path, 0o700) },
			"a pipe":        func(_, path string) error { return syscall.Mkfifo(path, 0o600) },
		} {
			t.Run(what+" at leads.db"+end, func(t *testing.T) {
				dir := t.TempDir()
				victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "leads.db")
				require.NoError(t, os.WriteFile(victim, []byte("somebody's"), 0o644)) //nolint:gosec // as others have it
				require.NoError(t, put(victim, path+end))
				_, err := store.Open(t.Context(), path)
				require.ErrorContains(t, err, "leads.db"+end)
				data, err := os.ReadFile(victim)
				require.NoError(t, err)
				require.Equal(t, "somebody's", string(data))
				info, err := os.Stat(victim)
				require.NoError(t, err)
				require.Equal(t, os.FileMode(0o644), info.Mode())
				require.NoFileExists(t, victim+".none")
			})
		}
	}
}

// What another user owns is left to him: he could take it away, or change it.
func TestAnotherUsersFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	reason := fmt.Sprintf("belongs to user 1, and leadrelay runs as %d", os.Geteuid())
	if err := os.Chown(path, 1, -1); err != nil { // which takes root
		path, reason = "/etc/hosts", "permission denied"
	}
	before, err := os.Stat(path)
	require.NoError(t, err)
	_, err = store.Open(t.Context(), path)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, reason)
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, before.Mode(), after.Mode())
	require.Equal(t, before.Size(), after.Size())
}

// A link beside the reserve's place is not followed either, and the folder may
// be a link: volumes are.
func TestTheReserveIsWrittenBesideItsPlace(t *testing.T) {
	dir := t.TempDir()
	victim, folder := filepath.Join(dir, "victim"), filepath.Join(dir, "folder")
	require.NoError(t, os.WriteFile(victim, []byte("somebody's"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "volume"), 0o700))
	require.NoError(t, os.Symlink(filepath.Join(dir, "volume"), folder))
	path := filepath.Join(folder, "leads.db")
	require.NoError(t, os.Symlink(victim, path+".reserve.new"))
	s := open(t, path)
	keep(t, s, time.Now())
	require.NoError(t, s.Close())
	data, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "somebody's", string(data))
	require.FileExists(t, path+".reserve")
	require.NoFileExists(t, path+".reserve.new")
}

// The index holds no lead and is made anew from the log.
func TestTheLogsIndexMayGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	keep(t, s, time.Now())
	require.NoError(t, os.Remove(path+"-shm"))
	id := keep(t, s, time.Now())
	require.NoError(t, s.Ready(t.Context()))
	for _, end := range sidecars[:2] { // as a death leaves them behind
		data, err := os.ReadFile(path + end)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path+".copy"+end, data, 0o600))
	}
	require.NoError(t, s.Close())
	s = open(t, path+".copy")
	_, _, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// BenchmarkLost is what each commit pays for knowing where its files are.
func BenchmarkLost(b *testing.B) {
	s := openBench(b, filepath.Join(b.TempDir(), "leads.db"))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Lost(); err != nil {
			b.Fatal(err)
		}
	}
}
