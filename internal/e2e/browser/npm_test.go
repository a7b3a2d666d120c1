package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// installed is a copy of the directory with its packages beside it, as its lock
// file has them.
func installed(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	require.NoError(t, os.Symlink(modules(t, from), filepath.Join(dir, "node_modules")))
	return dir
}

// installing is held while npm installs: one npm at a time is fast enough.
var installing sync.Mutex

// modules is the node_modules of a directory. Like Go's build cache it is kept for
// the next run, as long as the lock file is the same.
func modules(t *testing.T, from string) string {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	lock, err := os.ReadFile(filepath.Join(from, "package-lock.json"))
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	kept := filepath.Join(cache, "leadrelay-tests", fmt.Sprintf("%s-%x", filepath.Base(from), sha256.Sum256(lock)))
	if _, err := os.Stat(kept); err == nil {
		return filepath.Join(kept, "node_modules")
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(kept), 0o700))
	dir, err := os.MkdirTemp(filepath.Dir(kept), "new-")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	runIn(t, dir, "", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	if err := os.Rename(dir, kept); err != nil {
		require.DirExists(t, kept, err) // another run was faster
	}
	return filepath.Join(kept, "node_modules")
}

func runIn(t *testing.T, dir, stdin, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		require.FailNow(t, name+" is missing: run make deps, or install Debian's nodejs, npm and curl", "%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*relaytest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	require.NoError(t, cmd.Run(), "%s %s", &out, &said)
	return out.String()
}

// nodeScript runs a script of Node's as long as the test does. It gets a line for each
// question, and answers each with one.
func nodeScript(t *testing.T, dir, name string) (ask func(question, answer any)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*relaytest.Patience)
	cmd := exec.CommandContext(ctx, "node", name)
	cmd.Dir = dir
	questions, err := cmd.StdinPipe()
	require.NoError(t, err)
	answers, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var said bytes.Buffer
	cmd.Stderr = &said
	require.NoError(t, cmd.Start(), "if there is no Node.js, run make deps, or install Debian's nodejs and npm")
	t.Cleanup(func() {
		defer cancel()
		require.NoError(t, questions.Close())
		require.NoError(t, cmd.Wait(), &said)
	})
	next := json.NewDecoder(answers)
	return func(question, answer any) {
		t.Helper()
		require.NoError(t, json.NewEncoder(questions).Encode(question))
		require.NoError(t, next.Decode(answer), "%s answers no more", name)
	}
}
