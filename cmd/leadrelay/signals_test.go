package main

import (
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The habits of init scripts, logrotate and closed terminals end no relay.
func TestSignalsThatAreNoRequestToStop(t *testing.T) {
	_, address := startBroker(t)
	p := start(t, settings(t, address), "serve").started()
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE} {
		require.NoError(t, p.cmd.Process.Signal(s))
		if s != syscall.SIGPIPE { // which is about a reader, and no news
			eventually(t, "the log says so", func() bool { return strings.Contains(p.out.String(), `"signal":"`+s.String()+`"`) })
		}
		code, _, _ := inquire(p.client, p.public, "EB-1", s.String())
		require.Equal(t, http.StatusAccepted, code)
	}
	p.settled()
	p.end(syscall.SIGTERM, 0)
}

// A demo belongs to its terminal, and takes its folder along.
func TestTheDemoEndsWithItsTerminal(t *testing.T) {
	temp := t.TempDir()
	p := start(t, map[string]string{"TMPDIR": temp}, "demo")
	eventually(t, "it welcomes", func() bool { return strings.Contains(p.out.String(), "Ctrl-C") })
	p.end(syscall.SIGHUP, 0)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

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
