// Package flood says what one sender may have of a site, so that a flood costs
// its senders and not the site's visitors. It knows addresses and numbers, and
// nothing of HTTP or of how a lead is kept. All that it remembers is in memory,
// bounded, and means nothing outside this process: see decision 16.
package flood

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// aWhile after a lead its sender and its property may have another. They may
	// have saved up for 300 at once: what is beyond is held. So that is 780 on
	// the first day, and 480 on each day after.
	aWhile    = 3 * time.Minute
	aSender   = 300 * aWhile
	aProperty = 300 * aWhile
	// newFor is how far ahead of that a sender may be and still have a claim to
	// what is kept for new ones: an office of ten is new. It is the less the more
	// he has sent. Kept is a quarter of the site's limit, as many leads about a
	// property again, and the bytes of two days.
	newFor = 10 * aWhile
	kept   = 4

	// slack is how much work may wait at the courier before leads of those who
	// sent a few already wait for their turn, and longestTurn how long they do at
	// most. It must be shorter than the courier believes any lead to be due.
	slack       = 10 * time.Second
	longestTurn = time.Hour

	// dailyBytes of leads a site takes in full in a day, and once more as much
	// with our own fields alone. rowBytes is what any lead takes beside its
	// texts: the row, its indexes, its attempts, what is escaped, and what is left
	// empty of a page.
	dailyBytes = 200_000_000
	rowBytes   = 1500
	day        = 24 * time.Hour
	aByte      = day / dailyBytes
)

// Options say what there is to share. Limits of zero let everything pass.
type Options struct {
	Address Limit // posts from one address; wider networks have wider limits
	Site    Limit // leads that a site sends on

	// Lanes tell for each site whose pace it shares: those with the same name
	// share one. Pace is how many leads a second each carries for sure.
	Lanes map[string]string
	Pace  float64
}

// Gate is where posts and leads are counted. It is safe for concurrent use.
type Gate struct {
	begun   time.Time
	address Limit
	site    Limit
	aLead   time.Duration // takes a lane this long

	mu         sync.Mutex
	seed       maphash.Seed
	addresses  buckets
	senders    buckets // by site and network
	mails      buckets // by site and e-mail
	properties buckets // by site and property
	sites      map[string]*account
}

// account is what a site has used up, each as the time at which it will have
// all again.
type account struct {
	leads, bytes time.Duration
	lane         *time.Duration // when the courier will be done with what it has
}

// New returns a gate for the sites that have a lane.
func New(opt Options) *Gate {
	g := &Gate{
		begun: time.Now(), address: opt.Address, site: opt.Site, aLead: time.Duration(float64(time.Second) / opt.Pace),
		seed: maphash.MakeSeed(), sites: make(map[string]*account, len(opt.Lanes)),
	}
	lanes := map[string]*time.Duration{}
	for site, name := range opt.Lanes {
		if lanes[name] == nil {
			lanes[name] = new(time.Duration)
		}
		g.sites[site] = &account{lane: lanes[name]}
	}
	return g
}

// Lead is one that is about to be kept.
type Lead struct {
	From                  netip.Addr
	Site, Property, Email string

	Bytes int  // its texts
	Bare  int  // those of our own five fields alone
	Apart bool // it goes to nobody by itself
}

// Share is what becomes of a lead.
type Share struct {
	Wait  time.Duration // not zero: the site can take nothing more of this sender before that
	Bare  bool          // there is room for our own five fields alone
	Held  bool          // a person must look at it first
	Over  string        // whose limit it is over that is held, for the log
	Delay time.Duration // its turn comes so much later

	site     *account
	property uint64 // zero when there is none
	bytes    time.Duration
	sent     bool // it goes on to the courier
}

