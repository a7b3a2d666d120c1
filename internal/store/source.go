package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// source is a database file that is only read. A relay may be running on it.
type source struct {
	db   *sql.DB
	lock *os.File // keeps a relay from starting meanwhile; nil if one runs
}

// openSource opens a database file for reading, and leaves the files as they are. If no
// relay runs, it looks at the log before SQLite does.
func openSource(path string) (*source, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	s, running := &source{}, false
	lock, err := os.OpenFile(path+".lock", os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	switch {
	case err == nil:
		s.lock = lock
		running = syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
	case !errors.Is(err, fs.ErrNotExist): // without a lock it is a backup, or of a folder that was copied
		return nil, err
	}
	options := []string{"mode", "ro", "_pragma", "busy_timeout(5000)"}
	if !running { // a running one watches its files itself
		if _, err := checkLog(path); err != nil {
			return nil, errors.Join(err, s.close())
		}
		if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
			options = append(options, "immutable", "1") // else SQLite makes a log and an index, and leaves them
		}
	}
	if s.db, err = openDB(path, options...); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *source) close() (err error) {
	if s.db != nil {
		err = s.db.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, unlockFile(s.lock))
	}
	return err
}
