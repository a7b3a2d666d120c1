package courier_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
)

// F2: however many leads wait, and whatever becomes of them, EasyBroker hears
// from a credential no more often than it is meant to: ten times at once, then
// ten times a second, look-ups included.
func TestTheRateHoldsWhateverWaits(t *testing.T) {
	const leads = 300
	failing := &easybroker.StatusError{Status: 500}
	tests := map[string]func(call int) answer{
		"all are taken":           func(int) answer { return answer{keep: true} },
		"all are taken, slowly":   func(int) answer { return answer{keep: true, took: 3 * time.Second} },
		"every third is in doubt": func(call int) answer { return answer{keep: call%2 == 0, err: on(call%3 == 0, errReset)} },
		"every other one fails":   func(call int) answer { return answer{keep: call%4 == 0, err: on(call%2 == 0, failing)} },
	}
	for name, how := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{page: 100, answer: func(call int, _ easybroker.Account) answer { return how(call) }}
				w := start(t, b, courier.Options{})
				for i := range leads {
					w.postAbout("casas", fmt.Sprint("EB-", i))
				}
				time.Sleep(30 * time.Minute)
				require.Greater(t, len(b.posts()), leads/3, "a broker that fails so often is spared")
				require.NotEmpty(t, b.reads())
				requirePace(t, slices.Concat(b.posts(), b.reads()))
			})
		})
	}
}

func on(seen bool, err error) error {
	if seen {
		return err
	}
	return nil
}

// requirePace counts the tokens of a bucket of ten, one of which grows back
// every tenth of a second.
func requirePace(t *testing.T, calls []time.Time) {
	t.Helper()
	const most, aHair = 10., 1e-6
	slices.SortFunc(calls, time.Time.Compare)
	left, last := most, calls[0]
	for i, at := range calls {
		left = min(most, left+most*at.Sub(last).Seconds()) - 1
		require.GreaterOrEqual(t, left, -aHair, "call %d of %d", i+1, len(calls))
		last = at
	}
}
