package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pooled returns an address that leads to a database through pgbouncer in
// transaction mode, which goes with the test. Nothing is left of a session after a
// transaction, as if the next were another.
func Pooled(tb testing.TB, database string) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pgbouncer") // a socket's path must be short
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	settings := fmt.Sprintf("[databases]\n* = host=%s user=%s\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = %s\nlisten_port = 5432\n"+
		"auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nserver_reset_query = DISCARD ALL\nserver_reset_query_always = 1\nserver_login_retry = 1\n", folder(database), owner, dir)
	file := filepath.Join(dir, "pgbouncer.ini")
	require.NoError(tb, os.WriteFile(file, []byte(settings), 0o644))
	account, err := account(dir)
	require.NoError(tb, err)
	c := exec.Command("/bin/sh", "-c", untilInputEnds, "sh", pgbouncer(), file)
	c.SysProcAttr, c.Dir = account, dir
	stdin, err := c.StdinPipe()
	require.NoError(tb, err)
	require.NoError(tb, c.Start(), "deploy/test-deps.sh installs pgbouncer")
	tb.Cleanup(func() {
		require.NoError(tb, stdin.Close())
		_ = c.Wait() // it was told to end
	})
	require.Eventually(tb, func() bool {
		_, err := os.Stat(filepath.Join(dir, ".s.PGSQL.5432"))
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "pgbouncer does not start")
	return strings.ReplaceAll(database, folder(database), dir)
}

func pgbouncer() string {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path
	}
	return "/usr/sbin/pgbouncer" // is not in everybody's path
}
