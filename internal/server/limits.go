package server

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Limit is the size of a token bucket: N at once, then N in each Per. Its zero
// value lets everything pass.
type Limit struct {
	N   int
	Per time.Duration
}

// Limits keeps floods out, by address and by site.
type Limits struct {
	begun   time.Time
	proxies Proxies
	address buckets[netip.Addr]
	site    buckets[string]
}

// NewLimits returns limits for each address and each site.
func NewLimits(proxies Proxies, address, site Limit) *Limits {
	return &Limits{
		begun:   time.Now(),
		proxies: proxies,
		address: buckets[netip.Addr]{limit: address},
		site:    buckets[string]{limit: site},
	}
}

// Wait returns how long the sender of a post must wait; zero lets it pass. An
// address that is over its own limit costs the site nothing.
func (l *Limits) Wait(r *http.Request, site string) time.Duration {
	now := time.Since(l.begun) // a jump of the clock changes nothing
	if wait := l.address.take(l.proxies.Client(r), now); wait > 0 {
		return wait
	}
	return l.site.take(site, now)
}

// Busy reports a sender that has used up more than half of its bucket: hardly
// one person, though an office behind one address may be so busy.
func (l *Limits) Busy(r *http.Request) bool {
	return l.address.isLow(l.proxies.Client(r), time.Since(l.begun))
}

// mostBuckets bounds a generation of buckets; both together stay below 8 MiB.
const mostBuckets = 50_000

// buckets holds one bucket a key, in two generations: when the young one is
// full, the old one is forgotten. So memory is bounded however many addresses
// there are, and only a flood of them makes it forget one early. All that a
// bucket is, is the time at which it will be full again.
type buckets[K comparable] struct {
	limit      Limit
	mu         sync.Mutex
	young, old map[K]time.Duration
}

// take takes a token, or returns how long it takes until there is one.
func (b *buckets[K]) take(key K, now time.Duration) (wait time.Duration) {
	if b.limit.N == 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	token := b.limit.Per / time.Duration(b.limit.N) // takes this long to grow
	full := max(b.full(key), now)
	if wait = full + token - now - b.limit.Per; wait <= 0 {
		full, wait = full+token, 0
	}
	b.put(key, full)
	return wait
}

func (b *buckets[K]) isLow(key K, now time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.full(key)-now > b.limit.Per/2
}

func (b *buckets[K]) full(key K) time.Duration {
	if full, ok := b.young[key]; ok {
		return full
	}
	return b.old[key]
}

func (b *buckets[K]) put(key K, full time.Duration) {
	if b.young == nil || len(b.young) >= mostBuckets {
		b.young, b.old = make(map[K]time.Duration), b.young
	}
	b.young[key] = full
}
