package browser

import (
	"bytes"
	"context"
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
// file has them. They are installed once for all tests.
func installed(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	require.NoError(t, os.Symlink(npm.modules(t, from), filepath.Join(dir, "node_modules")))
	return dir
}

// npm is what has been installed so far.
var npm npmPackages

type npmPackages struct {
	mu   sync.Mutex
	root string
	has  map[string]string // a node_modules, by the directory whose lock file it follows
}

func (p *npmPackages) modules(t *testing.T, from string) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.has[from] != "" {
		return p.has[from]
	}
	if p.root == "" {
		root, err := os.MkdirTemp("", "leadrelay-npm-")
		require.NoError(t, err)
		p.root, p.has = root, map[string]string{}
	}
	dir := filepath.Join(p.root, filepath.Base(from))
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	runIn(t, dir, "", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	p.has[from] = filepath.Join(dir, "node_modules")
	return p.has[from]
}

func (p *npmPackages) remove() {
	if p.root != "" {
		_ = os.RemoveAll(p.root)
	}
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
