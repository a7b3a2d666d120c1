package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

func TestTheTokenIsMadeOnceForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_OPERATOR_TOKEN"] = ""
	file := filepath.Join(filepath.Dir(env["LEADRELAY_DATABASE"]), "operator-token")
	var made []byte
	for range 2 {
		p := relaytest.Start(t, env, "serve").Started()
		now, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Regexp(t, `^[A-Z2-7]{26}\n$`, string(now))
		if made != nil {
			require.Equal(t, made, now)
		}
		made = now
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NotContains(t, p.Output(), strings.TrimSpace(string(made)))
		p.End(os.Interrupt, 0)
	}
}
