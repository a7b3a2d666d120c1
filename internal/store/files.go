package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
)

// LostFileError means that a file of the database is no longer where it was
// opened. SQLite would go on writing into it and report success
// (sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file while
// in use"), and after the next start nobody would find what it wrote.
type LostFileError struct {
	Path string
	What string
}

func (e *LostFileError) Error() string {
	return fmt.Sprintf("%s %s while the relay ran: nothing is taken or sent. Put the very same file back and all goes on; or save what is only in the lost one "+
		"(on Linux /proc/%d/fd has it until the relay stops), stop the relay, put a database in place without an old -wal or -shm beside it, and start again",
		e.Path, e.What, os.Getpid())
}

// files are those of an open database, as they were when it was opened. They
// are never opened to compare them: to close a file of SQLite's gives up its
// locks on it.
type files struct {
	opened []openedFile
	lost   atomic.Bool // at the last check
}

type openedFile struct {
	path string
	info fs.FileInfo
}

// note remembers the files. SQLite puts its log beside the file that a symbolic
// link leads to. The log's index (-shm) is not one of them: it holds no lead, and
// is made anew from the log.
func (f *files) note(path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	for _, path := range []string{path, target + "-wal"} {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("database: %w", err)
		}
		f.opened = append(f.opened, openedFile{path, info})
	}
	return nil
}

// check returns a [LostFileError] when one of the files is not where it was.
// Once all are back, it is fine again: nothing was written in between.
func (f *files) check() error {
	for _, o := range f.opened {
		if what := o.change(); what != "" {
			f.lost.Store(true)
			return &LostFileError{Path: o.path, What: what}
		}
	}
	f.lost.Store(false)
	return nil
}

// refuse checks only what was lost before, so that a commit which is going to
// be checked at its end costs one check.
func (f *files) refuse() error {
	if !f.lost.Load() {
		return nil
	}
	return f.check()
}

func (o openedFile) change() string {
	switch info, err := os.Stat(o.path); {
	case errors.Is(err, fs.ErrNotExist):
		return "was deleted or moved away"
	case err != nil:
		return "cannot be seen (" + err.Error() + ")"
	case !os.SameFile(info, o.info):
		return "was replaced"
	}
	return ""
}

// hasForeignLog reports whether the log at its path is not ours, so that the end
// of our connections must not delete it.
func (f *files) hasForeignLog() bool {
	return len(f.opened) > 0 && f.opened[len(f.opened)-1].change() != ""
}
