package main

import (
	"net/http"
	"os"
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

// Under nohup the signal is ignored, and stays so.
func TestADemoUnderNohupOutlivesItsTerminal(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	_, stop := untilTerminalCloses(t.Context())
	defer stop()
	require.True(t, signal.Ignored(syscall.SIGHUP))
}
