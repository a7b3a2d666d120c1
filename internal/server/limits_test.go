package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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

	"leadrelay/internal/problem"
	"leadrelay/internal/server"
)

var (
	sixty = server.Limit{N: 60, Per: time.Minute}
	none  = server.Limit{}
)

func from(addr string) *http.Request {
	r := httptest.NewRequest("POST", "/f", nil)
	r.RemoteAddr = addr
	return r
}

// passes counts how many of n posts get through, all at once.
func passes(l *server.Limits, n int, addr, site string) (count int) {
	for range n {
		if l.Wait(from(addr), site) == 0 {
			count++
		}
	}
	return count
}

func TestSixtyAtOnceThenOneASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := server.NewLimits(nil, sixty, none)
		const addr = "198.51.100.7:1"
		require.Equal(t, 60, passes(l, 100, addr, "casas"))
		for range 100 {
			time.Sleep(time.Second - 1)
			require.Zero(t, passes(l, 3, addr, "casas"))
			time.Sleep(time.Nanosecond)
			require.Equal(t, 1, passes(l, 3, addr, "casas"))
		}
		time.Sleep(30 * time.Second)
		require.Equal(t, 30, passes(l, 100, addr, "casas"))
		time.Sleep(time.Hour) // it never holds more than sixty
		require.Equal(t, 60, passes(l, 100, addr, "casas"))
	})
}

func TestABusyAddressIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := server.NewLimits(nil, sixty, none)
		const addr = "198.51.100.7:1"
		passes(l, 30, addr, "casas")
		require.False(t, l.Busy(from(addr)), "half of it")
		passes(l, 1, addr, "casas")
		require.True(t, l.Busy(from(addr)))
		require.False(t, l.Busy(from("198.51.100.8:1")))
		time.Sleep(time.Second)
		require.False(t, l.Busy(from(addr)))

		off := server.NewLimits(nil, none, none)
		passes(off, 1000, addr, "casas")
		require.False(t, off.Busy(from(addr)))
	})
}

func TestLimitSizes(t *testing.T) {
	tests := map[string]struct {
		limit  server.Limit
		atOnce int
		next   time.Duration // when there is one again
	}{
		"60/m":   {sixty, 60, time.Second},
		"1200/m": {server.Limit{N: 1200, Per: time.Minute}, 1200, 50 * time.Millisecond},
		"1/h":    {server.Limit{N: 1, Per: time.Hour}, 1, time.Hour},
		"7/m":    {server.Limit{N: 7, Per: time.Minute}, 7, 8_571_428_568},
		"10/s":   {server.Limit{N: 10, Per: time.Second}, 10, 100 * time.Millisecond},
		"off":    {none, 5000, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				byAddress, bySite := server.NewLimits(nil, tt.limit, none), server.NewLimits(nil, none, tt.limit)
				require.Equal(t, tt.atOnce, passes(byAddress, 5000, "198.51.100.7:1", "casas"))
				require.Equal(t, tt.atOnce, passes(bySite, 5000, "198.51.100.7:1", "casas"))
				require.Equal(t, tt.next, byAddress.Wait(from("198.51.100.7:2"), "casas"))
				require.Equal(t, tt.next, bySite.Wait(from("198.51.100.8:1"), "casas"))
			})
		})
	}
}

func TestWhoSharesALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := server.NewLimits(proxies, sixty, none)
		require.Equal(t, 60, passes(l, 100, "198.51.100.7:1", "casas"))
		require.Zero(t, passes(l, 1, "198.51.100.7:2", "casas"), "another port")
		require.Zero(t, passes(l, 1, "198.51.100.7:1", "lotes"), "another site")
		require.Equal(t, 1, passes(l, 1, "198.51.100.8:1", "casas"), "another address")

		require.Equal(t, 60, passes(l, 100, "@", "casas"), "who has no address has a bucket, too")
		require.Zero(t, passes(l, 1, "", "casas"), "all of them one")

		require.Equal(t, 60, passes(l, 60, "[2001:db8:1:2::1]:1", "casas"))
		require.Zero(t, passes(l, 1, "[2001:db8:1:2:ffff::2]:1", "casas"), "the same /64")
		require.Equal(t, 1, passes(l, 1, "[2001:db8:1:3::1]:1", "casas"), "the next /64")
	})
}

// One who rotates what only a proxy may write gains nothing.
func TestALiarStaysOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := server.NewLimits(proxies, sixty, none)
		var direct, proxied int
		for i := range 200 {
			r := from("198.51.100.7:1")
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
			if l.Wait(r, "casas") == 0 {
				direct++
			}
			r = from("10.0.0.1:1")
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d, 192.0.2.1", i))
			if l.Wait(r, "casas") == 0 {
				proxied++
			}
		}
		require.Equal(t, 60, direct)
		require.Equal(t, 60, proxied)
	})
}

func TestAnAddressOverItsLimitCostsTheSiteNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := server.NewLimits(nil, server.Limit{N: 2, Per: time.Minute}, server.Limit{N: 5, Per: time.Minute})
		require.Equal(t, 2, passes(l, 100, "198.51.100.7:1", "casas"))
		require.Equal(t, 2, passes(l, 100, "198.51.100.8:1", "casas"))
		require.Equal(t, 1, passes(l, 100, "198.51.100.9:1", "casas"), "the site is full")
		require.Zero(t, passes(l, 100, "198.51.100.10:1", "casas"))
		require.Equal(t, 2, passes(l, 100, "198.51.100.11:1", "lotes"), "but no other site")
	})
}

