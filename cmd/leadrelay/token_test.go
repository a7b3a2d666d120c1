package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
)

// A token that somebody else can have put there, or read, opens nothing; the
// relay's own does.
func TestAPlantedTokenIsRefused(t *testing.T) {
	write := func(mode os.FileMode) func(string) error {
		return func(path string) error {
			if err := os.WriteFile(path, []byte("planted"), 0o600); err != nil {
				return err
			}
			return os.Chmod(path, mode)
		}
	}
	for name, tt := range map[string]struct {
		put  func(path string) error
		want string
	}{
		"others write it":  {write(0o666), "chmod 600"},
		"a group reads it": {write(0o640), "chmod 600"},
		"a broken link":    {func(path string) error { return os.Symlink(path+".none", path) }, "is a symbolic link"},
		"a link":           {func(path string) error { return os.Symlink(os.DevNull, path) }, "is a symbolic link"},
		"a folder":         {func(path string) error { return os.Mkdir(path, 0o700) }, "is no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Config{Database: config.Database(filepath.Join(t.TempDir(), "leads.db"))}
			require.NoError(t, tt.put(tokenFile(cfg)))
			_, err := operatorToken(cfg)
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, tokenFile(cfg))
			require.NotContains(t, err.Error(), "planted")
			require.NoError(t, os.Remove(tokenFile(cfg)))
			made, err := operatorToken(cfg)
			require.NoError(t, err)
			again, err := operatorToken(cfg)
			require.NoError(t, err)
			require.Equal(t, made, again)
		})
	}
}

func TestAFolderForAllIsToldOf(t *testing.T) {
	for mode, told := range map[os.FileMode]int{0o700: 0, 0o775: 0, 0o777: 1, 0o777 | os.ModeSticky: 1} {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, mode))
		var log bytes.Buffer
		warnOfFolder(config.Config{Database: config.Database(filepath.Join(dir, "leads.db"))}, zerolog.New(&log))
		require.Equal(t, told, strings.Count(log.String(), "everybody on this machine"), mode)
	}
}
