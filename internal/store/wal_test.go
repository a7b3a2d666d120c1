package store_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	shell "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// remains are the files of a database whose process was killed.
type remains struct{ file, log, index []byte }

// put writes them into a folder; nil is no file.
func (r remains) put(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "leads.db")
	for end, content := range map[string][]byte{"": r.file, "-wal": r.log, "-shm": r.index} {
		if content != nil {
			require.NoError(t, os.WriteFile(path+end, content, 0o600))
		}
	}
	return path
}

// take copies the files of a database that rests.
func take(t testing.TB, path string) (r remains) {
	t.Helper()
	for end, content := range map[string]*[]byte{"": &r.file, "-wal": &r.log, "-shm": &r.index} {
		var err error
		*content, err = os.ReadFile(path + end)
		require.NoError(t, err)
	}
	return r
}

// killed is what is left of a store that took n leads, one to a commit. Its log has
// them alone: the schema is in the file since another process ended.
func killed(t testing.TB, n int) remains {
	t.Helper()
	path := filepath.Join(t.TempDir(), "leads.db")
	s, err := store.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s, err = store.Open(t.Context(), path)
	require.NoError(t, err)
	for range n {
		keep(t, s, time.Now())
	}
	r := take(t, path)
	require.NoError(t, s.Close())
	return r
}

const frame = 24 + 4096

// commits are where the transactions of a log end.
func commits(log []byte) (ends []int) {
	for at := 32; at+frame <= len(log); at += frame {
		if binary.BigEndian.Uint32(log[at+4:]) != 0 {
			ends = append(ends, at+frame)
		}
	}
	return ends
}

func startsWith(t *testing.T, path string, leads int) {
	t.Helper()
	s := open(t, path)
	n, f := 0, lead.Filter{Limit: 500}
	for more := true; more; {
		var page []lead.Lead
		var err error
		page, more, err = s.List(t.Context(), f)
		require.NoError(t, err)
		n += len(page)
		if more {
			f.Below = page[len(page)-1].RemoteID
		}
	}
	require.Equal(t, leads, n)
	require.NoError(t, s.Close())
}

func changed(b []byte, at, n int) []byte {
	b = bytes.Clone(b)
	for i := at; i < at+n; i++ {
		b[i] ^= 0xa5
	}
	return b
}

// The attack of the issue, at its size: 40 leads were acknowledged, the process
// was killed, and what only the log had was changed on the disk. Whoever is told
// can start with the rest.
func TestADamagedLogStopsTheStart(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	const leads = 40
	whole := killed(t, leads)
	tests := map[string]func(r *remains){
		"100 bytes in the middle":            func(r *remains) { r.log = changed(r.log, len(r.log)/2, 100) },
		"100 bytes in the middle, power cut": func(r *remains) { r.log, r.index = changed(r.log, len(r.log)/2, 100), nil },
		"a zeroed block":                     func(r *remains) { clear(r.log[1<<16 : 1<<16+4096]); r.index = nil },
		"the header":                         func(r *remains) { r.log = changed(r.log, 3, 1) },
		"the header, power cut":              func(r *remains) { r.log, r.index = changed(r.log, 20, 9), nil },
		"the salts of a frame":               func(r *remains) { r.log = changed(r.log, 32+9*frame+10, 1) },
		"the end of a transaction":           func(r *remains) { r.log, r.index = changed(r.log, commits(r.log)[20]-9, 1), nil },
		"the last byte":                      func(r *remains) { r.log = changed(r.log, commits(r.log)[len(commits(r.log))-1]-1, 1) },
		"cut to 10 kB":                       func(r *remains) { r.log = r.log[:10_000] },
		"cut to its header":                  func(r *remains) { r.log = r.log[:32] },
		"cut by one lead":                    func(r *remains) { r.log = r.log[:commits(r.log)[leads-3]] },
		"zeros behind a cut":                 func(r *remains) { r.log = append(bytes.Clone(r.log[:40_000]), make([]byte, 40_000)...) },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			bad := remains{bytes.Clone(whole.file), bytes.Clone(whole.log), whole.index}
			damage(&bad)
			path := bad.put(t)
			for range 2 { // a service is started again
				_, err := store.Open(t.Context(), path)
				var damaged *store.DamagedError
				require.ErrorAs(t, err, &damaged)
				require.Equal(t, path+"-wal", damaged.Path)
				require.NotContains(t, err.Error(), "\n")
				after, err := os.ReadFile(path + "-wal")
				require.NoError(t, err)
				require.True(t, bytes.Equal(bad.log, after), "it was not touched")
			}
			_, err := store.Open(t.Context(), path)
			_, remedy, found := bytes.Cut([]byte(err.Error()), []byte("run: "))
			require.True(t, found, err)
			out, err := shell.CommandContext(t.Context(), "sh", "-c", string(remedy)).CombinedOutput()
			require.NoError(t, err, string(out))
			n, _, _ := store.Walk(t, bad.log)
			rest, err := os.ReadFile(path + "-wal")
			require.NoError(t, err)
			kept, _, broken := store.Walk(t, rest)
			require.Equal(t, n, kept)
			require.False(t, broken)
			require.NoError(t, open(t, path).Close())
		})
	}
}

