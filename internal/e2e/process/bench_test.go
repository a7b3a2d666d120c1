package process

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// make bench measures the relay as it is now: a door that changes must not leave it
// behind.
func TestTheBenchStillMeasures(t *testing.T) {
	relaytest.Beside(t)
	dir := t.TempDir()
	bench := filepath.Join(dir, "bench")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", bench, "leadrelay/internal/bench").CombinedOutput()
	require.NoError(t, err, string(out))
	p := relaytest.Command(t, nil)
	cmd := exec.CommandContext(t.Context(), bench, "-binary", p.Cmd.Path, "-dir", dir, "-short", "-only", "memory", "-json")
	cmd.Stderr = &p.Err
	out, err = cmd.Output()
	require.NoError(t, err, p.Err.String())
	var table struct {
		Figures []struct {
			Name  string
			Value float64
		}
	}
	require.NoError(t, json.Unmarshal(out, &table), string(out))
	require.NotEmpty(t, table.Figures)
	for _, figure := range table.Figures {
		require.Positive(t, figure.Value, figure.Name)
	}
}
