package relaytest

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is the deadline of every condition that a test waits for.
const Patience = time.Minute

// Eventually waits for a condition.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !Poll(ok) {
		require.Fail(t, "not in time: "+what)
	}
}

// Poll reports whether the condition came true in time. It asks fifty times a second:
// many conditions ask a relay or a browser, which others want to work for them.
func Poll(ok func() bool) bool { return PollEvery(20*time.Millisecond, ok) }

// PollEvery is Poll with another pause between the questions.
func PollEvery(pause time.Duration, ok func() bool) bool { return PollFor(Patience, pause, ok) }

// PollFor is Poll with another deadline.
func PollFor(longest, pause time.Duration, ok func() bool) bool {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for end := time.Now().Add(longest); time.Now().Before(end); <-tick.C {
		if ok() {
			return true
		}
	}
	return false
}

// Beside runs a test beside others, but not in the long form, whose figures are those
// of a machine that is idle besides.
func Beside(t *testing.T) {
	t.Helper()
	if !InFull() {
		t.Parallel()
	}
}

// InFull reports whether LEADRELAY_TORTURE=full asks for the long form.
func InFull() bool { return os.Getenv("LEADRELAY_TORTURE") == "full" }
