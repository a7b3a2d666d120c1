// Package flood limits what one sender may have of a site, so that a flood costs
// its senders and not the site's visitors. It knows addresses and numbers, and
// nothing about HTTP or how a lead is kept. Everything that it remembers is in
// memory, bounded, and meaningless outside this process: see decision 16.
package flood

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"

	"leadrelay/internal/bounded"
)

const (
	// A sender and a property may have one lead in each leadInterval. They may save
	// up for 300 at once, and what is beyond is quarantined. That makes 780 on the first
	// day, and 480 on each day after.
	leadInterval  = 3 * time.Minute
	senderBurst   = 300 * leadInterval
	propertyBurst = 300 * leadInterval
	// newcomerSpan is how far ahead of that pace a sender may be and still have a
	// claim to what is reserved for new senders: an office of ten is new. The claim
	// shrinks with each lead. Reserved are a part of the site's limit, which is one
	// in reservedPart, as many leads about a property again, and the bytes of two
	// days.
	newcomerSpan = 10 * leadInterval
	reservedPart = 4

	// maxBacklog is how much work may wait at the courier before leads of senders
	// who have sent a few already are delayed, by maxDelay at most. maxDelay must be
	// shorter than the courier believes any lead to be due.
	maxBacklog = 10 * time.Second
	maxDelay   = time.Hour

	// dailyBytes is how many bytes of leads a site takes completely in a day. It
	// takes as much again with our own fields only. rowBytes is what any lead costs
	// beside its texts: the row, its indexes, its attempts, what is escaped, and
	// what is left empty of a page.
	dailyBytes  = 200_000_000
	rowBytes    = 1500
	day         = 24 * time.Hour
	timePerByte = day / dailyBytes
)

// Options are the limits. A limit of zero lets everything pass.
type Options struct {
	Address Limit // posts from one address; wider networks have wider limits
	Site    Limit // leads that a site sends on

	// Credentials name the credential of each site. Sites with the same credential
	// share its pace. Pace is how many leads a second a credential is sure to
	// deliver.
	Credentials map[string]string
	Pace        float64
}

// Gate counts posts and leads. It is safe for concurrent use.
type Gate struct {
	start    time.Time
	address  Limit
	site     Limit
	delivery time.Duration // how long a credential takes for one lead

	mu         sync.Mutex
	seed       maphash.Seed
	addresses  buckets
	senders    buckets // by site and network
	emails     buckets // by site and e-mail address
	properties buckets // by site and property
	sites      map[string]*account
}

// account is what a site has used. Each is the time, since the gate's start, at
// which the site has all of it again.
type account struct {
	leads, bytes time.Duration
	backlog      *time.Duration // when the courier has delivered what waits for the credential
}

// New returns a gate for the sites that have a credential.
func New(opt Options) *Gate {
	g := &Gate{
		start: time.Now(), address: opt.Address, site: opt.Site, delivery: time.Duration(float64(time.Second) / opt.Pace),
		seed: maphash.MakeSeed(), sites: make(map[string]*account, len(opt.Credentials)),
		addresses: newBuckets(), senders: newBuckets(), emails: newBuckets(), properties: newBuckets(),
	}
	backlogs := map[string]*time.Duration{}
	for site, credential := range opt.Credentials {
		if backlogs[credential] == nil {
			backlogs[credential] = new(time.Duration)
		}
		g.sites[site] = &account{backlog: backlogs[credential]}
	}
	return g
}

// Lead is a lead that is about to be kept.
type Lead struct {
	From                  netip.Addr
	Site, Property, Email string

	Bytes       int  // its texts
	Bare        int  // the texts of our own five fields only
	Quarantined bool // it goes nowhere by itself
}

// Decision is what the gate has decided about a lead.
type Decision struct {
	Wait       time.Duration // not zero: the site can take nothing more from this sender until then
	Bare       bool          // there is room for our own five fields only
	Quarantine bool          // a person must look at it first
	Over       string        // the limit that the lead is over, if it is quarantined, for the log
	Delay      time.Duration // it is due so much later

	site     *account
	property uint64 // zero if there is none
	bytes    time.Duration
	isSent   bool // it goes on to the courier
}

