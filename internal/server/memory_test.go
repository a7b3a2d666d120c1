package server_test

import (
	"net/http"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/server"
)

// The memory limit rises with the number of connections, and falls again.
func TestTheMemoryLimitFollowsTheConnections(t *testing.T) {
	const usual, each = 28 << 20, 22 << 10
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	keepMemorySettings(t)
	t.Setenv("GOMEMLIMIT", "")
	server.TuneMemory()
	require.EqualValues(t, usual, limit())

	b := quick()
	b.Connections = 2048
	d := open(t, http.HandlerFunc(ok), b)
	for round := range 3 {
		var all []*conn
		for i := range 1000 {
			all = append(all, dial(t, d.Addr()))
			if round == 0 && i == 80 {
				require.EqualValues(t, usual, limit(), "few connections change nothing")
			}
		}
		require.Eventually(t, func() bool { return limit() >= usual+(1000-256)*each }, patience, time.Millisecond)
		require.Less(t, limit(), int64(128<<20))
		for _, c := range all {
			require.NoError(t, c.Close())
		}
		require.Eventually(t, func() bool { return limit() <= usual+512*each*2 }, patience, time.Millisecond)
	}
}

func TestAMemoryLimitThatIsSetStays(t *testing.T) {
	keepMemorySettings(t)
	t.Setenv("GOMEMLIMIT", "1GiB")
	debug.SetMemoryLimit(1 << 30)
	server.TuneMemory()
	d := open(t, http.HandlerFunc(ok), server.DefaultLimits())
	for range 300 {
		c := dial(t, d.Addr())
		c.send(getOK)
		c.answer()
	}
	require.EqualValues(t, 1<<30, debug.SetMemoryLimit(-1))
}

func keepMemorySettings(t *testing.T) {
	t.Helper()
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(percent) })
}
