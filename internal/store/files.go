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
// in use"), and those writes would be lost at the next start.
type LostFileError struct {
	Path string
	What string
}

func (e *LostFileError) Error() string {
	return fmt.Sprintf("%s %s while the relay ran: nothing is taken or sent. Put the very same file back and all goes on; or save what is only in the lost one "+
		"(on Linux /proc/%d/fd has it until the relay stops), stop the relay, put a database in place without an old -wal or -shm beside it, and start again",
		e.Path, e.What, os.Getpid())
}

// files are the files of an open database, as they were when it was opened. We
// never open them to compare them: closing a file that SQLite has open would give
// up SQLite's locks on it. A database that is not in a file of ours has none.
type files struct {
	opened []openedFile
	lost   atomic.Bool // whether one was lost at the last check
}

type openedFile struct {
	path string
	info fs.FileInfo
}

// note remembers the files. If the path is a symbolic link, SQLite puts its log
// beside the link's target. The log's index (-shm) is left out: it holds no lead,
// and SQLite rebuilds it from the log.
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

// check returns a [LostFileError] if one of the files is not where it was. Once
// all are back, we go on: nothing was written in between.
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

// refuse is a check before a commit. It is free unless a file was lost at the last
// check, because every commit is followed by a check anyway.
func (f *files) refuse() error {
	if !f.lost.Load() {
		return nil
	}
	return f.check()
}

// change says how the file at the path has changed, or returns "".
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

// hasForeignLog reports whether the log at the path is not ours, so that closing
// our connections must not delete it.
func (f *files) hasForeignLog() bool {
	return len(f.opened) > 0 && f.opened[len(f.opened)-1].change() != ""
}
