package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"modernc.org/sqlite"
)

// errDiskFull refuses a lead while the disk is full.
var errDiskFull = errors.New("the disk is full; what is left is for the leads that are here")

// diskReserve is a file that keeps some space on the disk. If the disk is full,
// the file is removed. From then on we accept no lead, but the leads that we have
// can still be sent, and their attempts can be written down. Once there is space
// for the file again, we accept leads again.
//
// A database that is not in a file of ours has no reserve. A nil *diskReserve is
// always there.
type diskReserve struct {
	path  string
	dir   string
	size  int64
	tried time.Time   // when the writer last tried to make the file
	made  atomic.Bool // the file is there
}

// newDiskReserve takes a small part of the database's file system.
func newDiskReserve(database string) *diskReserve {
	const most, fraction = 4 << 20, 16
	r := &diskReserve{path: database + ".reserve", size: most, dir: filepath.Dir(database)}
	if fs, err := r.fileSystem(); err == nil {
		r.size = min(most, int64(fs.Blocks)*int64(fs.Bsize)/fraction) //nolint:gosec,unconvert // the types differ by system
	}
	return r
}

func (r *diskReserve) fileSystem() (fs syscall.Statfs_t, err error) {
	err = syscall.Statfs(r.dir, &fs)
	return fs, err
}

// freeBytes returns how much of the file system we may use.
func (r *diskReserve) freeBytes() (int64, error) {
	if r == nil {
		return 0, errors.ErrUnsupported
	}
	fs, err := r.fileSystem()
	return int64(fs.Bavail) * int64(fs.Bsize), err //nolint:gosec,unconvert // the types differ by system
}

// fileSystemSize returns how large the file system is.
func (r *diskReserve) fileSystemSize() (int64, error) {
	if r == nil {
		return 0, errors.ErrUnsupported
	}
	fs, err := r.fileSystem()
	return int64(fs.Blocks) * int64(fs.Bsize), err //nolint:gosec,unconvert // the types differ by system
}

// isThere reports whether the file is there.
func (r *diskReserve) isThere() bool { return r == nil || r.made.Load() }

// ensure makes the file, unless it is there or was tried just now, and reports
// whether it is there.
func (r *diskReserve) ensure(now time.Time) bool {
	const pause = time.Second
	if r.isThere() {
		return true
	}
	if now.Sub(r.tried).Abs() < pause {
		return false
	}
	r.tried = now
	if r.make() != nil {
		return false
	}
	r.made.Store(true)
	return true
}

// make writes the file in full: a sparse file would reserve nothing. It is
// written under another name and renamed, so that we never write into a file that
// somebody else put at its path.
func (r *diskReserve) make() error {
	info, err := os.Lstat(r.path)
	if err == nil {
		if err := checkOwner(r.path, info); err != nil {
			return err
		}
		if info.Size() >= r.size {
			return nil
		}
	}
	beside := r.path + ".new"
	_ = os.Remove(beside) // of a process that died; if it is a link, only the link is removed
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, zeros{}, r.size)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(beside, r.path)
	}
	if err != nil {
		_ = os.Remove(beside) // half a reserve is useless
	}
	return err
}

// remove removes the file.
func (r *diskReserve) remove() {
	if r != nil && r.made.Swap(false) {
		_ = os.Remove(r.path) // if that fails, the next make finds it
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// isFull reports whether a write failed because the disk is full.
func isFull(err error) bool {
	const sqliteFull = 13
	var failed *sqlite.Error
	return errors.As(err, &failed) && failed.Code()&0xff == sqliteFull
}