// Take counts a lead. A lead over the limit of the site, or beyond what a sender or
// a property gets, is quarantined. While the courier has enough to do, a lead is delayed.
// Both happen to senders of many leads first, because a quota is reserved for the
// others.
func (g *Gate) Take(l Lead) Decision {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.sites[l.Site]
	if a == nil {
		return Decision{}
	}
	now := time.Since(g.start)
	from := g.senderOf(&l)
	ahead := from.full - now
	claim := max(0, 1-max(0, ahead.Seconds())/newcomerSpan.Seconds()) // to what is reserved for new senders
	s := Decision{site: a}
	if s.weigh(&l, claim, now); s.Wait > 0 {
		return s
	}
	isOver := ahead > senderBurst-leadInterval
	from.charge(isOver, now)
	a.bytes = max(a.bytes, now) + s.bytes
	if l.Quarantined || g.site.N == 0 {
		return s
	}
	property := g.key(l.Site, "property", l.Property)
	delay := min(ahead-newcomerSpan, *a.backlog-now-maxBacklog)
	switch {
	case isOver:
		s.Quarantine, s.Over = true, "sender"
	case delay > maxDelay:
		s.Quarantine, s.Over = true, "courier"
	case a.leads-now+g.site.interval() > g.site.Per-part(g.site.Per/reservedPart, 1-claim):
		s.Quarantine, s.Over = true, "site"
	case g.properties.full(property)-now+leadInterval > propertyBurst+part(propertyBurst, claim):
		s.Quarantine, s.Over = true, "property"
	}
	if s.Quarantine {
		return s
	}
	s.Delay, s.isSent = max(0, delay), true
	a.leads = max(a.leads, now) + g.site.interval()
	*a.backlog = max(*a.backlog, now) + g.delivery
	if l.Property != "" {
		s.property = property
		g.properties.Put(property, max(g.properties.full(property), now)+leadInterval)
	}
	return s
}

// part returns a fraction of a time.
func part(of time.Duration, fraction float64) time.Duration {
	return time.Duration(fraction * float64(of))
}

// weigh sets how much of a lead the site has room for.
func (s *Decision) weigh(l *Lead, claim float64, now time.Duration) {
	used, room := max(0, s.site.bytes-now), day+part(2*day, claim)
	s.bytes = time.Duration(l.Bytes+rowBytes) * timePerByte
	if used+s.bytes > room {
		s.Bare, s.bytes = true, time.Duration(l.Bare+rowBytes)*timePerByte
	}
	s.Wait = max(0, used+s.bytes-room-day)
}

// GiveBack takes back what a lead has cost its site, because it was not kept, or
// had been before. Its sender pays for it all the same.
func (g *Gate) GiveBack(s Decision) {
	if s.site == nil || s.Wait > 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s.site.bytes -= s.bytes
	if !s.isSent {
		return
	}
	s.site.leads -= g.site.interval()
	*s.site.backlog -= g.delivery
	if full := g.properties.full(s.property); full > 0 {
		g.properties.Put(s.property, full-leadInterval)
	}
}

// sender is who sends a lead: its networks and its e-mail address. It has all again
// when the last of these has.
type sender struct {
	full  time.Duration
	marks [3]mark
}

// mark is one thing by which a sender is known.
type mark struct {
	in    *buckets
	key   uint64
	full  time.Duration
	price time.Duration
}

func (g *Gate) senderOf(l *Lead) (s sender) {
	n := 0
	add := func(in *buckets, key uint64, price time.Duration) {
		s.marks[n] = mark{in, key, in.full(key), price}
		s.full = max(s.full, s.marks[n].full)
		n++
	}
	if l.Email != "" {
		add(&g.emails, g.key(l.Site, "email", strings.ToLower(l.Email)), leadInterval)
	}
	if g.address.N > 0 {
		for _, net := range pick(l.From, sending4, sending6) {
			add(&g.senders, g.network(l.Site, l.From, net.bits), leadInterval/net.times)
		}
	}
	return s
}

// charge counts a lead for its sender. A lead over the sender's limit is not
// counted, so that the sender may have another after a while, but the sender is
// remembered for it.
func (s *sender) charge(isOver bool, now time.Duration) {
	for _, m := range s.marks {
		if m.in == nil {
			continue
		}
		full := max(m.full, now)
		if !isOver {
			full += m.price
		}
		m.in.Put(m.key, full)
	}
}

// key returns the hash of one of a site's e-mail addresses or properties.
func (g *Gate) key(site, kind, text string) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	for _, word := range [...]string{site, kind, text} {
		_, _ = h.WriteString(word)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// Limit is the size of a token bucket: N at once, then N in each Per. Its zero
// value lets everything pass.
type Limit struct {
	N   int
	Per time.Duration
}

// interval returns how long one token takes to grow back.
func (l Limit) interval() time.Duration {
	if l.N == 0 {
		return 0
	}
	return l.Per / time.Duration(l.N)
}

// maxBuckets bounds one generation of buckets. Both together stay below 5 MiB.
const maxBuckets = 50_000

// buckets holds a token bucket for each key. A bucket is stored as the time at
// which it will be full again. Only a flood of keys makes it forget one early.
type buckets struct {
	bounded.Map[uint64, time.Duration]
}

func newBuckets() buckets { return buckets{bounded.New[uint64, time.Duration](maxBuckets)} }

// full returns when the bucket will be full again. A full bucket has a time that
// has passed, or zero.
func (b *buckets) full(key uint64) time.Duration {
	full, _ := b.Get(key)
	return full
}
