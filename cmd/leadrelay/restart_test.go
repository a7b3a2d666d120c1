package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
)

// A relay that is killed in the middle of an attempt knows at its next start
// that nobody else has the lead: it looks at once, and the attempt ended when the
// process was last alive, not when somebody came to look.
func TestAnAttemptThatKill9CutIsLookedUpAtOnce(t *testing.T) {
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
			broker, address := startBroker(t)
			broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{On: "POST", Do: "hang", After: test.arrives}}})
			env := settings(t, address)
			env["LEADRELAY_COURIER_TIMEOUT"] = "3s" // and so a lease of 36 s
			p := start(t, env, "serve").started()
			code, answer, _ := inquire(p.client, p.public, "EB-1", "Hola")
			require.Equal(t, http.StatusAccepted, code)
			eventually(t, "the attempt has begun", func() bool { return len(p.leads("state=sending").Leads) == 1 })
			if test.arrives {
				eventually(t, "it has arrived", func() bool { return len(broker.Book()) == 1 })
			}
			p.kill()
			<-p.done
			died := time.Now()
			broker.Misbehave(fakebroker.Faults{})

			p = start(t, env, "serve").started()
			require.Empty(t, p.leads("state=sending").Leads)
			eventually(t, "EasyBroker's list has it", func() bool { return p.story(answer.RemoteID).State == lead.Confirmed })
			require.Less(t, time.Since(died), 35*time.Second, "no lease was waited for")
			story := p.story(answer.RemoteID)
			require.Len(t, story.Attempts, test.attempts)
			require.Equal(t, "interrupted", *story.Attempts[0].Detail)
			require.False(t, story.Attempts[0].EndedAt.After(died))
			require.False(t, story.Attempts[0].EndedAt.Before(*story.Attempts[0].BegunAt))
			require.Len(t, broker.Book(), 1)
			require.Equal(t, 1, broker.Book()[0].Posts)
			p.end(os.Interrupt, 0)
		})
	}
}

// story is all that the operator's door tells of a lead.
func (p *process) story(id int64) (s console.Story) {
	p.t.Helper()
	p.ask("/api/v1/leads/"+lead.RemoteID(id).String(), func(body io.Reader) {
		require.NoError(p.t, json.NewDecoder(body).Decode(&s))
	})
	return s
}
