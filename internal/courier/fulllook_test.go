package courier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/courier"
	"leadrelay/internal/lead"
)

// slowly is a database in which a look from the beginning takes long, because somebody's
// transaction keeps the places of leads that have left.
type slowly struct {
	*replica
	took  time.Duration
	spent atomic.Int64 // on such looks
}

func (s *slowly) pass(since time.Time) {
	if time.Since(since) > 2*time.Minute {
		time.Sleep(s.took)
		s.spent.Add(int64(s.took))
	}
}

func (s *slowly) Begin(ctx context.Context, site string, q lead.Due) ([]lead.Claim, time.Time, error) {
	s.pass(q.Since)
	return s.replica.Begin(ctx, site, q)
}

func (s *slowly) SitesDue(ctx context.Context, sites []string, since, now time.Time) ([]string, error) {
	s.pass(since)
	return s.replica.SitesDue(ctx, sites, since, now)
}

// Beside somebody's open transaction a lead goes out as soon as ever, and one that comes in
// with an old time waits for seconds at most.
func TestALeadGoesOutBesideAnOpenTransaction(t *testing.T) {
	for name, took := range map[string]time.Duration{"it takes long": 300 * time.Millisecond, "it takes longer": 500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const each, leads = 4 * time.Second, 20
				b := &broker{page: 50}
				w := &replicas{world: newWorld(t, b)}
				r := &replica{Store: w.store, table: &leaseTable{leases: map[string]*leaseRow{}}, broker: b}
				s := &slowly{replica: r, took: took}
				w.startWith(s, r, courier.Options{})
				time.Sleep(2 * took)
				time.Sleep(15 * time.Second)
				began, before := time.Now(), s.spent.Load()
				var waits []time.Duration
				for range leads {
					kept, sent := time.Now(), len(b.posts())
					w.post("casas")
					for len(b.posts()) == sent {
						time.Sleep(50 * time.Millisecond)
						require.Less(t, time.Since(kept), each)
					}
					waits = append(waits, time.Since(kept))
					time.Sleep(each - time.Since(kept))
				}
				soon := 0
				for _, took := range waits {
					if took <= 300*time.Millisecond {
						soon++
					}
				}
				require.GreaterOrEqual(t, soon, leads*8/10, "%v", waits)
				require.LessOrEqual(t, s.spent.Load()-before, int64(time.Since(began)/8))

				old := w.postAt(time.Now().Add(-time.Hour)) // another replica keeps it
				w.await(old, lead.Delivered, 22*time.Second)
				for range 100 { // a backlog
					w.postAt(time.Now().Add(-time.Minute * 30))
				}
				time.Sleep(time.Minute)
				require.Len(t, b.posts(), leads+101)
			})
		})
	}
}
