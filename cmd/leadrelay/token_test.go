package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
	"leadrelay/internal/e2e/relaytest"
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

// A command looks beside the database that it is told of and, where nobody tells
// it of one, also where the unit keeps its own.
func TestWhereACommandLooksForTheToken(t *testing.T) {
	unit, err := os.ReadFile("../../deploy/leadrelay.service")
	require.NoError(t, err)
	database := regexp.MustCompile(`(?m)^Environment=LEADRELAY_DATABASE=%S(/\S+)$`).FindSubmatch(unit)
	require.NotNil(t, database, "the unit names its database")
	beside := filepath.Join(filepath.Dir("/var/lib"+string(database[1])), "operator-token")

	cfg, err := config.Load(relaytest.Settings(t, "127.0.0.1:1"), config.Open)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(filepath.Dir(string(cfg.Database)), "operator-token")}, tokenFiles(cfg))
	cfg, _ = config.Load(nil, config.Open)
	require.Equal(t, []string{"operator-token", beside}, tokenFiles(cfg))
}

func TestTheFirstTokenThatMayBeReadIsTaken(t *testing.T) {
	const mine = "token-of-all-the-tests"
	here, unit := t.TempDir(), t.TempDir()
	files := []string{filepath.Join(here, "operator-token"), filepath.Join(unit, "operator-token")}
	_, _, err := searchToken(files)
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, words := range []string{files[0] + ": no such file", files[1] + ": no such file", "LEADRELAY_OPERATOR_TOKEN", "LEADRELAY_DATABASE", "root"} {
		require.ErrorContains(t, err, words)
	}
	for i := len(files) - 1; i >= 0; i-- {
		require.NoError(t, os.WriteFile(files[i], []byte(mine+"\n"), 0o600))
		token, from, err := searchToken(files)
		require.NoError(t, err)
		require.Equal(t, mine, token.Reveal())
		require.Equal(t, files[i], from)
	}
}

// A link in somebody else's folder leads root's commands to no other secret.
func TestACommandFollowsNoLink(t *testing.T) {
	secret, link := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "operator-token")
	require.NoError(t, os.WriteFile(secret, []byte("a-secret-that-is-no-token"), 0o600))
	require.NoError(t, os.Symlink(secret, link))
	_, _, err := searchToken([]string{link})
	require.ErrorContains(t, err, "is a symbolic link")
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
