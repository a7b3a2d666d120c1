package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
	"leadrelay/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(postgrestest.Main{M: m}) }

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	require.NoError(t, err)
	return s
}

func openTemp(t *testing.T) *store.Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "leads.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// fewHistories lets rapid make a fifth of the random histories, but not in the long form.
func fewHistories(t *testing.T) {
	t.Helper()
	if os.Getenv("LEADRELAY_TORTURE") != "full" {
		require.NoError(t, flag.Set("rapid.checks", "20"))
	}
}

func TestSQLite(t *testing.T) {
	fewHistories(t)
	t.Parallel()
	run := storetest.Run
	if testing.Short() {
		run = storetest.RunWhatRaces
	}
	run(t, openTemp)
}

func TestSQLiteAfterADeath(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	storetest.RunRestarts(t, func(t *testing.T) (*store.Store, func() *store.Store) {
		path := filepath.Join(t.TempDir(), "leads.db")
		s := open(t, path)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		// The end of a store changes no lead, so a death leaves the same behind.
		return s, func() *store.Store {
			require.NoError(t, s.Close())
			s = open(t, path)
			return s
		}
	})
}

func keep(t testing.TB, s *store.Store, at time.Time) lead.RemoteID {
	t.Helper()
	kept, err := s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, at), Tick: lead.Milliseconds})
	require.NoError(t, err)
	return kept.RemoteID
}

func TestLeadsAndIDsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	at := time.Now()
	var last lead.RemoteID
	for range 3 {
		s := open(t, path)
		id := keep(t, s, at)
		require.Greater(t, id, last)
		last = id
		require.NoError(t, s.Close())
	}
	s := open(t, path)
	leads, _, err := s.List(t.Context(), lead.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, leads, 3)
	require.NoError(t, s.Close())
}

// The clock of the process is the only one: ids go on by one while it is behind.
func TestIDsFollowTheClockOfTheProcess(t *testing.T) {
	s := openTemp(t)
	last := keep(t, s, time.Now())
	for _, back := range []time.Duration{time.Second, 24 * time.Hour, 60 * 365 * 24 * time.Hour} {
		next := keep(t, s, time.Now().Add(-back))
		require.Equal(t, last+1, next)
		last = next
	}
	require.Greater(t, keep(t, s, time.Now().Add(time.Hour)), last+1000)
}

func TestARestoredBackupGivesNoIDTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	at := time.Now()
	s := open(t, path)
	keep(t, s, at)
	require.NoError(t, s.Close())
	backup, err := os.ReadFile(path)
	require.NoError(t, err)

	s = open(t, path)
	var last lead.RemoteID
	for range 500 {
		last = keep(t, s, at.Add(time.Second))
	}
	require.NoError(t, s.Close())

	require.NoError(t, os.WriteFile(path, backup, 0o600))
	s = open(t, path)
	require.Greater(t, keep(t, s, at.Add(2*time.Second)), last)
	require.NoError(t, s.Close())
}

func TestNobodyElseReadsTheFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "leads.db"))
	keep(t, s, time.Now())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 3) // the database, its log, its index
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
	require.NoError(t, s.Close())
}

func TestCommitsAreSynchronousAndTheEngineIsSafe(t *testing.T) {
	s := openTemp(t)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"} {
		require.Equal(t, want, store.Pragma(t, s, pragma), pragma)
	}
	// 3.51.3 is the first version without the race that can lose commits when
	// a log is reset (sqlite.org/wal.html#walresetbug).
	var major, minor, patch int
	_, err := fmt.Sscanf(store.Version(t, s), "%d.%d.%d", &major, &minor, &patch)
	require.NoError(t, err)
	require.GreaterOrEqual(t, major*1_000_000+minor*1_000+patch, 3_051_003)
}

func TestASecondProcessOnTheSameFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	_, err := store.Open(t.Context(), path)
	require.ErrorContains(t, err, "in use by another leadrelay")
	require.NoError(t, s.Close())
	s = open(t, path)
	require.NoError(t, s.Close())
}

func TestANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	require.NoError(t, s.Close())
	exec(t, path, `INSERT INTO schema_versions VALUES (999, 0)`)

	_, err := store.Open(t.Context(), path)
	var newer *store.NewerSchemaError
	require.ErrorAs(t, err, &newer)
	require.Equal(t, 999, newer.Has)
}

// A database of the version before is brought up to date, and nothing is made
// up for what that version did not write down.
func TestTheAttemptsOfAFormerVersionStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	at := time.Now()
	s := open(t, path)
	id := keep(t, s, at)
	_, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: at, N: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	exec(t, path, back6+`ALTER TABLE attempts DROP COLUMN sent; DROP INDEX leads_ended; ALTER TABLE leads DROP COLUMN moved_at; DELETE FROM schema_versions WHERE version >= 5`)

	s = open(t, path)
	_, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, attempts, 1)
	require.True(t, attempts[0].Fingerprint.IsZero())
	claims, _, err := s.ClaimLookups(t.Context(), []string{"casas"}, lead.Due{Now: at.Add(time.Hour), N: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.Equal(t, []lead.Fingerprint{{}}, claims[0].Fingerprints)
	require.NoError(t, s.Close())
}

func exec(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec(statement)
	require.NoError(t, errors.Join(err, db.Close()))
}

func TestAFolderThatIsMissingIsNamed(t *testing.T) {
	_, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "nowhere", "leads.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), "\n")
}

func TestADamagedFileStopsTheStartAndIsNotTouched(t *testing.T) {
	whole := func() []byte {
		path := filepath.Join(t.TempDir(), "leads.db")
		s := open(t, path)
		for range 300 {
			keep(t, s, time.Now())
		}
		require.NoError(t, s.Close())
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return data
	}()
	for name, damage := range map[string]func([]byte) []byte{
		"zeroed":                 func(b []byte) []byte { return make([]byte, len(b)) },
		"no database at all":     func([]byte) []byte { return bytes.Repeat([]byte("property\n"), 900) },
		"garbage in the header":  func(b []byte) []byte { return append([]byte("SQLite format 4\x00"), b[16:]...) },
		"garbage in the middle":  func(b []byte) []byte { copy(b[len(b)/2:], bytes.Repeat([]byte{0xa5}, 9000)); return b },
		"cut off in the middle":  func(b []byte) []byte { return b[:len(b)/2] },
		"empty beside a log":     func([]byte) []byte { return nil },
		"one page of zeros":      func(b []byte) []byte { copy(b[4096:8192], make([]byte, 4096)); return b },
		"cut inside of the page": func(b []byte) []byte { return b[:len(b)-1000] },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "leads.db")
			bad := damage(bytes.Clone(whole))
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			if len(bad) == 0 {
				require.NoError(t, os.WriteFile(path+"-wal", []byte("something"), 0o600))
			}
			_, err := store.Open(t.Context(), path)
			var damaged *store.DamagedError
			require.ErrorAs(t, err, &damaged)
			require.Contains(t, err.Error(), ".recover")
			require.NotContains(t, err.Error(), "\n", err)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(bad, after))
		})
	}
}

