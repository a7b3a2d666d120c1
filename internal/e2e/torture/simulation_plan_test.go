package torture_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
)

// simPlan is all that a seed decides before the world begins. What depends on
// the courier, such as how the third attempt for a lead ends, is decided by the
// seed too, but later: see simWorld.roll.
type simPlan struct {
	seed     uint64
	replicas int
	aheads   []time.Duration // of the clock of each replica, if there are several
	tune     courier.Options
	accounts []simAccount
	sites    []simSite
	length   time.Duration
	hot      []time.Duration // around these things happen, so that they meet
	visits   []time.Duration
	episodes []simEpisode
	events   []simEvent
}

// simAccount is a credential, and how EasyBroker treats it.
type simAccount struct {
	easybroker.Account
	lag     time.Duration // the list shows nothing later than that
	pageCap int           // it shows no more on a page, whatever is asked
	again   simAgain

	listTakes time.Duration // to answer with a page, at most
}

// simAgain is what EasyBroker does with a remote_id that it has seen before.
type simAgain string

const (
	simDoubles   simAgain = "doubles"
	simIgnores   simAgain = "ignores"
	simConflicts simAgain = "conflicts"
	simRefuses   simAgain = "refuses"
)

// simSite is a site, and whose credential it uses.
type simSite struct {
	name    string
	account int
}

// simEpisode is a time of trouble with EasyBroker.
type simEpisode struct {
	trouble  simTrouble
	from, to time.Duration
	account  int     // -1 for all
	site     string  // only that site, unless empty
	fraction float64 // of the calls

	properties []string // only those of an agency, unless empty
}

// concerns reports whether a lead of the property suffers.
func (e simEpisode) concerns(property string) bool {
	return len(e.properties) == 0 || slices.Contains(e.properties, property)
}

// simEvent happens at a time, to the world.
type simEvent struct {
	at   time.Duration
	name string
	do   func(*simWorld)
}

// newSimPlan makes a plan of a seed: the same one, always.
func newSimPlan(seed uint64) simPlan {
	r := rand.New(rand.NewPCG(seed, 0))
	p := simPlan{seed: seed, replicas: 1, length: simLength(r)}
	for range 3 + r.IntN(4) {
		p.hot = append(p.hot, simBetween(r, 0, p.length))
	}
	p.tunes(r)
	p.signs(r)
	p.arrivals(r)
	p.troubles(r)
	p.restarts(r)
	p.clocks(r)
	p.stalls(r)
	p.agencies(r)
	slices.SortStableFunc(p.events, func(a, b simEvent) int { return cmp.Compare(a.at, b.at) })
	return p
}

const simDay = 24 * time.Hour

// simLength is mostly less than a day, and now and then a month: what idles
// costs time, and finds little.
func simLength(r *rand.Rand) time.Duration {
	switch n := r.IntN(200); {
	case n == 0:
		return 30 * simDay
	case n < 6:
		return simBetween(r, 3*simDay, 8*simDay)
	}
	return simLogBetween(r, 3*time.Hour, 36*time.Hour)
}

func (p *simPlan) tunes(r *rand.Rand) {
	p.tune = courier.Options{
		Timeout:     simPick(r, 5*time.Second, 15*time.Second, 15*time.Second, 30*time.Second),
		MaxListLag:  simPick(r, 30*time.Second, 2*time.Minute, 5*time.Minute, 5*time.Minute, 15*time.Minute),
		Deadline:    simPick(r, 6*time.Hour, 2*simDay, 7*simDay, 7*simDay),
		Rate:        simPick(r, 2.0, 5.0, 10.0, 10.0, 20.0),
		Concurrency: simPick(r, 1, 2, 4, 4, 8),
		Probe:       simPick(r, 30*time.Second, time.Minute, 5*time.Minute, 10*time.Minute),
		Schedule: simPick(r,
			couriertest.Options().Schedule, couriertest.Options().Schedule,
			courier.Schedule{time.Minute, time.Hour, 12 * time.Hour}, courier.Schedule{5 * time.Second, 30 * time.Second}),
	}
}

// signs makes up the sites and the credentials.
func (p *simPlan) signs(r *rand.Rand) {
	for i := range 1 + r.IntN(2) {
		a := simAccount{
			Account: easybroker.Account{URL: easybroker.DefaultURL, Key: secret.New(fmt.Sprintf("key%d", i)), Country: "MX", API: easybroker.Partner},
			lag:     simPick(r, 0, p.tune.MaxListLag/10, p.tune.MaxListLag),
			pageCap: simPick(r, 7, 20, 50),
			again:   simPick(r, simDoubles, simIgnores, simConflicts, simRefuses),

			listTakes: simPick(r, 30*time.Millisecond, time.Second),
		}
		if r.IntN(6) == 0 {
			a.API = easybroker.Plain
		}
		p.accounts = append(p.accounts, a)
	}
	for i := range len(p.accounts) + r.IntN(2) {
		p.sites = append(p.sites, simSite{name: fmt.Sprintf("site%d", i), account: i % len(p.accounts)})
	}
}

// near is a time at which other things are likely to happen, too.
func (p *simPlan) near(r *rand.Rand) time.Duration {
	if r.IntN(6) == 0 {
		return simBetween(r, 0, p.length)
	}
	at := simPick(r, p.hot...) + simBetween(r, -5*time.Minute, 15*time.Minute)
	return min(max(at, 0), p.length)
}

// amid is often just after a visitor came, in the middle of what follows.
func (p *simPlan) amid(r *rand.Rand) time.Duration {
	if r.IntN(2) == 0 {
		return p.near(r)
	}
	return simPick(r, p.visits...) + simLogBetween(r, 100*time.Microsecond, 30*time.Second)
}

