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
	opt      courier.Options
	cell     cell
	routes   []courier.Route // of its lives in turn, the last one for all others; a partner's when empty
	dateSkew time.Duration   // of the Date that EasyBroker's answers carry

	over   chan struct{} // closed when the process shall not be started again
	buried chan struct{} // closed when it is gone
	served chan error

	mu        sync.Mutex
	process   *life // nil while it is dead
	hit       map[int]bool
	posting   int           // the lead that comes in
	highest   int           // the highest one with an intent
	thaw      time.Time     // the process is frozen until then
	space     time.Time     // the disk is full until then
	up        time.Time     // connections are refused until then
	ahead     time.Duration // of the relay's wall clock
	lives     int
	outage    outage
	callTimes []time.Time
	tooMany   int                         // calls that were answered with 429
	posted    map[lead.RemoteID]time.Time // acknowledged, and when
}

// newBed starts a relay at noon of a day on which remote ids are what they
// will be.
func newBed(t *testing.T, c cell, opt courier.Options, faults fakebroker.Faults) *bed {
	t.Helper()
	if noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC); time.Now().Before(noon) {
		time.Sleep(time.Until(noon))
	}
	b := &bed{
		T: t, wire: newWire(), database: filepath.Join(bedFolder(t), "leads.db"), cell: c, opt: couriertest.WithDefaults(opt),
		broker: fakebroker.New(fakebroker.Options{
			PartnerKeys: []string{account.Key.Reveal()}, AccountKeys: []string{plainAccount().Key.Reveal()}, Faults: faults,
		}),
		over: make(chan struct{}), buried: make(chan struct{}), served: make(chan error, 1),
		hit: map[int]bool{}, posted: map[lead.RemoteID]time.Time{},
	}
	b.opt.Now = b.wall
	b.behind = b.broker.Handler()
	b.server = &http.Server{Handler: http.HandlerFunc(b.serve), ReadHeaderTimeout: time.Minute}
	go func() { b.served <- b.server.Serve(b.wire) }()
	go b.keepAlive()
	t.Cleanup(b.close)
	return b
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
	<-b.buried
	b.broker.Close()
	_ = b.server.Close()
	require.ErrorIs(b, <-b.served, http.ErrServerClosed)
}

// keepAlive starts the process again whenever it was killed, now and then
// before its leases have run out and now and then after.
func (b *bed) keepAlive() {
	defer close(b.buried)
	for {
		l, err := b.startLife()
		if err != nil {
			b.Errorf("the relay does not start: %v", err)
			return
		}
		b.setProcess(l)
		select {
		case <-l.killed:
		case <-b.over:
		}
		b.setProcess(nil)
		if err := l.end(); err != nil {
			b.Errorf("the relay does not end: %v", err)
		}
		select {
		case <-time.After([]time.Duration{5 * time.Second, 3 * time.Minute}[b.lives%2]):
		case <-b.over:
			return
		}
	}
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

func (b *bed) setProcess(l *life) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.process = l
	if l != nil {
		b.lives++
	}
}

// alive returns the process, or nil while it is dead.
func (b *bed) alive() *life {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.process
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
	}, "casas.mx", lead.DefaultRules(), b.wall())
	require.NoError(b, err)
	p := b.alive()
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
		if l := b.alive(); f != nil && l != nil {
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

// freeze stops the process for a while, as SIGSTOP does.
func (b *bed) freeze(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.thaw = time.Now().Add(d)
}

func (b *bed) frozenFor() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Until(b.thaw)
}

// setClock sets the relay's wall clock an hour ahead, and the next time back.
func (b *bed) setClock() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ahead = time.Hour - b.ahead
}

// wall is the time on the relay's wall clock.
func (b *bed) wall() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Round(0).Add(b.ahead)
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
	l := b.process
	b.mu.Unlock()
	if o == refused && l != nil {
		l.cut()
	}
}

func (b *bed) down() outage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outage
}
