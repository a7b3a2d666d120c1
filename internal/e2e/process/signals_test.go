package process

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/signals"
)

// The habits of init scripts, logrotate and closed terminals end no relay.
func TestSignalsThatAreNoRequestToStop(t *testing.T) {
	t.Parallel()
	_, address := relaytest.StartBroker(t)
	p := relaytest.Start(t, relaytest.Settings(t, address), "serve").Started()
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE} {
		require.NoError(t, p.Cmd.Process.Signal(s))
		if s != syscall.SIGPIPE { // which is about a reader, and no news
			relaytest.Eventually(t, "the log says so", func() bool { return strings.Contains(p.Out.String(), `"signal":"`+s.String()+`"`) })
		}
		code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", s.String())
		require.Equal(t, http.StatusAccepted, code)
	}
	p.Settled()
	p.End(syscall.SIGTERM, 0)
}

// Nor do they when they come early: main begins only after all packages were initialized.
func TestASignalAtTheStartIsNoRequestToStop(t *testing.T) {
	t.Parallel()
	_, address := relaytest.StartBroker(t)
	settings := relaytest.Settings(t, address)
	settings["GODEBUG"] = "inittrace=1" // a line on stderr for each package, when it is done
	p := relaytest.Start(t, settings, "serve")
	relaytest.Eventually(t, "signals are ignored", func() bool { return strings.Contains(p.Err.String(), "init leadrelay/internal/signals ") })
	for _, s := range signals.Ignored {
		require.NoError(t, p.Cmd.Process.Signal(s))
	}
	p.Started()
	require.Less(t, strings.Index(p.Err.String(), "init leadrelay/internal/signals "),
		strings.Index(p.Err.String(), "init github.com/nyaruka/phonenumbers "), "what takes long comes later")
	p.End(syscall.SIGTERM, 0)
}

// A demo belongs to its terminal, and takes its folder along.
func TestTheDemoEndsWithItsTerminal(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	p := relaytest.Start(t, map[string]string{"TMPDIR": temp}, "demo")
	relaytest.Eventually(t, "it welcomes", func() bool { return strings.Contains(p.Out.String(), "Ctrl-C") })
	p.End(syscall.SIGHUP, 0)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}
