package easybroker_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/easybroker"
)

// A process that stood still while another one took its place sends nothing more,
// however far it had come with a call.
func TestAGuardStopsWhatHasNotLeft(t *testing.T) {
	long := inquiry
	long.Message = strings.Repeat("x", 64<<10)
	for name, test := range map[string]struct {
		writes int32 // that the guard allows
		want   string
	}{
		"before the first byte": {0, "not sent"},
		"between two writes":    {1, "unanswered"},
		"never":                 {1000, "taken"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, say(good))
			c := client(t, easybroker.Options{})
			_, err := c.Create(t.Context(), account(server.url), inquiry)
			require.Equal(t, "taken", kind(err))
			before := len(server.bytes())
			var asked atomic.Int32
			may := func() bool { return asked.Add(1) <= test.writes }
			_, err = c.Create(easybroker.WithGuard(t.Context(), may), account(server.url), long)
			require.Equal(t, test.want, kind(err))
			requireSilent(t, err)
			if hasLeft := func() bool { return len(server.bytes()) > before }; test.writes > 0 {
				require.Eventually(t, hasLeft, 10*time.Second, time.Millisecond)
			} else {
				require.False(t, hasLeft())
			}
			_, err = c.Create(t.Context(), account(server.url), inquiry)
			require.Equal(t, "taken", kind(err), "the next call has no guard")
		})
	}
}

func TestADigestTellsAccountsApart(t *testing.T) {
	a := account("https://api.easybroker.com/v1")
	require.Equal(t, a.Digest(), a.Digest())
	require.Len(t, a.Digest(), 32)
	require.NotContains(t, a.Digest(), a.Key.Reveal())
	digests := map[string]bool{a.Digest(): true}
	for _, change := range []func(*easybroker.Account){
		func(a *easybroker.Account) { a.URL += "/" },
		func(a *easybroker.Account) { a.Country = "CO" },
		func(a *easybroker.Account) { a.API = easybroker.Plain },
		func(a *easybroker.Account) { a.UsePartnerCode = !a.UsePartnerCode },
	} {
		other := a
		change(&other)
		require.False(t, digests[other.Digest()])
		digests[other.Digest()] = true
	}
}
