package process

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
)

// A relay that is killed in the middle of an attempt knows at its next start
// that nobody else has the lead. It looks the lead up at once. The attempt ended when
// the process was last alive, not when the next one started.
func TestAnAttemptThatKill9CutIsLookedUpAtOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		arrives  bool
		attempts int
	}{
		"it had arrived":     {true, 1},
		"it had not arrived": {false, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			broker, address := relaytest.StartBroker(t)
			broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{On: "POST", Do: "hang", After: test.arrives}}})
			env := relaytest.Settings(t, address)
			env["LEADRELAY_COURIER_TIMEOUT"] = "3s" // and so a lease of 36 s
			p := relaytest.Start(t, env, "serve").Started()
			code, answer, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
			require.Equal(t, http.StatusAccepted, code)
			relaytest.Eventually(t, "the attempt has begun", func() bool { return len(p.Leads("state=sending").Leads) == 1 })
			if test.arrives {
				relaytest.Eventually(t, "it has arrived", func() bool { return len(broker.Book()) == 1 })
			}
			p.Kill()
			<-p.Done
			died := time.Now()
			broker.Misbehave(fakebroker.Faults{})

			p = relaytest.Start(t, env, "serve").Started()
			require.Empty(t, p.Leads("state=sending").Leads)
			relaytest.Eventually(t, "EasyBroker's list has it", func() bool { return p.Story(answer.RemoteID).State == lead.Confirmed })
			require.Less(t, time.Since(died), 35*time.Second, "no lease was waited for")
			story := p.Story(answer.RemoteID)
			require.Len(t, story.Attempts, test.attempts)
			require.Equal(t, "interrupted", *story.Attempts[0].Detail)
			require.False(t, story.Attempts[0].EndedAt.After(died))
			require.False(t, story.Attempts[0].EndedAt.Before(*story.Attempts[0].BegunAt))
			require.Len(t, broker.Book(), 1)
			require.Equal(t, 1, broker.Book()[0].Posts)
			p.End(os.Interrupt, 0)
		})
	}
}
