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

// errNoRoom refuses a lead while the disk is full.
var errNoRoom = errors.New("the disk is full; what is left is for the leads that are here")

// reserve is a file that keeps some room on the disk. When the disk is full, it
// is removed: from then on no lead is taken, but those that are here can still
// be sent, and how that ended written down. Once there is room for the file
// again, leads are taken again.
type reserve struct {
	path  string
	dir   string
	size  int64
	tried time.Time // when it was last made anew, for the writer alone
	held  atomic.Bool
}

// newReserve takes a share of the database's file system that hurts nobody.
func newReserve(database string) *reserve {
	const most, share = 4 << 20, 16
	r := &reserve{path: database + ".reserve", size: most, dir: filepath.Dir(database)}
	if fs, err := r.fileSystem(); err == nil {
		r.size = min(most, int64(fs.Blocks)*int64(fs.Bsize)/share) //nolint:gosec,unconvert // the types differ by system
	}
	return r
}

func (r *reserve) fileSystem() (fs syscall.Statfs_t, err error) {
	err = syscall.Statfs(r.dir, &fs)
	return fs, err
}

// free is how many bytes of the file system are free for us.
func (r *reserve) free() (int64, error) {
	fs, err := r.fileSystem()
	return int64(fs.Bavail) * int64(fs.Bsize), err //nolint:gosec,unconvert // the types differ by system
}

// hold makes the file, unless it is there or was tried just now.
func (r *reserve) hold(now time.Time) {
	const pause = time.Second
	if r.held.Load() || now.Sub(r.tried).Abs() < pause {
		return
	}
	r.tried = now
	if r.make() != nil {
		return
	}
	r.held.Store(true)
}

// make writes the file: a hole in it would reserve nothing. It is written beside
// its place, so that what stands there is never written into.
func (r *reserve) make() error {
	info, err := os.Lstat(r.path)
	if err == nil {
		if err := owned(r.path, info); err != nil {
			return err
		}
		if info.Size() >= r.size {
			return nil
		}
	}
	beside := r.path + ".new"
	_ = os.Remove(beside) // of a process that died; a link goes, and not what it leads to
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, zeros{}, r.size)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(beside, r.path)
	}
	if err != nil {
		_ = os.Remove(beside) // half a reserve is none
	}
	return err
}

// give removes the file.
func (r *reserve) give() {
	if r.held.Swap(false) {
		_ = os.Remove(r.path) // if it stays, it is still there the next time
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
