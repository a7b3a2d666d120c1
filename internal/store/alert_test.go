package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// Of two relays one tells of trouble, and the other when the first is gone. Who comes back
// too late writes nothing.
func TestOneRelayTells(t *testing.T) {
	t.Parallel()
	database := newPostgres(t)
	one, two := openPostgres(t, database), openPostgres(t, database)
	take := func(who string, length time.Duration) bool {
		s := one
		if who == "two" {
			s = two
		}
		isMine, err := s.TakeAlertTurn(t.Context(), who, length)
		require.NoError(t, err)
		return isMine
	}
	require.True(t, take("one", time.Minute))
	require.False(t, take("two", time.Minute))
	require.True(t, take("one", time.Millisecond), "it goes on")
	require.Eventually(t, func() bool { return take("two", time.Minute) }, 5*time.Second, 5*time.Millisecond)
	require.False(t, take("one", time.Minute))

	a := lead.Alert{ID: "A", Kind: lead.AlertDown, Since: time.Now().UTC().Truncate(time.Millisecond)}
	require.ErrorIs(t, one.SaveAlerts(t.Context(), "one", []lead.Alert{a}), lead.ErrLost)
	require.NoError(t, two.SaveAlerts(t.Context(), "two", []lead.Alert{a}))
	all, err := one.Alerts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []lead.Alert{a}, all)
}
