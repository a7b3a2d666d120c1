package flood_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/flood"
)

// usual returns a gate with the usual limits, for two sites of one credential and one
// of another.
func usual() *flood.Gate {
	return flood.New(flood.Options{
		Address: sixty, Site: flood.Limit{N: 300, Per: time.Minute}, Pace: 5, Credentials: map[string]string{"casas": "key", "lofts": "key", "portal": "other"},
	})
}

// one returns a lead that differs from the others in everything but its site.
func one(from netip.Addr, i int) flood.Lead {
	return flood.Lead{From: from, Site: "casas", Property: fmt.Sprint("EB-", i), Email: fmt.Sprint("ana", i, "@ejemplo.mx"), Bytes: 200, Bare: 150}
}

// On an ordinary day of a busy site, with ten inquiries at once now and then, every
// lead goes on unchanged.
func TestAnOrdinaryDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := usual(), func(s flood.Decision) bool { return s.Wait == 0 && !s.Bare && !s.Quarantine && s.Delay == 0 }
		for i := range 24 * 60 {
			require.True(t, free(g.Take(one(number(i%700*65536), i))))
			if i%60 == 0 {
				for k := range 10 {
					l := one(netip.MustParseAddr("198.51.100.7"), 100*i+k)
					l.Property = "EB-OFFICE"
					require.True(t, free(g.Take(l)), "an office")
				}
			}
			time.Sleep(time.Minute)
		}
	})
}

// Leads over the site's limit are quarantined. A part of the limit is reserved for senders of
// few leads: the fewer they have sent, the more of it.
func TestOverTheSitesLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, sent := usual(), 0
		const senders = 20
		for i := range 1000 {
			if s := g.Take(one(number(i%senders*65536), i)); !s.Quarantine {
				sent++
			}
		}
		require.Equal(t, 225, sent, "three quarters of 300")
		office, quarantined := netip.MustParseAddr("2001:db8:1::"), 0
		for i := range 10 {
			if g.Take(one(office, 2000+i)).Quarantine {
				quarantined++
			}
			for g.Take(one(number(0), 0)); !g.Take(one(number(65536), 1)).Quarantine; { // the flood takes what there is
			}
			time.Sleep(200 * time.Millisecond)
		}
		require.Zero(t, quarantined, "ten of an office")
		for i := range 75 {
			require.False(t, g.Take(one(number6(i), 3000+i)).Quarantine, "a first one")
		}
		require.True(t, g.Take(one(number6(999), 4000)).Quarantine, "nothing is left")
		l := one(number6(1000), 4001)
		l.Site = "portal"
		require.False(t, g.Take(l).Quarantine, "another site")
		time.Sleep(200 * time.Millisecond)
		require.False(t, g.Take(one(number6(1001), 4002)).Quarantine)
	})
}

// A lead that was not kept, or had been before, costs the site nothing. A lead that is
// quarantined anyway does not wait at the courier. The sender is charged for all.
func TestWhatIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := usual()
		for i := range 2000 {
			l := one(number(i*65536), i)
			l.Property = "EB-1"
			g.GiveBack(g.Take(l))
			l.Quarantined = true
			g.Take(l)
		}
		for i := range 300 {
			require.False(t, g.Take(one(number6(i), 5000+i)).Quarantine)
		}
		require.True(t, g.Take(one(number6(300), 5300)).Quarantine)
	})
}

// A sender has 300 leads at once and then 20 an hour, however they are spread. So has a
// property, except for the leads of new senders.
func TestWhatASenderAndAPropertyGet(t *testing.T) {
	const hours = 24
	sent := func(change func(i int, l *flood.Lead)) (first, all int) {
		g := usual()
		for hour := range hours {
			for i := range 1000 { // one in 3.6 s
				l := one(number(i*65536), 1000*hour+i)
				if change(i, &l); !g.Take(l).Quarantine {
					all++
				}
				time.Sleep(time.Hour / 1000)
			}
			if hour == 0 {
				first = all
			}
		}
		return first, all
	}
	tests := map[string]struct {
		change     func(i int, l *flood.Lead)
		first, all int
	}{
		"an address":  {func(_ int, l *flood.Lead) { l.From = number(7) }, 320, 780},
		"a /48":       {func(i int, l *flood.Lead) { l.From = netip.AddrFrom16([16]byte{0x20, 1, 6: byte(i >> 8), 7: byte(i)}) }, 320, 780},
		"an e-mail":   {func(_ int, l *flood.Lead) { l.Email = "Ana@ejemplo.mx" }, 320, 780},
		"a property":  {func(i int, l *flood.Lead) { l.From, l.Property = number(i%16*65536), "EB-1" }, 320, 780},
		"new senders": {func(_ int, l *flood.Lead) { l.Property = "EB-1" }, 620, 1080},
		"no property": {func(_ int, l *flood.Lead) { l.Property = "" }, 1000, 24000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, all := sent(tt.change)
				require.InDelta(t, tt.first, first, 0.1*float64(tt.first))
				require.InDelta(t, tt.all, all, 0.1*float64(tt.all))
			})
		})
	}
}