func TestAWriteThatFailsCostsItsNeighborsNothing(t *testing.T) {
	s := openTemp(t)
	good, bad := store.Together(t, s, storetest.Draft(t, time.Now()), errors.New("bad write"))
	require.NoError(t, good)
	require.ErrorContains(t, bad, "bad write")
	leads, _, err := s.List(t.Context(), lead.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, leads, 1)
}

func TestALeadThatNobodyWaitsForAnyMoreIsNotKept(t *testing.T) {
	s := openTemp(t)
	release := store.Occupy(s)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := s.Keep(ctx, lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	release()
	last := keep(t, s, time.Now())
	leads, _, err := s.List(t.Context(), lead.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, leads, 1, "whoever was asked to try again is kept once")
	require.Equal(t, last, leads[0].RemoteID)
}

func TestAClosedStoreTakesNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, s.Close())
	_, err := s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
	require.ErrorContains(t, err, "closed")
}

// Keys that no longer count go, as long as new leads come.
func TestKeysAreForgotten(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	synctest.Test(t, func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "leads.db"))
		post := func(key string, i int) {
			l := storetest.Draft(t, time.Now())
			l.Message = fmt.Sprint(key, i)
			_, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds, Key: lead.KeyOf("casas", l.Message), Content: l.Content()})
			require.NoError(t, err)
		}
		const leads, passes = 500, 256
		for i := range leads {
			post("early", i)
		}
		require.Equal(t, leads, store.Repeats(t, s))
		forgetAll := func(key string) {
			for i := range passes {
				time.Sleep(21 * time.Second)
				post(key, i)
			}
		}
		forgetAll("noon")
		require.Equal(t, leads+passes, store.Repeats(t, s), "they count for a day")
		time.Sleep(24 * time.Hour)
		forgetAll("late")
		require.LessOrEqual(t, store.Repeats(t, s), 2*passes)
		require.NoError(t, s.Close())
	})
}

// A double click counts across a restart, and nothing is written for it.
func TestWordsAreKnownAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "leads.db")
		post := func(s *store.Store, tick lead.Tick, message string) lead.Kept {
			l := storetest.Draft(t, time.Now())
			l.Message = message
			kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: tick, Content: l.Content()})
			require.NoError(t, err)
			return kept
		}
		s := open(t, path)
		time.Sleep(time.Until(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)))
		first := map[lead.Tick]lead.Kept{}
		for _, tick := range []lead.Tick{lead.Milliseconds, lead.Seconds} {
			first[tick] = post(s, tick, string(tick))
		}
		require.NoError(t, s.Close())
		time.Sleep(9 * time.Minute)
		s = open(t, path)
		for tick, kept := range first {
			again := post(s, tick, string(tick))
			require.Equal(t, lead.Kept{RemoteID: kept.RemoteID, Again: true}, again, tick)
		}
		require.NoError(t, s.Close())
		time.Sleep(2 * time.Minute)
		s = open(t, path)
		for tick := range first {
			require.False(t, post(s, tick, string(tick)).Again, tick)
		}
		require.NoError(t, s.Close())
	})
}

// However many come, a double click is known and the memory bounded. What others hold
// meanwhile would be measured, too.
func TestRecentLeadsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	r := store.NewRecent()
	before := heap()
	at := time.Now()
	digest := func(i int) (d lead.Digest) {
		binary.BigEndian.PutUint64(d[:], uint64(i)+1)
		return d
	}
	for i := range 1_000_000 {
		require.True(t, r.IsNew(digest(i), at))
		require.False(t, r.IsNew(digest(i), at))
	}
	require.Less(t, int64(heap())-int64(before), int64(4<<20))
	runtime.KeepAlive(r)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What is damaged while the relay runs fails the writes that meet it, and the
// error says what to do.
func TestDamageThatIsFoundLaterIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	for range 300 {
		keep(t, s, time.Now())
	}
	require.NoError(t, s.Close())
	s = open(t, path)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := 4096; at < len(file); at += 4096 {
		copy(file[at:], bytes.Repeat([]byte{0xa5}, 100))
	}
	require.NoError(t, os.WriteFile(path, file, 0o600))
	_, err = s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds})
	var damaged *store.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.ErrorContains(t, err, "is damaged")
	require.ErrorContains(t, err, ".recover")
	require.Error(t, s.Ready(t.Context()), "so whoever is on call is told")
	_ = s.Close()
}
