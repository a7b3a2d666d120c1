package server

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limit is the size of a token bucket: N at once, then N in each Per. Its zero
// value lets everything pass.
type Limit struct {
	N   int
	Per time.Duration
}

func (l Limit) off() bool { return l.N == 0 }

func (l Limit) bucket() *rate.Limiter {
	return rate.NewLimiter(rate.Every(l.Per/time.Duration(l.N)), l.N)
}

// Limits keeps floods out, by address and by site.
type Limits struct {
	proxies Proxies
	address buckets[netip.Addr]
	site    buckets[string]
}

// NewLimits returns limits for each address and each site.
func NewLimits(proxies Proxies, address, site Limit) *Limits {
	return &Limits{proxies: proxies, address: buckets[netip.Addr]{limit: address}, site: buckets[string]{limit: site}}
}

// Wait returns how long the sender of a post must wait; zero lets it pass. An
// address that is over its own limit costs the site nothing.
func (l *Limits) Wait(r *http.Request, site string) time.Duration {
	now := time.Now()
	if wait := l.address.wait(l.proxies.Client(r), now); wait > 0 {
		return wait
	}
	return l.site.wait(site, now)
}

// mostBuckets bounds a generation of buckets: about 8 MiB.
const mostBuckets = 50_000

// buckets holds one bucket a key, in two generations: when the young one is
// full, the old one is forgotten. So memory is bounded however many addresses
// there are, and only a flood of them makes it forget one early.
type buckets[K comparable] struct {
	limit      Limit
	mu         sync.Mutex
	young, old map[K]*rate.Limiter
}

func (b *buckets[K]) wait(key K, now time.Time) time.Duration {
	if b.limit.off() {
		return 0
	}
	b.mu.Lock()
	bucket := b.get(key)
	b.mu.Unlock()
	if bucket.AllowN(now, 1) {
		return 0
	}
	return b.limit.Per / time.Duration(b.limit.N)
}

func (b *buckets[K]) get(key K) *rate.Limiter {
	if bucket, ok := b.young[key]; ok {
		return bucket
	}
	if b.young == nil || len(b.young) >= mostBuckets {
		b.young, b.old = make(map[K]*rate.Limiter), b.young
	}
	bucket, ok := b.old[key]
	if !ok {
		bucket = b.limit.bucket()
	}
	b.young[key] = bucket
	return bucket
}
