package courier_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Whoever reads the log or the list of leads learns what to change.
func TestAHeldCredentialNamesItsSetting(t *testing.T) {
	const key, url = "EASYBROKER_API_KEY, and EASYBROKER_API (partner or account)", "EASYBROKER_URL"
	for code, want := range map[int]struct{ reason, level, check string }{
		401: {"EasyBroker refuses the key (401)", "error", key},
		403: {"EasyBroker refuses the key (403)", "error", key},
		302: {"EasyBroker redirects to another address (302)", "error", url},
		429: {"EasyBroker asks for a pause (429)", "warn", ""},
	} {
		t.Run(want.reason, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log safeBuffer
				b := &broker{listErr: status(code), answer: func(int, easybroker.Account) answer { return answer{err: status(code)} }}
				w := start(t, b, courier.Options{Log: zerolog.New(&log)})
				id := w.post("casas")
				time.Sleep(500 * time.Millisecond)
				l, _ := w.find(id)
				require.Equal(t, want.reason, l.Reason)
				var line struct{ Level, Reason, Check string }
				for text := range strings.SplitSeq(log.String(), "\n") {
					if strings.Contains(text, "credential stopped") {
						require.NoError(t, json.Unmarshal([]byte(text), &line))
					}
				}
				require.Equal(t, want.reason, line.Reason)
				require.Equal(t, want.level, line.Level)
				require.Equal(t, want.check, line.Check)
			})
		})
	}
}

func TestA404OfSomebodyElseAsksAboutTheAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		foreign := &easybroker.StatusError{Status: 404, NotJSON: true}
		w := start(t, &broker{answer: func(int, easybroker.Account) answer { return answer{err: foreign} }}, courier.Options{})
		id := w.post("casas")
		w.await(id, lead.Failed, time.Minute)
		l, _ := w.find(id)
		require.Contains(t, l.Reason, "is EASYBROKER_URL right?")
	})
}

func TestFive429InARowStopTheCredential(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{listErr: status(429), answer: func(int, easybroker.Account) answer { return answer{err: status(429)} }}
		w := start(t, b, courier.Options{Concurrency: 1})
		w.post("casas")
		for n := 0; n < 4; time.Sleep(10 * time.Millisecond) {
			if n = len(b.posts()); n > 0 {
				require.Equal(t, lead.CredentialResting, w.credential().State, "after %d", n)
			}
		}
		time.Sleep(time.Minute)
		require.Len(t, b.posts(), 5)
		require.Equal(t, lead.CredentialDown, w.credential().State)
	})
}
