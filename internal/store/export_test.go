package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store/postgrestest"
)

// NewPostgres returns the address of a database that has a store's tables, and no lead.
func NewPostgres(tb testing.TB) string {
	tb.Helper()
	return postgrestest.Filled(tb, func(address string) error {
		s, err := OpenPostgres(context.Background(), address, PostgresOptions{})
		if err != nil {
			return err
		}
		return s.Close()
	})
}

// Pragma reads a setting of the connection that writes.
func Pragma(t *testing.T, s *Store, name string) (value string) {
	t.Helper()
	require.NoError(t, s.writer.db.QueryRow("PRAGMA "+name).Scan(&value))
	return value
}

// Checkpoint copies the log into the database file.
func Checkpoint(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.writer.db.Exec("PRAGMA wal_checkpoint(FULL)")
	require.NoError(t, err)
}

// Version returns the version of SQLite.
func Version(t *testing.T, s *Store) (value string) {
	t.Helper()
	require.NoError(t, s.writer.db.QueryRow("SELECT sqlite_version()").Scan(&value))
	return value
}

// Repeats is how many keys are kept to know repeats by.
func Repeats(t *testing.T, s *Store) (n int) {
	t.Helper()
	require.NoError(t, s.read.QueryRow("SELECT count(*) FROM repeats").Scan(&n))
	return n
}

// Together commits a lead and a write that fails in one batch.
func Together(t *testing.T, s *Store, l lead.Lead, fail error) (kept, failed error) {
	t.Helper()
	body, err := pack(&l)
	require.NoError(t, err)
	good := &job{lead: &newLead{Submission: lead.Submission{Lead: l, Tick: lead.Milliseconds}, body: body}, done: make(chan error, 1)}
	bad := &job{run: func(*writeTx) error { return fail }, done: make(chan error, 1)}
	release := Occupy(s)
	s.writer.jobs <- good
	s.writer.jobs <- bad
	release()
	return <-good.done, <-bad.done
}

// SetClock makes it seem that the process's clock is ahead of the database's.
func SetClock(s *Store, ahead time.Duration) {
	s.keeper.clock = func() time.Time { return time.Now().Add(ahead) }
}

// SweepKeys makes the next sweep delete all keys and words that are old, if it comes
// to part of them.
func SweepKeys(t *testing.T, s *Store) {
	t.Helper()
	require.NoError(t, s.writer.do(t.Context(), func(tx *writeTx) error {
		for range 256 {
			tx.w.oldKeys.last = time.Time{}
			if err := tx.deleteOldKeys(); err != nil {
				return err
			}
		}
		return nil
	}))
}

// KeepTogether keeps leads in one batch.
func KeepTogether(t *testing.T, s *Store, subs ...lead.Submission) (ids []lead.RemoteID, err error) {
	t.Helper()
	release := occupy(s.keeper)
	jobs := make([]*job, len(subs))
	for i, sub := range subs {
		body, err := pack(&sub.Lead)
		require.NoError(t, err)
		jobs[i] = &job{lead: &newLead{Submission: sub, body: body}, done: make(chan error, 1)}
		s.keeper.jobs <- jobs[i]
	}
	release()
	for _, j := range jobs {
		err = errors.Join(err, <-j.done)
		ids = append(ids, j.lead.kept.RemoteID)
	}
	return ids, err
}

// Occupy keeps the writer busy until it is released.
func Occupy(s *Store) (release func()) { return occupy(s.writer) }

// Waiting is how many writes wait for the writer.
func Waiting(s *Store) int { return len(s.writer.jobs) }

func occupy(w *writer) (release func()) {
	begun, end := make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.do(context.Background(), func(*writeTx) error { close(begun); <-end; return nil })
	}()
	<-begun
	return func() { close(end); <-done }
}

// Recent is what came in lately, one lead to a transaction.
type Recent struct{ *recent }

// NewRecent returns an empty one.
func NewRecent() *Recent { return &Recent{newRecent()} }

// IsNew notes a lead and reports whether it was there before.
func (r *Recent) IsNew(content lead.Digest, at time.Time) bool {
	r.begin()
	_, known := r.find(content, at)
	r.add(content, 1, at)
	r.commit()
	return !known
}

