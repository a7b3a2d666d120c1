package store_test

import (
	"database/sql"
	"errors"
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

// cut cuts a file to a size, as the shell's truncate does.
func cut(size int64) func(*testing.T, string) {
	return func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Truncate(path, size)) }
}

// overwrite writes other content into a file, as cp does.
func overwrite(content []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
}

// Whoever is short of disk cuts the log under the relay, or copies a backup over
// the database: the files stay where they are. The next lead is refused, and a
// stop leaves the database as the last checkpoint left it, instead of copying the
// zeros of the gap into it.
func TestACutFileIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	other := killed(t, 3)
	tests := map[string]struct {
		end   string
		leads int
		spoil func(t *testing.T, path string)
	}{
		"the log is emptied":                  {"-wal", 40, cut(0)},
		"the log of one lead is emptied":      {"-wal", 1, cut(0)},
		"the log is cut to its half":          {"-wal", 40, cut(250_000)},
		"the log is cut by a byte":            {"-wal", 40, func(t *testing.T, path string) { t.Helper(); cut(sizeOf(t, path)-1)(t, path) }},
		"another log is copied over it":       {"-wal", 40, overwrite(other.log)},
		"another log of its size":             {"-wal", 3, overwrite(other.log)},
		"the database is emptied":             {"", 40, cut(0)},
		"a smaller backup is copied over it":  {"", 40, overwrite(other.file[:len(other.file)-4096])},
		"the log is emptied, and grown again": {"-wal", 40, func(t *testing.T, path string) { t.Helper(); n := sizeOf(t, path); cut(0)(t, path); cut(n)(t, path) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "leads.db")
			require.NoError(t, open(t, path).Close()) // the schema is in the file
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			s := open(t, path)
			for range test.leads {
				keep(t, s, time.Now())
			}
			test.spoil(t, path+test.end)
			requireLost(t, s, "leads.db"+test.end+" was cut or written over")
			log := sizeOf(t, path+"-wal")
			require.NoError(t, s.Close())
			require.Equal(t, log, sizeOf(t, path+"-wal"), "a stop leaves the log")
			if test.end == "-wal" {
				after, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, before, after, "a stop leaves the database")
			}
		})
	}
}

// closedWith returns the file of a database that took leads, one in each life.
func closedWith(t *testing.T, path string, leads int) []byte {
	t.Helper()
	for range leads {
		s := open(t, path)
		keep(t, s, time.Now())
		require.NoError(t, s.Close())
	}
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	return file
}

// A backup of the very same size is copied over the database, and nobody has looked
// in between: it is noticed by what is in it.
func TestABackupThatIsCopiedOverIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	backups := map[string]func(t *testing.T, path string) []byte{
		"of this database": func(t *testing.T, path string) []byte { t.Helper(); return closedWith(t, path, 1) },
		"of this database, without the last lead": func(t *testing.T, path string) []byte {
			t.Helper()
			closedWith(t, path, 1)
			return closedWith(t, path, 1)
		},
		"of another": func(t *testing.T, path string) []byte { t.Helper(); return closedWith(t, path+".other", 2) },
	}
	for name, take := range backups {
		for meanwhile, work := range map[string]func(t *testing.T, s *store.Store){
			"at rest":               func(*testing.T, *store.Store) {},
			"with leads in the log": func(t *testing.T, s *store.Store) { t.Helper(); keep(t, s, time.Now()) },
			"after a checkpoint": func(t *testing.T, s *store.Store) {
				t.Helper()
				keep(t, s, time.Now())
				store.Checkpoint(t, s)
			},
		} {
			t.Run(name+", "+meanwhile, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "leads.db")
				backup := take(t, path)
				closedWith(t, path, 1)
				require.EqualValues(t, len(backup), sizeOf(t, path))
				s := open(t, path)
				work(t, s)
				require.NoError(t, s.Lost())
				f, err := os.OpenFile(path, os.O_WRONLY, 0)
				require.NoError(t, err)
				_, err = f.Write(backup)
				require.NoError(t, err)
				require.NoError(t, f.Close())
				requireLost(t, s, "leads.db was cut or written over")
				log := sizeOf(t, path+"-wal")
				require.NoError(t, s.Close())
				after, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, backup, after, "a stop leaves the database")
				require.Equal(t, log, sizeOf(t, path+"-wal"), "a stop leaves the log")
			})
		}
	}
}

