package store

import (
	"context"
	"database/sql"
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
	// IsCut means that a part of the file's content is gone, and not the file.
	IsCut bool
}

func (e *LostFileError) Error() string {
	if e.IsCut {
		return fmt.Sprintf("%s %s while the relay ran: nothing is taken or sent. Stop the relay, which leaves the files as they are; "+
			"copy the database, its -wal and its -shm to another folder; restore a backup without an old -wal or -shm beside it, or start with what is left", e.Path, e.What)
	}
	return fmt.Sprintf("%s %s while the relay ran: nothing is taken or sent. Put the very same file back and all goes on; or save what is only in the lost one "+
		"(on Linux /proc/%d/fd has it until the relay stops), stop the relay, put a database in place without an old -wal or -shm beside it, and start again",
		e.Path, e.What, os.Getpid())
}

// files are the files of an open database, as they were when it was opened. We
// never open the database file again: closing it would give up SQLite's locks on it.
// A database that is not in a file of ours has none.
type files struct {
	opened []openedFile
	log    *openLog
	count  *commitCount
	size   atomic.Int64 // the most that the database file has had
	lost   atomic.Bool  // whether one was lost at the last check
}

type openedFile struct {
	path string
	info fs.FileInfo
}

// note remembers the files. If the path is a symbolic link, SQLite puts its log
// beside the link's target. The log's index (-shm) is left out: it holds no lead,
// and SQLite rebuilds it from the log.
func (f *files) note(ctx context.Context, path string, db *sql.DB) error {
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
	f.size.Store(f.opened[0].info.Size())
	if f.log, err = watchLog(target); err != nil {
		return err
	}
	f.count, err = watchCount(ctx, path, db)
	return err
}

// close must wait until SQLite has closed its files: see [openLog].
func (f *files) close() (err error) {
	if f.log != nil {
		err = f.log.close()
	}
	if f.count != nil {
		err = errors.Join(err, f.count.close())
	}
	return err
}

// check returns a [LostFileError] if one of the files is not where it was, or is
// cut. Once all are back, we go on: nothing was written in between.
func (f *files) check() error {
	err := f.find()
	f.lost.Store(err != nil)
	return err
}

// checkCommit is a check by the writer after a commit.
func (f *files) checkCommit() error {
	if f.log != nil {
		f.log.noteCommit()
	}
	return f.check()
}

func (f *files) find() error {
	most := f.size.Load() // before we look: a checkpoint may make the file grow meanwhile
	for i, o := range f.opened {
		info, what := o.change()
		if what != "" {
			return &LostFileError{Path: o.path, What: what}
		}
		if i == 0 && (f.isCut(info.Size(), most) || f.isOther()) {
			return &LostFileError{Path: o.path, What: "was cut or written over", IsCut: true}
		}
	}
	if f.isLogCut() {
		return f.cutLog()
	}
	return nil
}

// isOther reports whether another database was copied over the file.
func (f *files) isOther() bool { return f.count != nil && f.count.isWrong() }

// isCut reports whether the database file has lost a part. It never shrinks, unless
// another program vacuums it.
func (f *files) isCut(size, most int64) bool {
	if size < most && size < f.log.index().bytes() {
		return true
	}
	if size != most {
		f.size.CompareAndSwap(most, size)
	}
	return false
}

func (f *files) isLogCut() bool { return f.log != nil && f.log.isCut() }

func (f *files) cutLog() error {
	return &LostFileError{Path: f.opened[len(f.opened)-1].path, What: "was cut or written over", IsCut: true}
}

// refuse is a check before a commit. It looks at the content alone, unless a file
// was lost at the last check, because every commit is followed by a check anyway.
// But a commit fills the log up to its former size, and may end with a checkpoint.
func (f *files) refuse() error {
	if !f.lost.Load() && !f.isLogCut() && !f.isOther() {
		return nil
	}
	return f.check()
}

// change says how the file at the path has changed. If it has not, what is "".
func (o openedFile) change() (info fs.FileInfo, what string) {
	switch info, err := os.Stat(o.path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "was deleted or moved away"
	case err != nil:
		return nil, "cannot be seen (" + err.Error() + ")"
	case !os.SameFile(info, o.info):
		return nil, "was replaced"
	default:
		return info, ""
	}
}

// hasForeignLog reports whether the log at the path is not ours, so that closing
// our connections must not delete it.
func (f *files) hasForeignLog() bool {
	if len(f.opened) == 0 {
		return false
	}
	_, what := f.opened[len(f.opened)-1].change()
	return what != ""
}
