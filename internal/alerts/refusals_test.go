package alerts

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
)

func client(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

func TestWhatADoorRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRefusals()
		causes := func() (all []string) {
			for _, s := range r.signs(time.Now()) {
				require.Equal(t, lead.AlertRefused, s.Kind)
				all = append(all, Cause(locale.EN, s))
			}
			return all
		}
		for range 20 { // one robot
			r.Add("origin", "casas", "https://casas.co", client(1))
		}
		r.Add("origin", "casas", "https://casas.co", client(2))
		r.Add("origin", "casas", "https://other.example", client(3))
		require.Empty(t, causes())
		r.Add("origin", "casas", "https://casas.co", client(3))
		origin := []string{"“casas” refuses what comes from https://casas.co: that page is not on its list"}
		require.Equal(t, origin, causes())
		r.Good("casas")
		require.Equal(t, origin, causes(), "from another page")

		time.Sleep(23 * time.Hour)
		for n := range 9 {
			r.Add("fields", "lofts", "", client(n))
		}
		require.Equal(t, origin, causes())
		r.Good("lofts")
		r.Add("fields", "lofts", "", client(9))
		require.Equal(t, origin, causes(), "a good one came between")
		time.Sleep(2 * time.Hour)
		require.Empty(t, causes(), "nobody has met it for a day")
		for n := range 10 {
			r.Add("fields", "lofts", "", client(n))
			r.Add("site", "", "casa", client(n))
		}
		require.ElementsMatch(t, []string{
			"“lofts” has refused ten visitors in a row: what its form sends is incomplete or wrong", "Somebody posts to a site that there is not: casa",
		}, causes())
		r.Good("lofts")
		require.Equal(t, []string{"Somebody posts to a site that there is not: casa"}, causes())
	})
}

// Whoever invents names fills no memory, and hides nobody who came before.
func TestInventedNames(t *testing.T) {
	r := NewRefusals()
	for n := range fewVisitors - 1 {
		r.Add("origin", "casas", "https://casas.co", client(n))
	}
	for n := range 1000 {
		r.Add("origin", "casas", fmt.Sprintf("https://%d.example", n), client(7))
	}
	require.Len(t, r.sites[refusedFor{"origin", "casas"}].byName, maxNames)
	r.Add("origin", "casas", "https://casas.co", client(9))
	require.Equal(t, "https://casas.co", r.signs(time.Now())[0].Name)
}

// A network of IPv6 is one visitor.
func TestWhoIsAVisitor(t *testing.T) {
	require.Equal(t, visitor(netip.MustParseAddr("2001:db8::1")), visitor(netip.MustParseAddr("2001:db8::2")))
	require.NotEqual(t, visitor(netip.MustParseAddr("192.0.2.1")), visitor(netip.MustParseAddr("192.0.2.2")))
	require.Equal(t, visitor(netip.MustParseAddr("192.0.2.1")), visitor(netip.MustParseAddr("::ffff:192.0.2.1")))
	require.Equal(t, netip.Prefix{}, visitor(netip.Addr{}))
}

// What a taken post pays for it, from all processors at once.
func BenchmarkGood(b *testing.B) {
	r := NewRefusals()
	for i := range 10 {
		r.Add("origin", "casas", "https://other.example", client(i))
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Good("casas")
		}
	})
}
