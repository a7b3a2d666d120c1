package config_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
)

var update = flag.Bool("update", false, "write the table of settings into deploy/README.md")

func TestTheReadmeHasTheSettings(t *testing.T) {
	const readme, begin, end = "../../deploy/README.md", "<!-- settings -->\n", "<!-- /settings -->"
	data, err := os.ReadFile(readme)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(data), begin)
	require.True(t, ok, readme+" has lost its mark")
	table, after, ok := strings.Cut(rest, end)
	require.True(t, ok, readme+" has lost its mark")
	if *update {
		require.NoError(t, os.WriteFile(readme, []byte(before+begin+config.Reference()+end+after), 0o600))
		return
	}
	require.Equal(t, config.Reference(), table, "run: go test ./internal/config -update")
}

// The agency's lawyer reads for how long what is kept, in two languages.
func TestThePageForLawyersHasTheDefaults(t *testing.T) {
	page, err := os.ReadFile("../../deploy/privacidad.md")
	require.NoError(t, err)
	for _, state := range []string{"CONFIRMED", "QUARANTINED", "DISCARDED", "BLOCKED"} {
		name := "| `LEADRELAY_RETENTION_" + state + "` | "
		_, row, ok := strings.Cut(config.Reference(), name)
		require.True(t, ok, name)
		require.Equal(t, 2, strings.Count(string(page), name+strings.Split(row, " | ")[1]), name)
	}
}
