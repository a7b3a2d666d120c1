package flood_test

import (
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/flood"
	"leadrelay/internal/problem"
)

var sixty = flood.Limit{N: 60, Per: time.Minute}

// limited returns a gate that limits addresses only.
func limited(l flood.Limit) *flood.Gate { return flood.New(flood.Options{Address: l, Pace: 5}) }

// passes returns how many of n posts at once get through.
func passes(g *flood.Gate, n int, addr string) (count int) {
	a, _ := netip.ParseAddr(addr) // the zero address counts like any other
	for range n {
		if g.Wait(a) == 0 {
			count++
		}
	}
	return count
}

func TestSixtyAtOnceThenOneASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limited(sixty)
		const addr = "198.51.100.7"
		require.Equal(t, 60, passes(g, 100, addr))
		for range 100 {
			time.Sleep(time.Second - 1)
			require.Zero(t, passes(g, 3, addr))
			time.Sleep(time.Nanosecond)
			require.Equal(t, 1, passes(g, 3, addr))
		}
		time.Sleep(30 * time.Second)
		require.Equal(t, 30, passes(g, 100, addr))
		time.Sleep(time.Hour) // it never saves up more than sixty
		require.Equal(t, 60, passes(g, 100, addr))
	})
}

func TestABusyAddressIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limited(sixty)
		busy := func(g *flood.Gate, addr string) bool { return g.Busy(netip.MustParseAddr(addr)) }
		const addr = "198.51.100.7"
		passes(g, 30, addr)
		require.False(t, busy(g, addr), "half of it")
		passes(g, 1, addr)
		require.True(t, busy(g, addr))
		require.False(t, busy(g, "198.51.100.8"))
		time.Sleep(time.Second)
		require.False(t, busy(g, addr))

		passes(g, 31, "2001:db8:1:2::")
		require.True(t, busy(g, "2001:db8:1:2::"))
		require.False(t, busy(g, "2001:db8:1:3::"))

		off := limited(flood.Limit{})
		passes(off, 1000, addr)
		require.False(t, busy(off, addr))
	})
}

func TestLimitSizes(t *testing.T) {
	tests := map[string]struct {
		limit  flood.Limit
		atOnce int
		next   time.Duration // when there is one again
	}{
		"60/m":   {sixty, 60, time.Second},
		"1200/m": {flood.Limit{N: 1200, Per: time.Minute}, 1200, 50 * time.Millisecond},
		"1/h":    {flood.Limit{N: 1, Per: time.Hour}, 1, time.Hour},
		"7/m":    {flood.Limit{N: 7, Per: time.Minute}, 7, 8_571_428_568},
		"10/s":   {flood.Limit{N: 10, Per: time.Second}, 10, 100 * time.Millisecond},
		"off":    {flood.Limit{}, 5000, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := limited(tt.limit)
				require.Equal(t, tt.atOnce, passes(g, 5000, "198.51.100.7"))
				require.Equal(t, tt.next, g.Wait(netip.MustParseAddr("198.51.100.7")))
			})
		})
	}
}

func TestWhoSharesALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limited(sixty)
		require.Equal(t, 60, passes(g, 100, "198.51.100.7"))
		require.Equal(t, 1, passes(g, 1, "198.51.100.8"), "another address")
		require.Equal(t, 60, passes(g, 100, ""), "who has no address has a bucket, too")
		require.Equal(t, 60, passes(g, 100, "2001:db8:1:2::"))
		require.Zero(t, passes(g, 1, "2001:db8:1:2:ffff::2"), "the same /64")
		require.Equal(t, 1, passes(g, 1, "2001:db8:1:3::"), "the next /64")
	})
}

// Whoever has a wide network has many /64. Together those of a /56 may send four
// times as much as one, and those of a /48 sixteen times.
func TestAWideNetworkIsOneSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limited(sixty)
		from := func(third, fourth byte) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, third, fourth >> 4, fourth << 4})
		}
		of56, of48 := 0, 0
		for i := range byte(16) { // of one /56
			for range 100 {
				if g.Wait(from(1, i)) == 0 {
					of56++
				}
			}
		}
		require.Equal(t, 4*60, of56)
		for i := range 256 { // of one /48
			for range 100 {
				if g.Wait(from(2, byte(i))) == 0 {
					of48++
				}
			}
		}
		require.Equal(t, 16*60, of48)
		require.Zero(t, g.Wait(from(3, 0)), "another /48")
		time.Sleep(time.Second)
		again := 0
		for i := range 256 {
			if g.Wait(from(2, byte(i))) == 0 {
				again++
			}
		}
		require.Equal(t, 16, again, "as many grow back in a second")
	})
}