// DropReserve makes the database one that has no disk reserve.
func DropReserve(s *Store) { s.writer.reserve = nil }

// Try gives a lead that many attempts, as a version left them that kept all.
func Try(t *testing.T, s *Store, id lead.RemoteID, attempts int) {
	t.Helper()
	require.NoError(t, s.writer.do(t.Context(), func(tx *writeTx) error {
		_, err := tx.Exec(`WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n WHERE number < $2)
			INSERT INTO attempts (remote_id, number, begun_at, ended_at, outcome, status, detail)
			SELECT $1, number, number, number, 'deferred', 429, $3 FROM n`, int64(id), attempts, strings.Repeat("x", 500))
		if err == nil {
			_, err = tx.Exec(`UPDATE leads SET attempt = $1 WHERE remote_id = $2`, attempts, int64(id))
		}
		return err
	}))
}

// Attempts is how many attempts are kept, of all leads.
func Attempts(t *testing.T, s *Store) (n int) {
	t.Helper()
	require.NoError(t, s.read.QueryRow("SELECT count(*) FROM attempts").Scan(&n))
	return n
}

// Walk is what a walk through a log finds: how many frames SQLite will find, and
// whether a transaction began behind a bad one after another.
func Walk(t testing.TB, log []byte) (whole uint32, size int64, broken bool) {
	t.Helper()
	w, err := walkFrames(bytes.NewReader(log))
	require.NoError(t, err)
	return w.whole, w.size, w.broken
}

// CheckLog looks into the log beside the file.
func CheckLog(path string) (missing, err error) { return checkLog(path) }

// NotTransferred returns the tables that a transfer does not copy, and the columns that
// it forgets of those that it does.
func (s *Store) NotTransferred(tb testing.TB) (tables, columns []string) {
	tb.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if s.IsShared() {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`
	}
	rows, err := s.read.QueryContext(tb.Context(), query)
	require.NoError(tb, err)
	names, err := collect(rows, scanColumn[string])
	require.NoError(tb, err)
	for _, name := range names {
		i := slices.IndexFunc(transferTables, func(t transferTable) bool { return t.name == name })
		if i < 0 {
			tables = append(tables, name)
			continue
		}
		rows, err := s.read.QueryContext(tb.Context(), `SELECT * FROM `+name+` LIMIT 0`)
		require.NoError(tb, err)
		all, err := rows.Columns()
		require.NoError(tb, err)
		require.NoError(tb, rows.Close())
		for _, column := range all {
			if !slices.Contains(transferTables[i].columns, column) {
				columns = append(columns, name+"."+column)
			}
		}
	}
	return tables, columns
}

// ServerSetting reads a setting of a connection to PostgreSQL.
func ServerSetting(t *testing.T, s *Store, name string) (value string) {
	t.Helper()
	require.NoError(t, s.read.QueryRow("SELECT current_setting($1)", name).Scan(&value))
	return value
}

// IsAwaited reports whether a start waits until the error is over.
func IsAwaited(err error) bool { return isAwaited(err) }

// AddStep makes this a newer release, whose schema has one more step, until the test
// ends or the step is taken away.
func AddStep(t *testing.T, file, text string) (takeAway func()) {
	t.Helper()
	with := fstest.MapFS{file: {Data: []byte(text)}}
	require.NoError(t, fs.WalkDir(embedded, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := embedded.ReadFile(path)
		with[path] = &fstest.MapFile{Data: data}
		return err
	}))
	migrations = with
	takeAway = func() { migrations = embedded }
	t.Cleanup(takeAway)
	return takeAway
}

// Steps is how many steps the schema has.
func Steps(t *testing.T, s *Store) int {
	t.Helper()
	files, err := fs.Glob(embedded, s.writer.dialect.migrations)
	require.NoError(t, err)
	return len(files)
}

// Exec runs a statement of somebody who has the database.
func Exec(ctx context.Context, s *Store, statement string) error {
	_, err := s.writer.db.ExecContext(ctx, statement)
	return err
}
