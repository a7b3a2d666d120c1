package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"leadrelay/internal/lead"
)

// BackedUp is what a copy of a database has.
type BackedUp struct {
	Leads        int
	Last         lead.RemoteID // the highest; 0 if there is none
	LastReceived time.Time
}

// Backup copies the database of a file into a new file, and checks the copy. A relay
// may go on with the database meanwhile. What was erased is not in the copy. A copy
// that is cut off never has its final name.
func Backup(ctx context.Context, from, to string) (b BackedUp, err error) {
	err = copyDatabase(ctx, from, to, func(path string) error {
		b, err = checkCopy(ctx, path)
		return err
	})
	return b, err
}

// Restore makes a database of a backup, at a path where there is none. What was on its
// way in the backup may have arrived since, so it becomes doubtful and is looked up
// before it is sent. Remote ids go on above all that were given since.
func Restore(ctx context.Context, from, to string) (b BackedUp, err error) {
	unlock, err := lockFile(to + ".lock")
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	for _, beside := range []string{"-wal", "-shm", "-journal"} { // SQLite would take them for its own
		if err := checkAbsent(to + beside); err != nil {
			return b, err
		}
	}
	err = copyDatabase(ctx, from, to, func(path string) error {
		if err := doubtCopy(ctx, path, time.Now()); err != nil {
			return err
		}
		b, err = checkCopy(ctx, path)
		return err
	})
	if damaged, ok := errors.AsType[*DamagedError](err); ok {
		damaged.Remedy = fmt.Sprintf("Take another backup, if there is one. Otherwise copy it to another folder; "+
			"there, run: sqlite3 %s .recover | sqlite3 recovered.db", filepath.Base(from))
	}
	return b, err
}

func checkAbsent(path string) error {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return fmt.Errorf("%s is there already, and nothing is overwritten: move it away, or name another file", path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// copyDatabase copies a database into a file that is not there yet. The copy gets its
// name when it is complete, prepare has done its part, and all is on the disk.
func copyDatabase(ctx context.Context, from, to string, prepare func(path string) error) (err error) {
	if err := checkAbsent(to); err != nil {
		return err
	}
	source, err := openSource(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	part, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".part-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer func() {
		for _, end := range []string{"", "-wal", "-shm", "-journal"} {
			_ = os.Remove(part.Name() + end) // nothing is left if all went well
		}
	}()
	// It reads one state of the database, however long that takes.
	if _, err := source.db.ExecContext(ctx, `VACUUM INTO $1`, part.Name()); err != nil {
		return errors.Join(damaged(from, err), part.Close())
	}
	if err := prepare(part.Name()); err != nil {
		return errors.Join(err, part.Close())
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return err
	}
	if err := checkAbsent(to); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// checkCopy reads every page of a database that nobody else has.
func checkCopy(ctx context.Context, path string) (b BackedUp, err error) {
	db, err := openDB(path, "mode", "ro", "immutable", "1")
	if err != nil {
		return b, err
	}
	defer func() { _ = db.Close() }()
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return b, err
	}
	if verdict != "ok" {
		return b, errors.New("the database is damaged, and so is the copy: " + verdict)
	}
	var last, received sql.NullInt64
	err = db.QueryRowContext(ctx, `SELECT count(*), max(remote_id), max(received_at) FROM leads`).Scan(&b.Leads, &last, &received)
	if err != nil {
		return b, fmt.Errorf("it is no database of leadrelay's: %w", err)
	}
	b.Last, b.LastReceived = lead.RemoteID(last.Int64), fromMillis(received)
	return b, nil
}

// doubtCopy makes all leads doubtful that were due in a backup, and raises the remote
// ids.
func doubtCopy(ctx context.Context, path string, now time.Time) (err error) {
	db, err := openWriter(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrate(ctx, db, &sqliteDialect, true); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	sites, err := sqliteDialect.allSites(ctx, tx)
	if err != nil {
		return err
	}
	if err := takeOver(ctx, tx, &sqliteDialect, sites, now, now); err != nil {
		return err
	}
	for _, step := range []string{supposeAttemptsSQL, doubtQueuedSQL} {
		if _, err := tx.ExecContext(ctx, step, now.UnixMilli()); err != nil {
			return err
		}
	}
	for tick, ahead := range idsAhead {
		if _, err := tx.ExecContext(ctx, `UPDATE remote_ids SET last = max(last, $1) WHERE tick = $2`, tick.Since(now)+ahead, string(tick)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// idsAhead is how far above the clock remote ids go on after a restore. If more than
// one lead a tick came for long, ids have run ahead of the clock (decision 4).
var idsAhead = map[lead.Tick]int64{lead.Milliseconds: 3_600_000, lead.Seconds: 1_000_000}

const (
	// supposeAttemptsSQL writes down an attempt that may have been made since: at any
	// time after the lead came in.
	supposeAttemptsSQL = `INSERT INTO attempts (remote_id, number, begun_at, ended_at, outcome, detail)
		SELECT remote_id, attempt + 1, min(received_at, $1), $1, 'unsure', '` + lead.ReasonRestored + `'
		FROM leads WHERE state = ` + sqlQueued
	doubtQueuedSQL = `UPDATE leads SET state = ` + sqlDoubtful + `, attempt = attempt + 1, fence = fence + 1, due_at = $1, turn_at = NULL,
		reason = '` + lead.ReasonRestored + `' WHERE state = ` + sqlQueued
)

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
