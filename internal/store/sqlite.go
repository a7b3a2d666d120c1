package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite" // registers the driver, too
)

// SQLite has one writer at a time, so nobody can take the same rows. A BIGINT
// key would be an index beside the table; an INTEGER one is the table.
var sqliteDialect = dialect{
	take: fmt.Sprintf(takeSQL, ""),
	ddl:  strings.NewReplacer("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY"),
}

// DamagedError means that the file is no sound database, or no sound log of one.
type DamagedError struct {
	Path   string
	What   string
	Remedy string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged (%s). %s", e.Path, e.What, e.Remedy)
}

// damagedFile is the error for a database, not for its log.
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
	s := &Store{path: abs, dialect: sqliteDialect, release: unlock, search: make(chan struct{}, 1)}
	s.reserve = newReserve(abs)
	if err := checkOwn(s.reserve.path); err != nil {
		return nil, errors.Join(err, unlock())
	}
	if err := s.openFiles(ctx, abs); err != nil {
		return nil, errors.Join(err, unlock())
	}
	s.reserve.hold(time.Now())
	return s, nil
}

func (s *Store) openFiles(ctx context.Context, path string) error {
	if err := ownFile(path); err != nil {
		return err
	}
	if err := s.checkLog(path); err != nil {
		return err
	}
	if err := checkFile(ctx, path); err != nil {
		return err
	}
	// fdatasync leaves out only the time stamps, which nobody reads after a
	// power cut; a system without it keeps fsync.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return err
	}
	var err error
	// FULL: in WAL mode NORMAL may forget acknowledged commits when the power
	// goes. Pragmas stand in the address so that every connection has them.
	if s.write, err = openDB(path, "mode", "rw", "_txlock", "immediate", "_pragma", "journal_mode(WAL)", "_pragma", "synchronous(FULL)",
		"_pragma", "foreign_keys(1)", "_pragma", busyTimeout, "_pragma", "journal_size_limit(67108864)"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := s.write.PingContext(ctx); err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", path, err), s.write.Close())
	}
	if s.read, err = openReaders(ctx, path); err != nil {
		return errors.Join(err, s.write.Close())
	}
	if s.people, err = openReaders(ctx, path); err != nil {
		return errors.Join(err, s.read.Close(), s.write.Close())
	}
	if err := s.files.note(path); err != nil {
		return errors.Join(err, s.people.Close(), s.read.Close(), s.write.Close())
	}
	return nil
}

// openReaders opens connections that only read: a few pages of an index over and
// over, or leads that nobody asks for again soon. The usual cache of 2 MB for each
// of them would be a quarter of a small relay's memory.
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

// openAll opens all connections for reading, and their files, now. Later they
// would get what is at the path by then, which may be another file.
func openAll(ctx context.Context, db *sql.DB) error {
	const readers = 4
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	for range readers {
		c, err := db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		defer func() { _ = c.Close() }() // back into the pool, when all are open
		var version int
		if err := c.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
			return fmt.Errorf("open: %w", err)
		}
	}
	return nil
}

// leaveLog lets the end of the last connection leave the log that is at the path
// alone. SQLite deletes it by its name, and it is another database's.
func (s *Store) leaveLog() error {
	c, err := s.write.Conn(context.Background())
	if err != nil {
		return err
	}
	err = c.Raw(func(driver any) error {
		_, err := driver.(sqlite.FileControl).FileControlPersistWAL("main", 1)
		return err
	})
	return errors.Join(err, c.Close())
}

// busyTimeout is how long a write waits for another process to unlock the
// database: whoever waits for it shall hear within two seconds.
const busyTimeout = "busy_timeout(1500)"

// openDB takes name and value in turn.
func openDB(path string, options ...string) (*sql.DB, error) {
	query := url.Values{}
	for i := 0; i < len(options); i += 2 {
		query.Add(options[i], options[i+1])
	}
	address := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite", address.String())
}

// ownFile makes the file when there is none. SQLite gives its -wal and -shm
// the same mode: they hold personal data, so nobody else may read them.
func ownFile(path string) error {
	for _, beside := range []string{"-wal", "-shm", "-journal"} { // SQLite would follow a link
		if err := checkOwn(path + beside); err != nil {
			return err
		}
	}
	f, err := openOwn(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// lockFile keeps a second process off the database. The lock goes with the
// process, however it ends, so there is no stale one to remove.
func lockFile(path string) (unlock func() error, err error) {
	f, err := openOwn(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s is in use by another leadrelay", strings.TrimSuffix(path, ".lock")), f.Close())
	}
	return f.Close, nil
}

// damaged says of an error that the file is no sound database, if that is what
// SQLite means. checkFile gives up on a large file, and then its use tells.
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

// checkFile looks for damage before anything is written. A large file is not
// read to its end: the start must not take minutes, and what is damaged there
// is found when it is read.
func checkFile(ctx context.Context, path string) error {
	longest := 100 * time.Millisecond
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
	if info.Size() < 4<<20 { // it takes milliseconds, but for a machine that is busy
		longest = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
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
