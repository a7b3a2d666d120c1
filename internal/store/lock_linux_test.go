package store

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that is being started has all files of this one for a moment.
func TestALockEndsThoughAnotherProcessHasTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leads.db.lock")
	unlock, err := lockFile(path)
	require.NoError(t, err)
	const open = "/proc/self/fd"
	files, err := os.ReadDir(open)
	require.NoError(t, err)
	copies := 0
	for _, f := range files {
		if target, err := os.Readlink(filepath.Join(open, f.Name())); err == nil && target == path {
			fd, err := strconv.Atoi(f.Name())
			require.NoError(t, err)
			other, err := syscall.Dup(fd)
			require.NoError(t, err)
			t.Cleanup(func() { _ = syscall.Close(other) })
			copies++
		}
	}
	require.NotZero(t, copies)
	require.NoError(t, unlock())
	unlock, err = lockFile(path)
	require.NoError(t, err)
	require.NoError(t, unlock())
}
