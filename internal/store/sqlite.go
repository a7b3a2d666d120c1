package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite" // registers the driver, too

	"leadrelay/internal/lead"
)

// SQLite has one writer at a time, so nobody else can change the rows that a
// transaction has read.
var sqliteDialect = dialect{
	migrations: "migrations/*.sql",
	claim:      fmt.Sprintf(claimSQL, "IN (", ")"),
	nextDue: `SELECT (SELECT min(due_at) FROM leads WHERE site = $1 AND state = $2 AND due_at >= $3),
		(SELECT max(due_at) FROM leads WHERE site = $1 AND state = $2 AND due_at >= $4)`,
	nextSite:    `(SELECT min(site) FROM leads WHERE site > %s)`,
	sitesDue:    `SELECT value FROM json_each($1) WHERE (SELECT min(due_at) FROM leads WHERE site = value AND state = ` + sqlQueued + ` AND due_at >= $3) <= $2`,
	channelsDue: channelsDue(`(SELECT value AS channel FROM json_each($1)) AS mine`),
	counted:     "leads",
	stats:       "stats",
	joinedIDs:   `group_concat(remote_id)`,
	oneOf:       `IN (SELECT value FROM json_each('[' || %s || ']'))`,
	oneOfTexts:  `IN (SELECT value FROM json_each(%s))`,
	bodyHas:     `instr(body, %s) > 0`,

	lastChange: `SELECT 0, number FROM lead_changes ORDER BY number DESC LIMIT 1`,
	hasChange:  `SELECT EXISTS (SELECT 1 FROM lead_changes WHERE $1 = 0 AND number = $2)`,
	changes: `SELECT 0, number, remote_id, site, state, ` + changedIsBlocked + ` FROM lead_changes
		WHERE $1 = 0 AND number > $2 ORDER BY number LIMIT $3`,
	hasOldChange: `SELECT COALESCE(max(number) - min(number) >= $1, FALSE) FROM lead_changes`,
	deleteChanges: `DELETE FROM lead_changes WHERE number <= (SELECT max(number) FROM lead_changes) - $1
		AND number IN (SELECT number FROM lead_changes ORDER BY number LIMIT $2)`,

	askedLeases: `(SELECT value ->> 'named' AS named, value ->> 'asker' AS asker, value ->> 'millis' AS millis, value ->> 'says' AS says,
		value ->> 'lends' AS lends FROM json_each($1)) AS asked`,
	unlocked:  [2]string{"IN (", ")"},
	isOfSites: `site IN (SELECT value FROM json_each($2))`,
	inRows:    [2]string{"IN (", ")"},

	nextIDs: (*writeTx).advanceIDs,
	insert:  (*writeTx).insertMany,
	texts: [statements]string{
		insertOne: insertSQL(1), insertMany: insertSQL(manyLeads), advanceIDs: advanceIDsSQL, markKey: markKeySQL, countArrived: countArrivedSQL,
	},
	hasTransfer: `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'transfer'`,
	lastID:      func(tick lead.Tick) string { return `SELECT last FROM remote_ids WHERE tick = '` + string(tick) + `'` },
	raiseID: func(tx *writeTx, tick lead.Tick, last int64) error {
		_, err := tx.Exec(`UPDATE remote_ids SET last = $1 WHERE tick = $2 AND last < $1`, last, string(tick))
		return err
	},
	rowsAtOnce: 1, // the driver looks for each parameter among all others

	countCommit: func(tx *writeTx) error { return tx.w.files.count.raise(tx) },
	isTrouble:   func(error) bool { return false },
	isLocked:    func(error) bool { return false }, // the file is ours alone
	mayRetry:    func(error, int) bool { return false },
	clock:       func() string { return strconv.FormatInt(time.Now().UnixMilli(), 10) },
	now:         func(context.Context, querier) (time.Time, error) { return time.Now(), nil },
	unblock:     func(context.Context, *sql.DB, error) {}, // nobody else has locks
}

// DamagedError means that the database file or its log is damaged.
type DamagedError struct {
	Path   string
	What   string
	Remedy string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged (%s). %s", e.Path, e.What, e.Remedy)
}

// damagedFile returns the error for a database file. The log has another remedy.
func damagedFile(path, what string) *DamagedError {
	return &DamagedError{Path: path, What: what, Remedy: fmt.Sprintf("With the relay stopped, copy it, and %s-wal if there is one, to another folder; "+
		"there, run: sqlite3 %s .recover | sqlite3 recovered.db", path, filepath.Base(path))}
}

func openSQLite(ctx context.Context, path string) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFile(abs + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Store{unlock: unlock, search: make(chan struct{}, 1)}
	s.writer = &writer{dialect: sqliteDialect, path: abs, reserve: newDiskReserve(abs), repeats: newRecent()}
	s.keeper = s.writer
	if err := checkPath(s.writer.reserve.path); err != nil {
		return nil, errors.Join(err, unlock())
	}
	if err := s.openFiles(ctx, abs); err != nil {
		return nil, errors.Join(err, unlock())
	}
	s.writer.reserve.ensure(time.Now())
	return s, nil
}

