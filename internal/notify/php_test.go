package notify

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The receiver of the docs, which has no library, takes what we sign in a real PHP, and
// nothing that another secret has signed.
func TestTheReceiverInPHPVerifiesIt(t *testing.T) {
	readme, err := os.ReadFile("../../deploy/README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```php\n")
	require.True(t, found)
	receiver, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	script := filepath.Join(t.TempDir(), "receiver.php")
	require.NoError(t, os.WriteFile(script, []byte("<?php\n"+receiver), 0o600))

	address := freeAddress(t)
	cmd := exec.CommandContext(t.Context(), "php", "-d", "display_errors=1", "-S", address, script)
	cmd.Env = append(os.Environ(), "LEADRELAY_SECRET="+secretOf(1))
	require.NoError(t, cmd.Start(), "deploy/test-deps.sh installs PHP")
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	}, time.Minute, 20*time.Millisecond)

	status := func(now time.Time, secrets ...string) int {
		return hookAt(t, "http://"+address+"/", secrets...).Sender("leadrelay/1")(t.Context(), delivery(), now).Status
	}
	require.Equal(t, http.StatusNoContent, status(time.Now(), secretOf(1)))
	require.Equal(t, http.StatusNoContent, status(time.Now(), secretOf(2), secretOf(1)), "in a rotation")
	require.Equal(t, http.StatusUnauthorized, status(time.Now(), secretOf(2)))
	require.Equal(t, http.StatusUnauthorized, status(time.Now().Add(-time.Hour), secretOf(1)), "somebody sends it again")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}
