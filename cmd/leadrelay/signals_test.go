package main

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Under nohup the signal is ignored, and stays so. The test has a process of its
// own: once ignored it stays so for all that a process starts, even after a Reset.
func TestADemoUnderNohupOutlivesItsTerminal(t *testing.T) {
	const own = "LEADRELAY_TEST_NOHUP"
	if os.Getenv(own) == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		test := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=^TestADemoUnderNohupOutlivesItsTerminal$")
		test.Env = append(os.Environ(), own+"=1")
		out, err := test.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "--- PASS")
		return
	}
	signal.Ignore(syscall.SIGHUP)
	_, stop := untilTerminalCloses(t.Context())
	defer stop()
	require.True(t, signal.Ignored(syscall.SIGHUP))
}
