package process

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/lead"
)

// postsPerFault is how many inquiries meet each of the eight faults.
func postsPerFault() int {
	if relaytest.InFull() {
		return 600
	}
	return 40
}

// anyFault is one of the eight, and what it did to the leads.
type anyFault struct {
	name          string
	strike        func(*ordeal)
	refused, lost int
	twice         int
}

// eightFaults last until all inquiries are in.
func eightFaults() []anyFault {
	every2nd := func(do string, status int, after bool) func(*ordeal) {
		return func(m *ordeal) {
			m.misbehave(fakebroker.Trouble{On: "POST", Every: 2, Do: do, Status: status, After: after})
		}
	}
	always := func(status int) func(*ordeal) {
		return func(m *ordeal) { m.misbehave(fakebroker.Trouble{Do: "status", Status: status}) }
	}
	return []anyFault{
		{name: "hangs, and has kept it", strike: every2nd("hang", 0, true)},
		{name: "500, and has kept it", strike: every2nd("status", 500, true)},
		{name: "resets, and has kept it", strike: every2nd("reset", 0, true)},
		{name: "500, and has not kept it", strike: every2nd("status", 500, false)},
		{name: "down", strike: func(m *ordeal) { m.closeDoor() }},
		{name: "429", strike: always(http.StatusTooManyRequests)},
		{name: "401", strike: always(http.StatusUnauthorized)},
		{name: "kill -9", strike: func(m *ordeal) { m.killing = true }},
	}
}

// Each of the faults that a relay must know, with real processes and real
// sockets: nobody is turned away, nothing is lost, and nothing arrives twice.
func TestEightFaults(t *testing.T) {
	t.Parallel()
	all := eightFaults()
	t.Run("faults", func(t *testing.T) {
		for i := range all {
			f := &all[i]
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				m := newOrdeal(t)
				f.strike(m)
				m.post(postsPerFault())
				m.lift()
				f.refused = m.refused
				f.lost, f.twice = m.compare()
				require.Equal(t, []int{0, 0, 0}, []int{f.refused, f.lost, f.twice}, "refused, lost, twice")
			})
		}
	})
	if relaytest.InFull() {
		t.Log(tableOf(all))
	}
}

func tableOf(all []anyFault) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nfault\tposts\trefused\tlost\ttwice\t")
	for _, f := range all {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", f.name, postsPerFault(), f.refused, f.lost, f.twice)
	}
	_ = w.Flush()
	return text.String()
}

// ordeal is one relay and one EasyBroker that meet a fault.
type ordeal struct {
	*testing.T
	env     map[string]string
	broker  *fakebroker.Broker
	address string // of EasyBroker
	server  *http.Server
	closed  bool // it refuses connections
	killing bool // the relay is killed while inquiries come in
	client  *http.Client
	p       *relaytest.Process

	mu           sync.Mutex
	door         string
	acknowledged map[int64]string // the message of each remote id
	refused      int
}

func newOrdeal(t *testing.T) *ordeal {
	t.Helper()
	m := &ordeal{T: t, broker: fakebroker.New(fakebroker.Options{Faults: relaytest.Lagging()}), client: relaytest.NewClient(t), acknowledged: map[int64]string{}}
	m.address = "127.0.0.1:0"
	m.openDoor()
	t.Cleanup(func() { m.broker.Close(); m.closeDoor() })
	m.env = relaytest.Settings(t, m.address)
	m.env["LEADRELAY_COURIER_TIMEOUT"] = "300ms"
	m.env["LEADRELAY_COURIER_SETTLE"] = "2s" // a busy machine is late, too
	m.start()
	return m
}

// start starts the relay, which takes any free port.
func (m *ordeal) start() {
	m.Helper()
	m.p = relaytest.Start(m.T, m.env, "serve").Started()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.door = m.p.Public
}

// openDoor lets EasyBroker be reached, under the same address as before.
func (m *ordeal) openDoor() {
	m.Helper()
	var ln net.Listener
	relaytest.Eventually(m.T, "the port is free", func() bool {
		var err error
		ln, err = net.Listen("tcp", m.address)
		return err == nil
	})
	m.closed, m.address = false, ln.Addr().String()
	m.server = &http.Server{Handler: m.broker.Handler(), ReadHeaderTimeout: relaytest.Patience}
	go func() { _ = m.server.Serve(ln) }()
}

// closeDoor breaks all connections with EasyBroker, and refuses new ones.
func (m *ordeal) closeDoor() {
	m.closed = true
	if err := m.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		m.Errorf("EasyBroker does not close: %v", err)
	}
}

func (m *ordeal) misbehave(t fakebroker.Trouble) {
	f := relaytest.Lagging()
	f.Trouble = []fakebroker.Trouble{t}
	m.broker.Misbehave(f)
}

// post brings all inquiries in, from several visitors at once. One who gets no
// answer, since the relay was killed, sends the same again.
func (m *ordeal) post(posts int) {
	m.Helper()
	const visitors, kills = 4, 3
	var all sync.WaitGroup
	for visitor := range visitors {
		all.Go(func() {
			for n := visitor; n < posts; n += visitors {
				relaytest.Poll(func() bool { return m.try(fmt.Sprintf("inquiry %d", n)) })
			}
		})
	}
	for n := 1; m.killing && n <= kills; n++ {
		relaytest.Eventually(m.T, "inquiries come in", func() bool { return m.count() >= posts*n/(kills+1) })
		m.killAndStart()
	}
	all.Wait()
	require.Equal(m, posts, m.count())
}

// try reports whether there was an answer.
func (m *ordeal) try(message string) bool {
	m.mu.Lock()
	door := m.door
	m.mu.Unlock()
	status, answer, _ := relaytest.Inquire(m.client, door, "EB-8", message)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch status {
	case 0:
		return false
	case http.StatusAccepted:
		m.acknowledged[answer.RemoteID] = message
	default:
		m.refused++
	}
	return true
}

func (m *ordeal) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.acknowledged)
}

// killAndStart leaves the door closed for as long as a start takes.
func (m *ordeal) killAndStart() {
	m.Helper()
	m.p.Kill()
	<-m.p.Done
	leasesRunOut(m.T, m.env["LEADRELAY_DATABASE"])
	m.start()
}

// lift waits until the fault has struck, ends it, and waits until no lead is
// on its way any more.
func (m *ordeal) lift() {
	m.Helper()
	if !m.killing {
		relaytest.Eventually(m.T, "the fault strikes", func() bool { return m.struck() })
	}
	if m.closed {
		m.openDoor()
	}
	m.broker.Misbehave(relaytest.Lagging())
	m.p.Settled()
}

// struck reports whether an attempt has ended in anything but delivery. The
// first leads are tried first.
func (m *ordeal) struck() bool {
	const first = 20
	ids := slices.Sorted(maps.Keys(m.acknowledged))
	return slices.ContainsFunc(ids[:first], func(id int64) bool {
		return slices.ContainsFunc(m.p.Story(id).Attempts, func(a console.Attempt) bool {
			return a.Outcome != nil && *a.Outcome != string(lead.OutcomeDelivered)
		})
	})
}

// compare counts what is missing from EasyBroker's own book, and what is in it
// twice.
func (m *ordeal) compare() (lost, twice int) {
	book := map[int64]int{}
	for _, k := range m.broker.Book() {
		book[k.RemoteID]++
		if book[k.RemoteID] == 2 {
			twice++
		}
	}
	for id := range m.acknowledged {
		if book[id] == 0 {
			lost++
		}
	}
	return lost, twice
}
