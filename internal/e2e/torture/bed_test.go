package torture_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/courier"
	"leadrelay/internal/courier/couriertest"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// latency is how long EasyBroker takes for a call; half of it passes before
// the call takes effect. It keeps several attempts on their way at a time.
const latency = 200 * time.Millisecond

// bed is a relay without a door, a wire, and EasyBroker, in a bubble.
type bed struct {
	*testing.T
	broker   *fakebroker.Broker
	behind   http.Handler // the pretend EasyBroker's own
	server   *http.Server
	wire     *wire
	database string
	shared   *store.Store // several relays have one, which lives longer than they do
	hosts    []*host      // one, unless relays share a database
	opt      courier.Options
	cell     cell
	routes   []courier.Route // of its lives in turn, the last one for all others; a partner's when empty
	dateSkew time.Duration   // of the Date that EasyBroker's answers carry

	over   chan struct{} // closed when no process shall be started again
	served chan error

	mu        sync.Mutex
	hit       map[int]bool
	posting   int       // the lead that comes in
	highest   int       // the highest one with an intent
	space     time.Time // the disk is full until then
	up        time.Time // connections are refused until then
	lives     int       // of all hosts
	outage    outage
	callTimes []time.Time
	arrivals  []time.Time                 // of calls at EasyBroker
	senders   map[int]*life               // of each lead, the last
	tooMany   int                         // calls that were answered with 429
	posted    map[lead.RemoteID]time.Time // acknowledged, and when
}

// newBed starts a relay at noon of a day on which remote ids are what they
// will be.
func newBed(t *testing.T, c cell, opt courier.Options, faults fakebroker.Faults) *bed {
	t.Helper()
	b := makeBed(t, c, opt, faults)
	b.startHosts(0)
	return b
}

// makeBed makes one that has no relay yet.
func makeBed(t *testing.T, c cell, opt courier.Options, faults fakebroker.Faults) *bed {
	t.Helper()
	if noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC); time.Now().Before(noon) {
		time.Sleep(time.Until(noon))
	}
	b := &bed{
		T: t, wire: newWire(), database: filepath.Join(bedFolder(t), "leads.db"), cell: c, opt: couriertest.WithDefaults(opt),
		broker: fakebroker.New(fakebroker.Options{
			PartnerKeys: []string{account.Key.Reveal()}, AccountKeys: []string{plainAccount().Key.Reveal()}, Faults: faults,
		}),
		over: make(chan struct{}), served: make(chan error, 1),
		hit: map[int]bool{}, senders: map[int]*life{}, posted: map[lead.RemoteID]time.Time{},
	}
	b.behind = b.broker.Handler()
	b.server = &http.Server{Handler: http.HandlerFunc(b.serve), ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute}
	go func() { b.served <- b.server.Serve(b.wire) }()
	t.Cleanup(b.close)
	return b
}

// startHosts starts a relay on a host for each of the clocks, which are so far ahead.
func (b *bed) startHosts(clocks ...time.Duration) {
	for _, ahead := range clocks {
		b.hosts = append(b.hosts, &host{bed: b, ahead: ahead, buried: make(chan struct{})})
	}
	for _, h := range b.hosts {
		go h.keepAlive()
	}
}

// bedFolder is on a disk in the long form, which fills more than a small memory has.
func bedFolder(t *testing.T) string {
	t.Helper()
	if inFull() {
		return t.TempDir()
	}
	return couriertest.Folder(t)
}

func (b *bed) close() {
	close(b.over)
	for _, h := range b.hosts {
		<-h.buried
	}
	if b.shared != nil {
		require.NoError(b, b.shared.Close())
	}
	b.broker.Close()
	_ = b.server.Close()
	require.ErrorIs(b, <-b.served, http.ErrServerClosed)
}

// route is that of the life which begins.
func (b *bed) route() courier.Route {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.routes) == 0 {
		return courier.Route{Site: site, Account: account, SendSource: true}
	}
	return b.routes[min(b.lives, len(b.routes)-1)]
}

// lived counts a life.
func (b *bed) lived() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lives++
}

func (b *bed) livesSoFar() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lives
}

// alive returns a process that lives, or nil if there is none.
func (b *bed) alive() *life {
	for _, h := range b.hosts {
		if l := h.alive(); l != nil {
			return l
		}
	}
	return nil
}

// post keeps lead n as the door does. A visitor who is not thanked tries again
// a second later.
func (b *bed) post(n int) lead.RemoteID {
	for {
		if id := b.tryPost(n); id != 0 {
			return id
		}
		time.Sleep(time.Second)
	}
}

