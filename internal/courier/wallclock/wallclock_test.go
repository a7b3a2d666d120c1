package wallclock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier/wallclock"
)

func TestAClockThatIsSetVouchesForLittle(t *testing.T) {
	for name, test := range map[string]struct {
		set   time.Duration
		jumps int
		since time.Duration // an hour before the clock was set, ten minutes later
	}{
		"corrected by NTP": {29 * time.Second, 0, time.Hour + 10*time.Minute + 29*time.Second},
		"an hour ahead":    {time.Hour, 1, 10 * time.Minute},
		"a minute back":    {-time.Minute, 1, 10 * time.Minute},
		"a day back":       {-24 * time.Hour, 1, -24*time.Hour + time.Hour + 10*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				off := time.Duration(0)
				c := wallclock.New(func() time.Time { return time.Now().Add(off) })
				then := c.Read()
				time.Sleep(time.Hour)
				require.Equal(t, time.Hour, c.Since(then))
				require.Equal(t, time.Hour, c.SteadyFor())
				off = test.set
				require.Equal(t, time.Now().Add(off).Round(0), c.Read())
				require.Equal(t, test.jumps, c.Jumps())
				time.Sleep(10 * time.Minute)
				require.Equal(t, test.since, c.Since(then))
				require.Equal(t, test.jumps, c.Jumps(), "it was set once")
				if test.jumps > 0 {
					require.Equal(t, 10*time.Minute, c.SteadyFor())
				}
			})
		})
	}
}

func TestADisturbedClockIsSteadyLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := wallclock.New(time.Now)
		time.Sleep(time.Hour)
		c.Disturb()
		time.Sleep(time.Minute)
		require.Equal(t, time.Minute, c.SteadyFor())
		require.Zero(t, c.Jumps())
	})
}

// A machine whose clock is wrong works by the clock of the database.
func TestAClockThatFollowsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := -time.Hour
		c := wallclock.New(func() time.Time { return time.Now().Add(wrong) })
		c.Follow(time.Now())
		require.Equal(t, time.Now().Round(0), c.Read())
		wrong = 24 * time.Hour
		time.Sleep(time.Minute)
		require.Equal(t, time.Now().Round(0), c.Read())
		require.Zero(t, c.Jumps())
		c.Follow(time.Now().Add(20 * time.Second))
		c.Read()
		require.Zero(t, c.Jumps())
		c.Follow(time.Now().Add(time.Hour))
		require.Equal(t, time.Now().Add(time.Hour).Round(0), c.Read())
		require.Equal(t, 1, c.Jumps(), "the other one was set")
		require.Zero(t, c.SteadyFor())
	})
}