func (p *simPlan) at(at time.Duration, name string, do func(*simWorld)) {
	p.events = append(p.events, simEvent{at: at, name: name, do: do})
}

// arrivals are visitors, alone or in bursts.
func (p *simPlan) arrivals(r *rand.Rand) {
	for n := 8 + r.IntN(25); n > 0; {
		site, at := simPick(r, p.sites...).name, p.near(r)
		burst := 1
		if r.IntN(4) == 0 {
			burst = 2 + r.IntN(12)
		}
		for range burst {
			p.visit(simInquiry(r, site), at)
			at += simBetween(r, 0, 3*time.Second)
		}
		n -= burst
	}
}

func (p *simPlan) visit(q lead.Inquiry, at time.Duration) {
	p.at(at, "visitor", func(w *simWorld) { w.submit(q) })
	p.visits = append(p.visits, at)
}

// simInquiry is mostly somebody new; now and then two people write the same.
func simInquiry(r *rand.Rand, site string) lead.Inquiry {
	who := r.IntN(1_000_000)
	if r.IntN(25) == 0 {
		who = r.IntN(2)
	}
	return lead.Inquiry{
		Site: site, PropertyID: fmt.Sprintf("EB-AA%04d", r.IntN(4)), Name: "Ana",
		Email: fmt.Sprintf("ana%d@ejemplo.mx", who), Message: "Hola",
	}
}

func (p *simPlan) troubles(r *rand.Rand) {
	for range r.IntN(9) {
		from := p.near(r)
		e := simEpisode{
			trouble: simPick(r, simTroubles()...), from: from, to: from + simLogBetween(r, 20*time.Second, 8*time.Hour),
			account: r.IntN(len(p.accounts)+1) - 1, fraction: simPick(r, 1, 1, 0.5, 0.2),
		}
		if e.trouble == simListNoEnd { // what is read without end costs time here, too
			e.to = min(e.to, e.from+time.Hour)
			for range 10 { // who come in the middle of it
				p.visit(simInquiry(r, simPick(r, p.sites...).name), min(simBetween(r, e.from, e.to), p.length))
			}
		}
		if e.trouble == simNoProperty || r.IntN(8) == 0 {
			e.site = simPick(r, p.sites...).name
		}
		p.episodes = append(p.episodes, e)
	}
}

// agencies are a portal of which EasyBroker refuses one agency's properties for
// a while. That agency's visitors are many, and some others come.
func (p *simPlan) agencies(r *rand.Rand) {
	if r.IntN(2) == 0 {
		return
	}
	from := p.near(r)
	e := simEpisode{
		trouble: simUnlinked, from: from, to: from + simLogBetween(r, 10*time.Minute, 8*time.Hour), account: -1, site: simPick(r, p.sites...).name, fraction: 1,
	}
	for i := range 1 + r.IntN(12) {
		e.properties = append(e.properties, fmt.Sprintf("EB-GONE%02d", i))
	}
	visit := func(property string) {
		q := simInquiry(r, e.site)
		q.PropertyID = property
		at := min(from+simLogBetween(r, time.Second, e.to-from), p.length)
		p.at(at, "visitor", func(w *simWorld) { w.submit(q) })
		p.visits = append(p.visits, at)
	}
	for range 6 + r.IntN(20) {
		visit(simPick(r, e.properties...))
	}
	for range 1 + r.IntN(4) {
		visit(fmt.Sprintf("EB-GOOD%02d", r.IntN(3)))
	}
	p.episodes = append(p.episodes, e)
}

// restarts are stops and crashes, with some time before the next start.
func (p *simPlan) restarts(r *rand.Rand) {
	for range r.IntN(5) {
		at, down := p.amid(r), simLogBetween(r, time.Second, 5*time.Hour)
		if r.IntN(3) == 0 {
			p.at(at, "stop", func(w *simWorld) { w.stop(0) })
		} else {
			p.at(at, "crash", func(w *simWorld) { w.crash(0) })
		}
		p.at(at+down, "start", func(w *simWorld) { w.boot(0) })
	}
}

// clocks are people and daemons that set the wall clock. Most of them set it right
// again.
func (p *simPlan) clocks(r *rand.Rand) {
	if r.IntN(3) > 0 {
		return
	}
	for range 1 + r.IntN(3) {
		at, wrong := p.near(r), simLogBetween(r, time.Minute, 365*simDay)
		if r.IntN(2) == 0 {
			wrong = -wrong
		}
		p.at(at, "clock", func(w *simWorld) { w.setClock(wrong) })
		if r.IntN(4) > 0 {
			p.at(at+simLogBetween(r, time.Minute, 12*time.Hour), "clock", func(w *simWorld) { w.setClock(0) })
		}
	}
}

// stalls are a process that stands still, and a disk that fails.
func (p *simPlan) stalls(r *rand.Rand) {
	for range r.IntN(3) {
		long := simLogBetween(r, 20*time.Second, 20*time.Minute)
		p.at(p.amid(r), "freeze", func(w *simWorld) { w.freeze(0, long) })
	}
	for range r.IntN(3) {
		long, fraction := simLogBetween(r, time.Second, 30*time.Minute), simPick(r, 0.2, 0.5, 1)
		p.at(p.amid(r), "disk", func(w *simWorld) { w.breakDisk(0, long, fraction) })
	}
}

func simPick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func simBetween(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.Int64N(int64(hi-lo)))
}

// simLogBetween finds short and long times equally often.
func simLogBetween(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return time.Duration(float64(lo) * math.Pow(float64(hi)/float64(lo), r.Float64()))
}
