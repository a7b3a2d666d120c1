package flood

import "time"

// Limit is the size of a token bucket: N at once, then N in each Per. Its zero
// value lets everything pass.
type Limit struct {
	N   int
	Per time.Duration
}

// token is how long one takes to grow.
func (l Limit) token() time.Duration {
	if l.N == 0 {
		return 0
	}
	return l.Per / time.Duration(l.N)
}

// mostBuckets bounds a generation of buckets; both together stay below 5 MiB.
const mostBuckets = 50_000

// buckets holds one bucket a key, in two generations: when the young one is
// full, the old one is forgotten. So memory is bounded however many keys there
// are, and only a flood of them makes it forget one early. All that a bucket is,
// is the time at which it will be full again.
type buckets struct{ young, old map[uint64]time.Duration }

// full is when the bucket will be full again; a time that has passed, or zero,
// when it is.
func (b *buckets) full(key uint64) time.Duration {
	if full, ok := b.young[key]; ok {
		return full
	}
	return b.old[key]
}

func (b *buckets) put(key uint64, full time.Duration) {
	if b.young == nil || len(b.young) >= mostBuckets {
		b.young, b.old = make(map[uint64]time.Duration), b.young
	}
	b.young[key] = full
}