func (s *Store) openFiles(ctx context.Context, path string) (err error) {
	if err := ownFile(path); err != nil {
		return err
	}
	if s.missing, err = checkLog(path); err != nil {
		return err
	}
	if err := checkFile(ctx, path); err != nil {
		return err
	}
	if s.writer.db, err = openWriter(ctx, path); err != nil {
		return err
	}
	if s.read, err = openReaders(ctx, path); err != nil {
		return errors.Join(err, s.writer.db.Close())
	}
	if s.people, err = openReaders(ctx, path); err != nil {
		return errors.Join(err, s.read.Close(), s.writer.db.Close())
	}
	if err := s.writer.files.note(ctx, path, s.writer.db); err != nil {
		return errors.Join(err, s.people.Close(), s.read.Close(), s.writer.db.Close(), s.writer.files.close())
	}
	return nil
}

// openWriter opens the one connection that writes.
func openWriter(ctx context.Context, path string) (*sql.DB, error) {
	// fdatasync leaves out only the time stamps, which nobody needs after a power
	// cut. A system without it uses fsync.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return nil, err
	}
	// A write waits for another process to unlock the database, but no longer than
	// this: the visitor gets an answer within two seconds.
	const busyTimeout = "busy_timeout(1500)"
	// FULL: in WAL mode NORMAL may lose acknowledged commits in a power cut. The
	// pragmas are part of the address so that every connection has them.
	db, err := openDB(path, "mode", "rw", "_txlock", "immediate", "_pragma", "journal_mode(WAL)", "_pragma", "synchronous(FULL)",
		"_pragma", "foreign_keys(1)", "_pragma", "secure_delete(1)", "_pragma", busyTimeout, "_pragma", "journal_size_limit(67108864)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return db, nil
}

// openReaders opens connections that only read: a few pages of an index again and
// again, or leads that are not needed again soon. SQLite's default cache of 2 MB
// for each of them would be a quarter of a small relay's memory.
func openReaders(ctx context.Context, path string) (*sql.DB, error) {
	db, err := openDB(path, "mode", "rw", "_pragma", "query_only(1)", "_pragma", "busy_timeout(5000)", "_pragma", "cache_size(-256)")
	if err != nil {
		return nil, err
	}
	if err := openAll(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openAll opens all connections of the pool, and their files, now. Later they
// would open the file that is at the path by then, which may be another one.
func openAll(ctx context.Context, db *sql.DB) error {
	const readers = 4
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	for range readers {
		c, err := db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		defer func() { _ = c.Close() }() // back into the pool, once all are open
		var version int
		if err := c.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
			return fmt.Errorf("open: %w", err)
		}
	}
	return nil
}

// leaveLog keeps SQLite from deleting the log at the path when the last connection
// closes. SQLite deletes it by name, but it belongs to another database.
func leaveLog(db *sql.DB) error {
	c, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	err = c.Raw(func(driver any) error {
		_, err := driver.(sqlite.FileControl).FileControlPersistWAL("main", 1)
		return err
	})
	return errors.Join(err, c.Close())
}

// keepOpen takes a connection out of the pool, so that it ends with the process.
// The last connection to close would copy the log, and the gaps in it, into the
// database.
func keepOpen(db *sql.DB) error {
	_, err := db.Conn(context.Background()) //nolint:sqlclosecheck // that is what it is for
	return err
}

// openDB opens a database file. The options are names and values in turn.
func openDB(path string, options ...string) (*sql.DB, error) {
	path, err := filepath.Abs(path) // what comes after file:// is a host otherwise
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for i := 0; i < len(options); i += 2 {
		query.Add(options[i], options[i+1])
	}
	address := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite", address.String())
}

// ownFile makes the file if there is none, and makes it private. SQLite gives its
// -wal and -shm the same mode: they hold personal data, too.
func ownFile(path string) error {
	for _, beside := range []string{"-wal", "-shm", "-journal"} { // SQLite would follow a link
		if err := checkPath(path + beside); err != nil {
			return err
		}
	}
	f, err := openOwn(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// lockFile keeps a second process away from the database. The lock ends with the
// process, however that ends, so there is never a stale lock to remove.
func lockFile(path string) (unlock func() error, err error) {
	f, err := openOwn(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s is in use by another leadrelay: end that, or set another LEADRELAY_DATABASE", strings.TrimSuffix(path, ".lock")), f.Close())
	}
	return func() error { return unlockFile(f) }, nil
}

// unlockFile gives the lock up and closes the file. To close it is not enough: a process
// that is just being started has the file, too, until it runs its own program.
func unlockFile(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

// damaged returns a [DamagedError] if that is what SQLite's error means, otherwise
// the error. checkFile does not read all of a large file, so damage may be found
// later.
func damaged(path string, err error) error {
	if err == nil {
		return nil
	}
	const sqliteCorrupt, sqliteNotADB = 11, 26
	var failed *sqlite.Error
	if !errors.As(err, &failed) || (failed.Code()&0xff != sqliteCorrupt && failed.Code()&0xff != sqliteNotADB) {
		return err
	}
	return damagedFile(path, failed.Error())
}

// checkFile looks for damage before anything is written. It does not read all of a
// large file, because the start must not take minutes. Damage in the rest is found
// when it is read.
func checkFile(ctx context.Context, path string) error {
	timeout := 100 * time.Millisecond
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
			return damagedFile(path, "the file is empty, but there is a write-ahead log")
		}
		return nil
	}
	db, err := openDB(path, "mode", "ro", "_pragma", "busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if info.Size() < 4<<20 { // it takes milliseconds, unless the machine is busy
		timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var verdict string
	err = db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil
	case err != nil:
		return damagedFile(path, err.Error())
	case verdict != "ok":
		return damagedFile(path, strings.ReplaceAll(verdict, "\n", " "))
	}
	return nil
}
