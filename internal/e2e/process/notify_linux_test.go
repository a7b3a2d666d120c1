package process

import (
	"crypto/rand"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// systemd takes a start for done when it is told, and whoever comes next must not be
// refused at either door.
func TestSystemdIsToldWhenBothDoorsAreOpen(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"a path": filepath.Join(shortDir(t), "notify"), "an abstract name": "@leadrelay-" + rand.Text()} {
		t.Run(name, func(t *testing.T) {
			systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
			require.NoError(t, err)
			defer func() { _ = systemd.Close() }()
			env := relaytest.Settings(t, "127.0.0.1:1")
			env["NOTIFY_SOCKET"], env["LEADRELAY_OPERATOR_ADDR"] = address, relaytest.FreeAddr(t)
			p := relaytest.Start(t, env, "serve")

			require.NoError(t, systemd.SetReadDeadline(time.Now().Add(relaytest.Patience)))
			told := make([]byte, 100)
			n, err := systemd.Read(told)
			require.NoError(t, err, p.Output())
			require.Equal(t, "READY=1", string(told[:n]))
			resp, err := p.Client.Get("http://" + env["LEADRELAY_OPERATOR_ADDR"] + "/readyz")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			p.End(syscall.SIGTERM, 0)
		})
	}
}

// A systemd that cannot be told is a line in the log, and no reason to refuse visitors.
func TestARelayServesThoughSystemdCannotBeTold(t *testing.T) {
	t.Parallel()
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["NOTIFY_SOCKET"] = filepath.Join(t.TempDir(), "nobody")
	p := relaytest.Start(t, env, "serve").Started()
	relaytest.Eventually(t, "it is ready", p.IsReady)
	p.End(syscall.SIGTERM, 0)
	require.Contains(t, p.Output(), "systemd not told")
}

// shortDir returns a folder whose path leaves room in the 108 bytes of a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "unit")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}
