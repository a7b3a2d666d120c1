package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openOwn opens a file for reading and writing, and makes it if there is none.
// Somebody else who may write into the folder could put a link or a file there
// first. So openOwn follows no link, and refuses everything but a regular file that
// belongs to us.
func openOwn(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		err = cmp.Or(checkPath(path), err)
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = checkOwner(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// checkPath returns an error if there is something at the path that is not a
// regular file of ours.
func checkPath(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return checkOwner(path, info)
}

// checkOwner is checkPath for a path whose info is known.
func checkOwner(path string, info fs.FileInfo) error {
	switch stat, ok := info.Sys().(*syscall.Stat_t); {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, and none is followed: name the file that it leads to, or remove it", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file: move it away", path)
	case ok && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, and leadrelay runs as %d: start it as that user, or chown the file if it is yours", path, stat.Uid, os.Geteuid())
	}
	return nil
}