// No byte of what was acknowledged can be changed in silence, as long as the
// index is there; without it, none but the last transaction's.
func TestEveryByteOfTheLogIsWatched(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	whole := killed(t, 6)
	ends := commits(whole.log)
	last := ends[len(ends)-1]
	path := whole.put(t)
	step := 211
	for at := 0; at < last; at += step {
		require.NoError(t, os.WriteFile(path+"-wal", changed(whole.log, at, 1), 0o600))
		_, err := store.CheckLog(path)
		require.Error(t, err, at)
	}
	require.NoError(t, os.Remove(path+"-shm"))
	for at := 0; at < ends[len(ends)-2]-frame; at += step {
		require.NoError(t, os.WriteFile(path+"-wal", changed(whole.log, at, 1), 0o600))
		_, err := store.CheckLog(path)
		require.Error(t, err, at)
	}
}

// A power cut tears the end of the log, at any byte, and that is no damage. Of the
// transactions before the last two, some bytes are enough.
func TestATornEndIsNoDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	torn := killed(t, 3)
	torn.index = nil
	ends := commits(torn.log)
	before := uint32(0)
	for n := range len(torn.log) + 1 {
		if n < ends[len(ends)-3] && n%61 != 0 {
			continue
		}
		whole, size, broken := store.Walk(t, torn.log[:n])
		require.False(t, broken, n)
		require.GreaterOrEqual(t, whole, before)
		require.LessOrEqual(t, size, int64(n))
		before = whole
	}
	for lost := range 3 {
		end := ends[len(ends)-1-lost]
		for _, n := range []int{end - 1, end - frame, end - frame + 24, end - frame + 1} {
			r := torn
			r.log = torn.log[:n]
			startsWith(t, r.put(t), 2-lost)
		}
	}
}

// What the disk had not yet confirmed may have been written in any order: all of
// the last transaction but for any of its sectors.
func TestALastTransactionWithHolesIsNoDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	torn := killed(t, 3)
	torn.index = nil
	ends := commits(torn.log)
	from, to := ends[len(ends)-2], ends[len(ends)-1]
	require.Greater(t, to-from, 2*frame, "a transaction of several frames")
	for at := from; at < to; at += 512 {
		log := bytes.Clone(torn.log[:to])
		clear(log[at:min(at+512, to)])
		_, _, broken := store.Walk(t, log)
		require.False(t, broken, at)
	}
	dice := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		log := bytes.Clone(torn.log[:to])
		for at := from; at < to; at += 512 {
			if dice.IntN(3) == 0 {
				clear(log[at:min(at+512, to)])
			}
		}
		_, _, broken := store.Walk(t, log)
		require.False(t, broken)
	}
	torn.log = bytes.Clone(torn.log[:to])
	clear(torn.log[from : from+512])
	path := torn.put(t)
	startsWith(t, path, 2)

	// What is left of it stays behind the next transactions, and alarms nobody.
	path = torn.put(t)
	s := open(t, path)
	for range 3 {
		keep(t, s, time.Now())
		_, err := store.CheckLog(take(t, path).put(t))
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
}

// A log that begins anew in its file has the former one's frames behind it, and
// so has one whose backup was put back.
func TestAHealthyDatabaseStarts(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "leads.db")
	s := open(t, path)
	var snapshots []remains
	for i := range 700 { // the log begins anew more than once
		keep(t, s, time.Now())
		if i%70 == 69 {
			snapshots = append(snapshots, take(t, path))
		}
	}
	require.NoError(t, s.Close())
	closed, err := os.ReadFile(path)
	require.NoError(t, err)
	salts := map[string]bool{}
	for i, r := range snapshots {
		salts[string(r.log[16:24])] = true
		n := 70 * (i + 1)
		startsWith(t, r.put(t), n)
		startsWith(t, remains{r.file, r.log, nil}.put(t), n)
		startsWith(t, remains{r.file, r.log, snapshots[0].index}.put(t), n)
		startsWith(t, remains{r.file, r.log, snapshots[max(0, i-1)].index}.put(t), n)
		startsWith(t, remains{r.file, r.log, bytes.Repeat([]byte{0xa5}, 32768)}.put(t), n)
	}
	require.Greater(t, len(salts), 2)
	startsWith(t, remains{file: closed}.put(t), 700)
	startsWith(t, remains{closed, nil, snapshots[3].index[:3]}.put(t), 700)
}

