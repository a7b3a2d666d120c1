package courier_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Who has mended a key does not wait for the next probe.
func TestAPersonsProbeStartsTheLeadsAtOnce(t *testing.T) {
	for name, stopped := range map[string]struct {
		err           error
		posts         int
		state, reason string
	}{
		"held": {status(401), 1, lead.CredentialHeld, "EasyBroker refuses the key (401)"},
		"down": {status(500), 5, lead.CredentialDown, "EasyBroker answers with an error (500)"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const probe = 10 * time.Minute
				b := &broker{listErr: stopped.err, answer: func(int, easybroker.Account) answer { return answer{err: stopped.err} }}
				w := start(t, b, courier.Options{Probe: probe})
				for range stopped.posts {
					w.post("casas")
				}
				time.Sleep(time.Minute)
				require.Equal(t, stopped.state, w.credential().State)
				require.Equal(t, stopped.reason, w.courier.Probe(t.Context(), "casas"), "it is told why not")
				require.Equal(t, stopped.state, w.credential().State)
				id := w.post("casas")
				time.Sleep(time.Minute)
				b.now(func(b *broker) { b.listErr, b.answer = nil, nil })
				require.Empty(t, w.courier.Probe(t.Context(), "casas"))
				w.await(id, lead.Confirmed, time.Minute)
				require.Equal(t, lead.CredentialWorking, w.credential().State)
			})
		})
	}
}

func TestAProbeOfAKeyThatWorksChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, &broker{}, courier.Options{})
		since := w.credential().Since
		require.Empty(t, w.courier.Probe(t.Context(), "casas"))
		require.Empty(t, w.courier.Probe(t.Context(), "nowhere"))
		require.Equal(t, lead.CredentialWorking, w.credential().State)
		require.Equal(t, since, w.credential().Since)
		w.await(w.post("casas"), lead.Confirmed, time.Minute)
	})
}