// A client that comes back when it was told to is let in, and one that comes
// earlier is not.
func TestRetryAfterIsHonest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := server.NewLimits(nil, server.Limit{N: 2, Per: time.Minute}, none)
		const addr = "198.51.100.7:1"
		require.Equal(t, 2, passes(l, 2, addr, "casas"))
		require.Equal(t, 30*time.Second, l.Wait(from(addr), "casas"))
		time.Sleep(12400 * time.Millisecond)
		wait := l.Wait(from(addr), "casas")
		require.Equal(t, 17600*time.Millisecond, wait)

		h := http.Header{}
		problem.NewTooMany(wait).WriteHeaders(h)
		require.Equal(t, "18", h.Get("Retry-After"))
		seconds, err := strconv.Atoi(h.Get("Retry-After"))
		require.NoError(t, err)
		time.Sleep(time.Duration(seconds) * time.Second)
		require.Zero(t, l.Wait(from(addr), "casas"))
	})
}

func TestABucketKeepsItsWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := server.Limit{
			N:   rapid.IntRange(1, 100).Draw(t, "n"),
			Per: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "per"),
		}
		b := server.NewBucket(limit)
		var now time.Duration
		taken := 0
		for _, pause := range rapid.SliceOfN(rapid.Int64Range(0, int64(limit.Per)/10), 1, 200).Draw(t, "pauses") {
			now += time.Duration(pause)
			wait := b.Take(now)
			if wait == 0 {
				taken++
				continue
			}
			require.LessOrEqual(t, wait, limit.Per/time.Duration(limit.N))
			require.Positive(t, b.Take(now+wait-1), "a moment before")
			require.Zero(t, b.Take(now+wait), "and then")
			now += wait
			taken++
		}
		grown := float64(now) / float64(limit.Per/time.Duration(limit.N))
		require.LessOrEqual(t, float64(taken), float64(limit.N)+grown+1e-6)
	})
}

func TestManyAtOnceGetNoMoreThanTheLimit(t *testing.T) {
	l := server.NewLimits(nil, server.Limit{N: 60, Per: time.Hour}, none)
	var count atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { count.Add(int32(passes(l, 100, "198.51.100.7:1", "casas"))) })
	}
	all.Wait()
	require.EqualValues(t, 60, count.Load())
}

// One who is over the limit is remembered while thousands of others come, also
// when he tries only now and then.
func TestAFloodOfOthersFreesNobodyEarly(t *testing.T) {
	l := server.NewLimits(nil, server.Limit{N: 1, Per: time.Hour}, none)
	const addr = "198.51.100.7:1"
	require.Equal(t, 1, passes(l, 2, addr, "casas"))
	for i := range 3 * server.MostBuckets {
		require.Zero(t, l.Wait(number(i), "casas"))
		if i%(server.MostBuckets-1) == 0 {
			require.Zero(t, passes(l, 1, addr, "casas"))
		}
	}
}

// number is a post from one of millions of addresses.
func number(i int) *http.Request {
	a := netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)})
	return &http.Request{RemoteAddr: netip.AddrPortFrom(a, 1).String()}
}

// number6 is the same from one of millions of /64.
func number6(i int) *http.Request {
	a := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(i >> 16), byte(i >> 8), byte(i), 15: 1})
	return &http.Request{RemoteAddr: netip.AddrPortFrom(a, 1).String()}
}

// F3: a flood from a million addresses costs a bounded memory, and each of them
// passes as any other would.
func TestAMillionAddresses(t *testing.T) {
	for name, post := range map[string]func(int) *http.Request{"IPv4": number, "IPv6, each from a /64 of its own": number6} {
		t.Run(name, func(t *testing.T) {
			const addresses, mostBytes = 1_000_000, 16 << 20
			l := server.NewLimits(nil, server.Limit{N: 1, Per: time.Hour}, none)
			before, top := heap(), int64(0)
			for i := range addresses {
				require.Zero(t, l.Wait(post(i), "casas"))
				if i%10_000 == 9_999 {
					top = max(top, heap()-before)
				}
			}
			runtime.KeepAlive(l)
			t.Logf("%.1f MiB", float64(top)/(1<<20))
			require.Less(t, top, int64(mostBytes))
		})
	}
}

// One customer's network is one customer, however many addresses it has, and
// leaves nothing behind.
func TestAMillionAddressesOfOneNetwork(t *testing.T) {
	const addresses, mostBytes = 1_000_000, 64 << 10
	l := server.NewLimits(nil, server.Limit{N: 60, Per: time.Hour}, none)
	before, count := heap(), 0
	for i := range addresses {
		a := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 8: byte(i >> 16), 9: byte(i >> 8), 15: byte(i)})
		count += passed(l, &http.Request{RemoteAddr: netip.AddrPortFrom(a, 1).String()})
	}
	require.Equal(t, 60, count)
	require.Less(t, heap()-before, int64(mostBytes))
	runtime.KeepAlive(l)
}

// heap is what is in use, without garbage.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