func (b *bed) tryPost(n int) lead.RemoteID {
	b.Helper()
	l, err := lead.New(lead.Inquiry{
		Site: site, PropertyID: fmt.Sprintf("EB-TT%04d", n%b.cell.properties()), Name: "Ana", Email: "ana@ejemplo.mx", Phone: "55 1234 5678",
		Message: fmt.Sprintf("lead %d", n),
	}, "casas.mx", lead.DefaultRules(), b.clock())
	require.NoError(b, err)
	p := b.door(n)
	if p == nil || p.mayWrite() != nil {
		return 0
	}
	b.comesIn(n)
	kept, err := p.store.Keep(b.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	if err != nil || p.alive() != nil {
		return 0
	}
	p.courier.Wake(site)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.posted[kept.RemoteID] = time.Now()
	return kept.RemoteID
}

// door returns the process that lead n is posted to. With several, a balancer passes over
// those that do not answer.
func (b *bed) door(n int) *life {
	if b.shared == nil {
		return b.alive()
	}
	for i := range b.hosts {
		if h := b.hosts[(n+i)%len(b.hosts)]; h.frozenFor() <= 0 && !h.isCutOff() && h.alive() != nil {
			return h.alive()
		}
	}
	return nil
}

// clock is the time by which a lead is kept: the database's, if several relays share it.
func (b *bed) clock() time.Time {
	if b.shared != nil {
		return time.Now().Round(0)
	}
	return b.hosts[0].wall()
}

func (b *bed) comesIn(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.posting = n
}

// number reads what post wrote.
func number(message string) int {
	first, _, _ := strings.Cut(message, "\n")
	n, err := strconv.Atoi(strings.TrimPrefix(first, "lead "))
	if err != nil {
		return 0
	}
	return n
}

// hits returns the cell's fault when it strikes lead n at this instant: at its
// first attempt alone.
func (b *bed) hits(i instant, n int) *fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.cell
	if c.fault == nil || c.at != i || n == 0 || n%c.every() != 0 || b.hit[n] {
		return nil
	}
	b.hit[n] = true
	return c.fault
}

// nextUp is the next lead to be struck, once it is about to get its intent.
func (b *bed) nextUp() int {
	const together = 4 // intents that share a commit
	b.mu.Lock()
	defer b.mu.Unlock()
	every := b.cell.every()
	if n := b.highest - b.highest%every + every; n <= min(b.posting, b.highest+together) {
		return n
	}
	return 0
}

// begun notes that a lead has an intent.
func (b *bed) begun(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.highest = max(b.highest, n)
}

// serve is EasyBroker. What it says or does instead of its own answer comes
// before or after the pretend EasyBroker has kept the contact request.
func (b *bed) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.arrived()
	if b.down().answer(b, w, r) {
		return
	}
	w = &watched{w, b}
	w.Header().Set("Date", time.Now().Add(b.dateSkew).UTC().Format(http.TimeFormat))
	n := leadIn(body)
	time.Sleep(latency / 2)
	if f := b.hits(arrived, n); f != nil {
		f.answer(b, w, r)
		return
	}
	f := b.hits(kept, n)
	if f == nil || f.answer == nil {
		b.behind.ServeHTTP(w, r)
		time.Sleep(latency / 2)
		if l := b.sender(n); f != nil && l != nil {
			f.befall(l, n)
		}
		return
	}
	b.behind.ServeHTTP(unheard{http.Header{}}, r)
	time.Sleep(latency / 2)
	f.answer(b, w, r)
}

// watched counts the calls that came too fast.
type watched struct {
	http.ResponseWriter
	bed *bed
}

func (w *watched) WriteHeader(status int) {
	if status == http.StatusTooManyRequests {
		w.bed.mu.Lock()
		w.bed.tooMany++
		w.bed.mu.Unlock()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// unheard takes an answer that nobody will read.
type unheard struct{ header http.Header }

func (u unheard) Header() http.Header         { return u.header }
func (u unheard) Write(p []byte) (int, error) { return len(p), nil }
func (u unheard) WriteHeader(int)             {}

// arrived notes that a call has reached EasyBroker.
func (b *bed) arrived() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.arrivals = append(b.arrivals, time.Now())
}

// sends notes who sends a lead.
func (b *bed) sends(n int, l *life) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.senders[n] = l
}

// sender returns the process that has sent a lead, if it lives.
func (b *bed) sender(n int) *life {
	b.mu.Lock()
	l := b.senders[n]
	b.mu.Unlock()
	if l == nil || l.host.alive() != l {
		return nil
	}
	return l
}

// called notes a call to EasyBroker.
func (b *bed) called() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.callTimes = append(b.callTimes, time.Now())
}

func (b *bed) calls() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.callTimes)
}

// fillDisk refuses every write for a while.
func (b *bed) fillDisk(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.space = time.Now().Add(d)
}

func (b *bed) diskIsFull() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Before(b.space)
}

// refuse refuses connections for a while.
func (b *bed) refuse(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up = time.Now().Add(d)
}

func (b *bed) refuses() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outage == refused || time.Now().Before(b.up)
}

// rest lets time pass until no lead is on its way any more, and then some
// more, in which what comes late would come.
func (b *bed) rest(longest time.Duration) {
	const step, more = 5 * time.Minute, 30 * time.Minute
	for end := time.Now().Add(longest); time.Now().Before(end); {
		time.Sleep(step)
		if b.waiting() == 0 {
			break
		}
	}
	time.Sleep(more)
}

// waiting counts the leads that are neither in EasyBroker's list nor in front
// of a person; while the process is dead nobody knows.
func (b *bed) waiting() int {
	b.Helper()
	p := b.alive()
	if p == nil {
		return -1
	}
	odd, err := p.store.Odd(b.Context())
	require.NoError(b, err)
	return b.count(lead.Queued, lead.Sending, lead.Doubtful, lead.Delivered) - odd[lead.ReasonMissing]
}

// count counts the leads in these states.
func (b *bed) count(states ...lead.State) (n int) {
	b.Helper()
	counts, err := b.alive().store.Counts(b.Context())
	require.NoError(b, err)
	for _, c := range counts {
		if slices.Contains(states, c.State) {
			n += c.Leads
		}
	}
	return n
}

// breakDown starts or ends an outage of EasyBroker.
func (b *bed) breakDown(o outage) {
	b.mu.Lock()
	b.outage = o
	b.mu.Unlock()
	for _, h := range b.hosts {
		if l := h.alive(); o == refused && l != nil {
			l.cut()
		}
	}
}

func (b *bed) down() outage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outage
}