// The numbers of the commits begin anywhere, and go round.
func TestTheCountOfCommitsGoesRound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	closedWith(t, path, 1)
	for _, begin := range []string{"-3", "2147483645"} { // as signed numbers
		exec(t, path, "PRAGMA user_version = "+begin)
		s := open(t, path)
		for range 6 {
			keep(t, s, time.Now())
			store.Checkpoint(t, s)
			require.NoError(t, s.Lost())
		}
		require.NoError(t, s.Close())
	}
}

// Checkpoints at any time, by anybody, are no alarm.
func TestCheckpointsAreNoAlarm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	var all sync.WaitGroup
	stop := make(chan bool)
	often := func(do func()) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					do()
				}
			}
		})
	}
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	often(func() { _, _ = db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(PASSIVE)") })
	often(func() {
		_, _ = db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
		time.Sleep(time.Millisecond)
	})
	for range 2 {
		often(func() { require.NoError(t, s.Lost()) })
	}
	leads := 60
	if os.Getenv("LEADRELAY_TORTURE") == "full" {
		leads = 300
	}
	for range leads {
		keep(t, s, time.Now())
	}
	close(stop)
	all.Wait()
	require.NoError(t, db.Close())
	require.NoError(t, s.Close())
	startsWith(t, path, leads)
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

// However a file is spoiled under a busy store, nothing is acknowledged after that.
func TestNoLeadIsAcknowledgedIntoASpoiledFile(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"the log is emptied": func(t *testing.T, path string) { t.Helper(); cut(0)(t, path+"-wal") },
		"a backup is copied over the database": func(t *testing.T, path string) {
			t.Helper()
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.Write(read(t, path+".backup"))
			require.NoError(t, errors.Join(err, f.Close()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "leads.db")
			require.NoError(t, os.WriteFile(path+".backup", closedWith(t, path, 1), 0o600))
			closedWith(t, path, 1)
			s := open(t, path)
			var visitors sync.WaitGroup
			count, stop := make(chan bool, 1<<16), make(chan bool)
			for range 8 {
				visitors.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if _, err := s.Keep(t.Context(), lead.Submission{Lead: storetest.Draft(t, time.Now()), Tick: lead.Milliseconds}); err == nil {
							count <- true
						}
					}
				})
			}
			for len(count) < 100 {
				time.Sleep(time.Millisecond)
			}
			spoil(t, path)
			before := len(count)
			time.Sleep(100 * time.Millisecond)
			require.LessOrEqual(t, len(count)-before, 2*8, "nothing is acknowledged any more")
			close(stop)
			visitors.Wait()
			var lost *store.LostFileError
			require.ErrorAs(t, s.Lost(), &lost)
			require.NoError(t, s.Close())
		})
	}
}

// A checkpoint by another program may truncate the log, and a VACUUM shrinks the
// database: nothing is lost by them.
func TestAnotherProgramMayShrinkTheFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	for range 40 {
		keep(t, s, time.Now())
	}
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, command := range []string{
		"PRAGMA wal_checkpoint(TRUNCATE)", "CREATE TABLE big (b)", "INSERT INTO big VALUES (zeroblob(1000000))",
		"PRAGMA wal_checkpoint(TRUNCATE)", "DROP TABLE big", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		_, err = db.ExecContext(t.Context(), command)
		require.NoError(t, err)
		require.NoError(t, s.Lost(), command)
		keep(t, s, time.Now())
		require.NoError(t, s.Ready(t.Context()), command)
	}
	require.NoError(t, db.Close())
	require.NoError(t, s.Close())
	startsWith(t, path, 47)
}
