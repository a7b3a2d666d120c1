package courier_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// A proxy on the way may send a request twice, and we see the second answer.
// Metronome's client had the same problem: its retry of a request that had worked
// was answered 422, and it took that for a failure (dust-tt/dust#31662).
func TestAFirstAttemptWhoseRemoteIDIsRefusedIsLookedUp(t *testing.T) {
	for name, test := range map[string]struct {
		keep   bool
		other  string // the property of somebody else's contact request under the number
		state  lead.State
		reason string
	}{
		"it is there": {true, "", lead.Confirmed, ""},
		"it is surely not": {
			false, "", lead.Failed, "EasyBroker refuses its folio, and its list does not have it: the number may be too high for EasyBroker " +
				"(see EASYBROKER_REMOTE_ID), or stand for a contact request that is not listed. It says: remote_id ya existe",
		},
		"somebody else's is, about the same property": {false, "EB-XX1234", lead.Failed, "EasyBroker has another contact request under this folio"},
		"somebody else's is, about another property":  {false, "EB-OTHER1", lead.Failed, "EasyBroker has another contact request under this folio"},
	} {
		for _, code := range []int{400, 404, 409, 410, 422} {
			t.Run(fmt.Sprint(name, ", and it answers ", code), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					b := &broker{lag: 2 * time.Minute, answer: func(int, easybroker.Account) answer {
						return answer{keep: test.keep, err: refusesNumber(code)}
					}}
					w := start(t, b, courier.Options{})
					id := w.post("casas")
					if test.other != "" {
						b.now(func(b *broker) {
							b.kept = append(b.kept, kept{easybroker.ContactRequest{
								RemoteID: int64(id), PropertyID: test.other, Email: "otra@ejemplo.mx", Message: "Otra cosa",
							}, time.Now(), "k"})
						})
					}
					w.await(id, lead.Doubtful, time.Second)
					l, attempts := w.find(id)
					require.Equal(t, "remote_id ya existe", l.Reason[len(l.Reason)-len("remote_id ya existe"):])
					require.Equal(t, fmt.Sprintf("EasyBroker refuses the folio (%d)", code), attempts[0].Detail)
					mayPass := code == http.StatusConflict && !test.keep && test.other == "" // a conflict of another kind
					if time.Sleep(10 * time.Minute); mayPass {
						require.Greater(t, len(b.posts()), 1)
						time.Sleep(3 * time.Hour)
					}
					l, _ = w.find(id)
					require.Equal(t, test.state, l.State, l.Reason)
					require.Contains(t, l.Reason, test.reason)
					if !mayPass {
						require.Len(t, b.posts(), 1, "sending it again would not help")
					}
				})
			})
		}
	}
}

func TestARefusedRemoteIDWaitsForAListThatCanBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{listErr: status(500), answer: func(int, easybroker.Account) answer { return answer{keep: true, err: refusesNumber(422)} }}
		w := start(t, b, courier.Options{})
		id := w.post("casas")
		time.Sleep(3 * time.Hour)
		l, _ := w.find(id)
		require.Equal(t, lead.Doubtful, l.State)
		require.Contains(t, l.Reason, "look-up failed: EasyBroker answers with an error (500). It says: remote_id ya existe")
		b.now(func(b *broker) { b.listErr = nil })
		w.await(id, lead.Confirmed, 15*time.Minute)
	})
}

// EasyBroker judged each of these leads, so its key works. A breaker that counts
// what a healthy server refuses stops calls that would work
// (sgl-project/sglang#25811).
func TestRefusedRemoteIDsDoNotStopTheCredential(t *testing.T) {
	for _, code := range []int{409, 422} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &broker{page: 50, answer: func(int, easybroker.Account) answer { return answer{keep: true, err: refusesNumber(code)} }}
				w := start(t, b, courier.Options{})
				for range 20 {
					w.post("casas")
				}
				time.Sleep(3 * time.Second)
				require.Len(t, b.posts(), 20)
				require.Equal(t, lead.CredentialWorking, w.credential().State)
			})
		})
	}
}

// EasyBroker's words are for the operator. They may quote the visitor, so they are
// in no log.
func TestWhatEasyBrokerSaysOfARefusedRemoteIDIsInNoLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log safeBuffer
		b := &broker{answer: func(int, easybroker.Account) answer { return answer{err: refusesNumber(422)} }}
		w := start(t, b, courier.Options{Log: zerolog.New(&log)})
		id := w.post("casas")
		time.Sleep(10 * time.Minute)
		w.halt()
		l, _ := w.find(id)
		require.Contains(t, l.Reason, "ya existe")
		require.Contains(t, log.String(), "refuses the folio")
		require.Contains(t, log.String(), "its list does not have it")
		require.NotContains(t, log.String(), "ya existe")
	})
}