// A client that comes back when it was told to is let in. One that comes earlier is
// not.
func TestRetryAfterIsHonest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, from := limited(flood.Limit{N: 2, Per: time.Minute}), netip.MustParseAddr("198.51.100.7")
		require.Equal(t, 2, passes(g, 2, from.String()))
		require.Equal(t, 30*time.Second, g.Wait(from))
		time.Sleep(12400 * time.Millisecond)
		wait := g.Wait(from)
		require.Equal(t, 17600*time.Millisecond, wait)

		h := http.Header{}
		problem.NewTooMany(wait).WriteHeaders(h)
		require.Equal(t, "18", h.Get("Retry-After"))
		seconds, err := strconv.Atoi(h.Get("Retry-After"))
		require.NoError(t, err)
		time.Sleep(time.Duration(seconds) * time.Second)
		require.Zero(t, g.Wait(from))
	})
}

func TestABucketKeepsItsWord(t *testing.T) {
	rapid.Check(t, func(draw *rapid.T) {
		limit := flood.Limit{
			N:   rapid.IntRange(1, 100).Draw(draw, "n"),
			Per: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(draw, "per"),
		}
		pauses := rapid.SliceOfN(rapid.Int64Range(0, int64(limit.Per)/10), 1, 200).Draw(draw, "pauses")
		synctest.Test(t, func(t *testing.T) {
			g, from := limited(limit), netip.MustParseAddr("198.51.100.7")
			begun, taken := time.Now(), 0
			for _, pause := range pauses {
				time.Sleep(time.Duration(pause))
				if wait := g.Wait(from); wait > 0 {
					require.LessOrEqual(t, wait, limit.Per/time.Duration(limit.N))
					time.Sleep(wait - 1)
					require.Positive(t, g.Wait(from), "a moment before")
					time.Sleep(time.Nanosecond)
					require.Zero(t, g.Wait(from), "and then")
				}
				taken++
			}
			grown := float64(time.Since(begun)) / float64(limit.Per/time.Duration(limit.N))
			require.LessOrEqual(t, float64(taken), float64(limit.N)+grown+1e-6)
		})
	})
}

func TestManyAtOnceGetNoMoreThanTheLimit(t *testing.T) {
	g := limited(flood.Limit{N: 60, Per: time.Hour})
	var count atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { count.Add(int32(passes(g, 100, "198.51.100.7"))) })
	}
	all.Wait()
	require.EqualValues(t, 60, count.Load())
}

// An address over the limit is remembered while thousands of others come, even if it
// tries only now and then.
func TestAFloodOfOthersFreesNobodyEarly(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	g := limited(flood.Limit{N: 1, Per: time.Hour})
	const addr = "198.51.100.7"
	require.Equal(t, 1, passes(g, 2, addr))
	for i := range 3 * flood.MaxBuckets {
		require.Zero(t, g.Wait(number(i)))
		if i%(flood.MaxBuckets-1) == 0 {
			require.Zero(t, passes(g, 1, addr))
		}
	}
}

// number returns one of millions of addresses.
func number(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)})
}

// number6 returns an address in one of millions of /48.
func number6(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, byte(i >> 16), byte(i >> 8), byte(i), 15: 1})
}

// A flood from a million addresses takes bounded memory, and each of them passes
// like any other.
func TestAMillionAddresses(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	for name, address := range map[string]func(int) netip.Addr{"IPv4": number, "IPv6, each from a /48 of its own": number6} {
		t.Run(name, func(t *testing.T) {
			const addresses, mostBytes = 1_000_000, 16 << 20
			g := limited(flood.Limit{N: 1, Per: time.Hour})
			before, top := heap(), int64(0)
			for i := range addresses {
				require.Zero(t, g.Wait(address(i)))
				if i%10_000 == 9_999 {
					top = max(top, heap()-before)
				}
			}
			runtime.KeepAlive(g)
			t.Logf("%.1f MiB", float64(top)/(1<<20))
			require.Less(t, top, int64(mostBytes))
		})
	}
}

// heap returns the memory in use, without garbage.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