// A log that is gone looks like a backup that was put in place of the database:
// the relay starts, and tells.
func TestAMissingLogIsTold(t *testing.T) {
	r := killed(t, 40)
	for name, log := range map[string][]byte{"removed": nil, "emptied": {}, "cut within its header": r.log[:20]} {
		t.Run(name, func(t *testing.T) {
			s := open(t, remains{r.file, log, r.index}.put(t))
			var missing *store.MissingLogError
			require.ErrorAs(t, s.Missing(), &missing)
			require.Positive(t, missing.Pages)
			require.NoError(t, s.Close())
		})
	}
	path := r.put(t)
	s := open(t, path)
	require.NoError(t, s.Missing())
	require.NoError(t, s.Close())
	s = open(t, path)
	require.NoError(t, s.Missing(), "after a clean end there is no log")
	require.NoError(t, s.Close())
}

func TestALogThatCannotBeReadIsNamed(t *testing.T) {
	path := killed(t, 1).put(t)
	require.NoError(t, os.Remove(path+"-wal"))
	require.NoError(t, os.Mkdir(path+"-wal", 0o700))
	_, err := store.Open(t.Context(), path)
	require.ErrorContains(t, err, "leads.db-wal")
	if os.Geteuid() == 0 {
		return // who may read everything
	}
	path = killed(t, 1).put(t)
	require.NoError(t, os.Chmod(path+"-wal", 0))
	_, err = store.Open(t.Context(), path)
	require.ErrorContains(t, err, "leads.db-wal: permission denied")
}

// FuzzWalk holds whatever the log is: nothing is read beyond it, and what is
// found whole is found again in that part alone.
func FuzzWalk(f *testing.F) {
	log := killed(f, 2).log
	f.Add([]byte{})
	f.Add(log[:32])
	f.Add(log[:32+3*frame])
	f.Add(changed(log[:32+5*frame], 32+frame+100, 1))
	f.Add(changed(log[:32+4*frame], 0, 4))
	f.Fuzz(func(t *testing.T, log []byte) {
		whole, size, _ := store.Walk(t, log)
		require.LessOrEqual(t, size, int64(len(log)))
		again, same, broken := store.Walk(t, log[:size])
		require.Equal(t, whole, again)
		require.Equal(t, size, same)
		require.False(t, broken)
	})
}

// BenchmarkWalk walks a log of 100 MB, as one is after a long backup.
func BenchmarkWalk(b *testing.B) {
	small := killed(b, 40).log
	path := filepath.Join(b.TempDir(), "leads.db")
	log := append(bytes.Clone(small[:32]), bytes.Repeat(small[32:], 100_000_000/len(small))...)
	require.NoError(b, os.WriteFile(path+"-wal", log, 0o600))
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		_, err := store.CheckLog(path)
		require.Error(b, err)
	}
}

// Somebody restores a backup and leaves the log of a relay that was killed beside it.
// SQLite would mix the two without a word.
func TestALogOfAnotherStateStopsTheStart(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	backups := map[string]struct {
		take   func(t *testing.T, path string) []byte
		starts bool
	}{
		"of before the last start": {func(t *testing.T, path string) []byte { t.Helper(); return closedWith(t, path, 1) }, false},
		"of another database":      {func(t *testing.T, path string) []byte { t.Helper(); return closedWith(t, path+".other", 3) }, false},
		"the file as it was":       {func(*testing.T, string) []byte { return nil }, true},
	}
	for name, backup := range backups {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "leads.db")
			file := backup.take(t, path)
			closedWith(t, path, 2)
			s := open(t, path)
			keep(t, s, time.Now())
			left := take(t, path)
			require.NoError(t, s.Close())
			if file != nil {
				left.file = file
			}
			for _, index := range [][]byte{left.index, nil} {
				left.index = index
				path := left.put(t)
				if backup.starts {
					startsWith(t, path, 3)
					continue
				}
				_, err := store.Open(t.Context(), path)
				var damaged *store.DamagedError
				require.ErrorAs(t, err, &damaged)
				require.ErrorContains(t, err, "log is that of another state")
				require.Equal(t, remains{left.file, left.log, index}, remains{read(t, path), read(t, path+"-wal"), index}, "nothing was touched")
				_, remedy, _ := strings.Cut(err.Error(), "run: ")
				require.NoError(t, shell.CommandContext(t.Context(), "sh", "-c", remedy).Run())
				require.NoError(t, open(t, path).Close())
			}
		})
	}
}

// A database of a version that did not count begins to, and a death on the way is no
// damage.
func TestAVersionThatDidNotCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db")
	closedWith(t, path, 2)
	exec(t, path, "PRAGMA user_version = 0")
	s := open(t, path)
	keep(t, s, time.Now())
	left := take(t, path)
	require.NoError(t, s.Close())
	startsWith(t, left.put(t), 3)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}