// While the courier has enough to do, leads of senders of many are delayed, and no
// others, even if the flood is spread over the sites of one credential.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := usual()
		take := func(site string, from netip.Addr, i int) flood.Decision {
			l := one(from, i)
			l.Site = site
			return g.Take(l)
		}
		var last time.Duration
		for i := range 150 {
			last = take("casas", number(1), i).Delay
		}
		require.Equal(t, 19800*time.Millisecond, last, "149 before it at five a second, ten seconds of which the courier has at hand")
		for i := range 150 {
			last = take("lofts", number(1), i).Delay
		}
		require.Equal(t, 49800*time.Millisecond, last, "they share a backlog")
		require.Zero(t, take("lofts", number(70_000), 1).Delay, "a new sender")
		for i := range 100 {
			last = take("portal", number(1), i).Delay
		}
		require.Equal(t, 9800*time.Millisecond, last, "another backlog")
	})
}

// No lead is delayed by more than an hour. One that would be is quarantined.
func TestALateTurnIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		credentials := map[string]string{}
		for i := range 100 {
			credentials[fmt.Sprint("site", i)] = "key"
		}
		g := flood.New(flood.Options{Address: sixty, Site: flood.Limit{N: 300, Per: time.Minute}, Pace: 5, Credentials: credentials})
		var longest time.Duration
		quarantined := 0
		for i := range 30_000 {
			l := one(number(i%20*65536), i)
			l.Site = fmt.Sprint("site", i%100)
			s := g.Take(l)
			if longest = max(longest, s.Delay); s.Quarantine {
				quarantined++
			}
		}
		require.LessOrEqual(t, longest, time.Hour)
		require.Greater(t, longest, 55*time.Minute)
		require.Positive(t, quarantined)
		l := one(number6(1), 1)
		l.Site = "site1"
		s := g.Take(l)
		require.False(t, s.Quarantine)
		require.Zero(t, s.Delay)
	})
}

// A day of a flood that the limits on addresses let in, with leads as large as a body
// may be, takes less than 2 GB. Its senders are told when to come again, and at the end
// of the day new visitors are still let in.
func TestADayOfBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	synctest.Test(t, func(t *testing.T) {
		const each, large, bare, most = 400 * time.Millisecond, 60_000, 5_500, 2_000_000_000
		g, kept, refused, visitors := usual(), 0, 0, 0
		for i := range int(24 * time.Hour / each) {
			l := one(number(i%40*65536), i)
			l.Bytes, l.Bare = large, bare
			switch s := g.Take(l); {
			case s.Wait > 0:
				refused++
			case s.Bare:
				kept += bare + 1500
			default:
				kept += large + 1500
			}
			if i%150 == 0 {
				visitors++
				s := g.Take(one(number6(i), i))
				require.Zero(t, s.Wait)
				require.False(t, s.Bare, "what a visitor typed is kept whole")
			}
			time.Sleep(each)
		}
		t.Logf("%d MB, %d refused, %d visitors", kept/1_000_000, refused, visitors)
		require.Less(t, kept, most)
		require.Positive(t, refused)
	})
}

// A sender that comes again when it was told to is let in.
func TestTheWaitForBytesIsHonest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := usual()
		l := one(number(1), 1)
		l.Bytes, l.Bare = 50_000, 50_000
		s := g.Take(l)
		for s.Wait == 0 {
			s = g.Take(l)
		}
		time.Sleep(s.Wait - 1)
		require.Positive(t, g.Take(l).Wait)
		time.Sleep(time.Nanosecond)
		require.Zero(t, g.Take(l).Wait)
	})
}

func TestLimitsThatAreOff(t *testing.T) {
	g := flood.New(flood.Options{Pace: 5, Credentials: map[string]string{"casas": "key"}})
	for i := range 5000 {
		l := one(number(1), i)
		l.Property = "EB-1"
		require.Equal(t, flood.Decision{}, public(g.Take(l)))
	}
	g = flood.New(flood.Options{Pace: 5, Site: flood.Limit{N: 300, Per: time.Hour}, Credentials: map[string]string{"casas": "key"}})
	quarantined := 0
	for i := range 400 {
		if g.Take(one(number(1), i)).Quarantine {
			quarantined++
		}
	}
	require.Equal(t, 100, quarantined, "without limits by address all are new")
}

func public(s flood.Decision) flood.Decision {
	return flood.Decision{Wait: s.Wait, Bare: s.Bare, Quarantine: s.Quarantine, Over: s.Over, Delay: s.Delay}
}

// Hundreds of thousands of senders, e-mail addresses and properties take bounded
// memory.
func TestManyLeads(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	const leads, mostBytes = 300_000, 16 << 20
	g := usual()
	before, top := heap(), int64(0)
	for i := range leads {
		g.Take(one(number(i), i))
		if i%30_000 == 29_999 {
			top = max(top, heap()-before)
		}
	}
	runtime.KeepAlive(g)
	t.Logf("%.1f MiB", float64(top)/(1<<20))
	require.Less(t, top, int64(mostBytes))
}

func BenchmarkGate(b *testing.B) {
	g := usual()
	l := one(number(1), 1)
	b.ReportAllocs()
	for b.Loop() {
		g.Wait(l.From)
		g.Busy(l.From)
		g.GiveBack(g.Take(l))
	}
}