// Take counts a lead. Over the limit of the site, or beyond what a sender or a
// property gets, it is held; and while the courier has enough to do it waits for
// its turn. Both meet those first who have sent many lately: a share is kept for
// the others.
func (g *Gate) Take(l Lead) Share {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.sites[l.Site]
	if a == nil {
		return Share{}
	}
	now := time.Since(g.begun)
	by := g.senderOf(&l)
	ahead := by.full - now
	s := Share{site: a}
	claim := max(0, 1-max(0, ahead.Seconds())/newFor.Seconds()) // to what is kept for new senders
	if s.weigh(&l, claim, now); s.Wait > 0 {
		return s
	}
	isOver := ahead > aSender-aWhile
	by.charge(isOver, now)
	a.bytes = max(a.bytes, now) + s.bytes
	if l.Apart || g.site.N == 0 {
		return s
	}
	about := g.key(l.Site, "property", l.Property)
	turn := min(ahead-newFor, *a.lane-now-slack)
	switch {
	case isOver:
		s.Held, s.Over = true, "sender"
	case turn > longestTurn:
		s.Held, s.Over = true, "courier"
	case a.leads-now+g.site.token() > g.site.Per-part(g.site.Per/kept, 1-claim):
		s.Held, s.Over = true, "site"
	case g.properties.full(about)-now+aWhile > aProperty+part(aProperty, claim):
		s.Held, s.Over = true, "property"
	}
	if s.Held {
		return s
	}
	s.Delay, s.sent = max(0, turn), true
	a.leads = max(a.leads, now) + g.site.token()
	*a.lane = max(*a.lane, now) + g.aLead
	if l.Property != "" {
		s.property = about
		g.properties.put(about, max(g.properties.full(about), now)+aWhile)
	}
	return s
}

// part is a share of a time.
func part(of time.Duration, share float64) time.Duration {
	return time.Duration(share * float64(of))
}

// weigh says how much of a lead the site has room for.
func (s *Share) weigh(l *Lead, claim float64, now time.Duration) {
	used, room := max(0, s.site.bytes-now), day+part(2*day, claim)
	s.bytes = time.Duration(l.Bytes+rowBytes) * aByte
	if used+s.bytes > room {
		s.Bare, s.bytes = true, time.Duration(l.Bare+rowBytes)*aByte
	}
	s.Wait = max(0, used+s.bytes-room-day)
}

// GiveBack makes undone what a lead has cost its site: it was not kept, or had
// been before. What it has cost its sender stays.
func (g *Gate) GiveBack(s Share) {
	if s.site == nil || s.Wait > 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s.site.bytes -= s.bytes
	if !s.sent {
		return
	}
	s.site.leads -= g.site.token()
	*s.site.lane -= g.aLead
	if full := g.properties.full(s.property); full > 0 {
		g.properties.put(s.property, full-aWhile)
	}
}

// sender is who sends a lead: his networks and his e-mail. He will have all
// again when the last of them has.
type sender struct {
	full  time.Duration
	marks [3]mark
}

// mark is one thing by which a sender is known.
type mark struct {
	in    *buckets
	key   uint64
	full  time.Duration
	token time.Duration
}

func (g *Gate) senderOf(l *Lead) (by sender) {
	n := 0
	add := func(in *buckets, key uint64, token time.Duration) {
		by.marks[n] = mark{in, key, in.full(key), token}
		by.full = max(by.full, by.marks[n].full)
		n++
	}
	if l.Email != "" {
		add(&g.mails, g.key(l.Site, "email", strings.ToLower(l.Email)), aWhile)
	}
	if g.address.N > 0 {
		for _, net := range pick(l.From, sending4, sending6) {
			add(&g.senders, g.network(l.Site, l.From, net.bits), aWhile/net.times)
		}
	}
	return by
}

// charge counts a lead for its sender. What is over his limit is not counted, so
// that he has another after a while, but he is remembered for it.
func (by *sender) charge(isOver bool, now time.Duration) {
	for _, m := range by.marks {
		if m.in == nil {
			continue
		}
		full := max(m.full, now)
		if !isOver {
			full += m.token
		}
		m.in.put(m.key, full)
	}
}

// key stands for one of a site's e-mails or properties.
func (g *Gate) key(site, kind, text string) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	for _, word := range [...]string{site, kind, text} {
		_, _ = h.WriteString(word)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}
