package process

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// siege is how much abuse there is, and for how long.
type siege struct {
	quiet, storm time.Duration // without abuse, then with a flood alone, and then with all of it
	slow         int           // connections that take their time
	bad          int           // posts a second that are no inquiry
	flood        int           // posts a second to a site that takes fewer

	// 99 of 100 good answers come within twice what they took in the quiet, or
	// at least within these: the clients need the processors, too.
	inFlood, inStorm time.Duration
}

// planned is the siege of every test run, or the whole one. The bounds of the
// short one are for a busy machine with the race detector.
func planned() siege {
	if relaytest.InFull() {
		return siege{20 * time.Second, time.Minute, 1000, 1000, 1000, 10 * time.Millisecond, 60 * time.Millisecond}
	}
	return siege{1500 * time.Millisecond, 3 * time.Second, 120, 50, 100, 5 * time.Second, 5 * time.Second}
}

// A thousand clients that are slow or hang up, a thousand bad posts a second
// and a flood on one site: those who ask about another site's properties notice
// little, and when it is over nothing of it is left. The long form wants an idle disk:
// beside a process that writes a gigabyte, 99 of 100 answers of the quiet take 400 ms.
func TestGoodVisitorsUnderSiege(t *testing.T) {
	plan := planned()
	a := newAbuse(t)
	before := a.atRest()
	quiet := a.visit("quiet", plan.quiet)
	a.often(plan.flood, a.noise)
	flood := a.visit("flood", plan.quiet)
	a.begin(plan)
	storm := a.visit("storm", plan.storm)
	during := a.measure()
	a.end()

	t.Logf("%d connections slow or cut, %d bad posts and %d of the flood; before %v, during %v", a.cut.Load(), a.bad.Load(), a.flood.Load(), before, during)
	require.LessOrEqual(t, flood.p99, max(2*quiet.p99, plan.inFlood))
	require.LessOrEqual(t, storm.p99, max(2*quiet.p99, plan.inStorm))
	atOnce := min(plan.slow, 2048/3) // a request that is being read has three slots
	require.Greater(t, during["process_open_fds"], before["process_open_fds"]+atOnce*8/10, "the slow ones were there")
	require.Zero(t, a.failures.Load(), "answers of 500 and above")
	relaytest.Eventually(t, "goroutines and connections are as before", func() bool { return a.isAs(before) })
	a.p.End(os.Interrupt, 0)
	require.NotContains(t, a.p.Output(), `"panic"`)
	require.Empty(t, a.p.Err.String())
}

// abuse is a relay and all that is done to it.
type abuse struct {
	*testing.T
	p        *relaytest.Process
	client   *http.Client // of the good
	over     chan struct{}
	all      sync.WaitGroup
	cut      atomic.Int64 // connections that ended early
	bad      atomic.Int64
	flood    atomic.Int64
	failures atomic.Int64
}

func newAbuse(t *testing.T) *abuse {
	t.Helper()
	env := relaytest.SettingsWith(t, "127.0.0.1:1", "sites:\n  casas: {source: casas.mx}\n  ruido: {source: ruido.mx}\n")
	env["LEADRELAY_LIMIT_SITE"] = "6000/m" // the good ones are half of it
	if !relaytest.InFull() {
		env["GOMEMLIMIT"] = "2GiB" // the race detector takes much more than the relay gives itself
	}
	return &abuse{T: t, p: relaytest.Start(t, env, "serve").Started(), client: relaytest.NewClient(t), over: make(chan struct{})}
}

func (a *abuse) isOver() bool { return isClosed(a.over) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// end ends the abuse, and waits for the last one.
func (a *abuse) end() {
	close(a.over)
	a.all.Wait()
	a.client.CloseIdleConnections()
}

// measure reads some of the relay's own metrics.
func (a *abuse) measure() map[string]int {
	a.Helper()
	found := map[string]int{}
	a.p.Ask("/metrics", func(body io.Reader) {
		for in := bufio.NewScanner(body); in.Scan(); {
			name, value, _ := strings.Cut(in.Text(), " ")
			switch name {
			case "go_goroutines", "process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total":
				n, err := strconv.ParseFloat(value, 64)
				require.NoError(a, err)
				found[name] = int(n)
			}
		}
	})
	return found
}

// atRest is the most that the relay has with nothing to do. It is still
// beginning when it says that it has started, so it is measured for a while.
func (a *abuse) atRest() map[string]int {
	a.Helper()
	most := map[string]int{}
	for range 100 {
		for name, n := range a.measure() {
			most[name] = max(most[name], n)
		}
	}
	return most
}

// isAs reports whether the relay has what it had. The store opens a few files
// more, once.
func (a *abuse) isAs(before map[string]int) bool {
	a.Helper()
	now := a.measure()
	return now["go_goroutines"] <= before["go_goroutines"]+2 && now["process_open_fds"] <= before["process_open_fds"]+6
}

// visits are what the good visitors saw.
type visits struct {
	all, lost     int
	p50, p99, top time.Duration
}

// visit posts 50 good inquiries a second, each at its time, however long the
// others take. No more than one in a thousand may be lost.
func (a *abuse) visit(when string, during time.Duration) visits {
	a.Helper()
	return a.visitWith(when, during, func(int) int { return a.post("casas", relaytest.Form("EB-GOOD")) })
}

// visitWith is visit by clients of another kind.
func (a *abuse) visitWith(when string, during time.Duration, post func(i int) (status int)) visits {
	a.Helper()
	const pause, oneIn = time.Second / 50, 1000
	var mu sync.Mutex
	var took []time.Duration
	v := visits{all: int(during / pause)}
	var asked sync.WaitGroup
	next := time.NewTicker(pause)
	defer next.Stop()
	for i := range v.all {
		<-next.C
		asked.Go(func() {
			begun := time.Now()
			status := post(i)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(begun))
			if status != http.StatusAccepted {
				v.lost++
			}
		})
	}
	asked.Wait()
	slices.Sort(took)
	v.p50, v.p99, v.top = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	a.Logf("%s: %d good inquiries, %d lost; p50 %v, p99 %v, top %v", when, v.all, v.lost, v.p50, v.p99, v.top)
	require.LessOrEqual(a, v.lost*oneIn, v.all, "lost")
	return v
}

func (a *abuse) post(site, form string) (status int) {
	req, err := http.NewRequest(http.MethodPost, "http://"+a.p.Public+"/f/"+site, strings.NewReader(form))
	require.NoError(a, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := a.client.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// noise is a whole inquiry to the site that is flooded.
func (a *abuse) noise(int) {
	a.flood.Add(1)
	a.shout(strings.Replace(odd(lengthOf(relaytest.Form("EB-NOISE")), relaytest.Form("EB-NOISE")), "/f ", "/f/ruido ", 1))
}

// begin begins all the rest at once: the slow ones, beside them a tenth as many
// who hang up, and the bad posts.
func (a *abuse) begin(plan siege) {
	for i := range plan.slow {
		how := lingering[i%len(lingering)]
		how.from = fmt.Sprintf("127.1.%d.1", i%250) // one address would have a quarter of the slots
		a.all.Go(func() { a.torment(how) })
	}
	for i := range plan.slow / 10 {
		a.all.Go(func() { a.torment(resets[i%len(resets)]) })
	}
	a.often(plan.bad, func(i int) {
		a.bad.Add(1)
		a.shout(badPosts[i%len(badPosts)])
	})
	time.Sleep(time.Second / 2) // until the slow ones are there
}

// often does something so many times a second, by several hands; when they
// cannot keep up it is done less often.
func (a *abuse) often(rate int, do func(i int)) {
	const hands = 16
	for hand := range hands {
		a.all.Go(func() {
			next := time.NewTicker(hands * time.Second / time.Duration(rate))
			defer next.Stop()
			for i := hand; !a.isOver(); i += hands + 1 {
				do(i)
				<-next.C
			}
		})
	}
}

// badPosts are some of the odd ones, and some that are only wrong.
var badPosts = []string{
	odd("Content-Length: 3\r\n", "a=b"), odd("Content-Length: 5\r\n", "a=%zz"), odd("Content-Length: 70000\r\n", strings.Repeat("a", 70000)),
	odd("Origin: https://evil.mx\r\nContent-Length: 3\r\n", "a=b"), odd("Content-Length: 4\r\nContent-Length: 5\r\n", "a=b"),
	odd("Transfer-Encoding: chunked\r\n", "zz\r\n"), odd("Transfer-Encoding: chunked\r\n", strings.Repeat(chunk(strings.Repeat("a", 1000)), 70)+"0\r\n\r\n"),
	"POST /f/nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "PUT /f HTTP/1.1\r\nHost: x\r\n\r\n", "garbage\r\n\r\n", "\x16\x03\x01\x02\x00",
	"GET /f?" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", odd("Cookie: "+strings.Repeat("a=b; ", 3000)+"\r\nContent-Length: 3\r\n", "a=b"),
	"POST /f HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 30000\r\n\r\n" + strings.Repeat("[", 30000),
	"POST /f HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 4\r\n\r\n--x\n",
}

// shout sends bytes and reads what comes, on a connection of its own.
func (a *abuse) shout(request string) {
	conn, err := net.DialTimeout("tcp", a.p.Public, relaytest.Patience)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(relaytest.Patience))
	if _, err := io.WriteString(conn, request); err != nil {
		a.cut.Add(1)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	if status := statusesIn(string(answer)); strings.HasPrefix(status, "5") {
		a.failures.Add(1)
	}
}

// torment is a client that never comes to its end: what it says first, what
// then, byte by byte, and whether it soon hangs up with a reset instead.
type torment struct {
	first, then string
	reset       bool
	from        string // an address of its own
	secure      bool   // speaks TLS
}

// slowly is how long a slow client waits before it does anything else.
const slowly = 500 * time.Millisecond

var lingering = []torment{
	{}, // says nothing
	{first: "POST /f HTTP/1.1\r\nX-Slow: ", then: "a"},
	{first: odd("Content-Length: 60000\r\n", ""), then: "a"},
	{first: odd("Transfer-Encoding: chunked\r\n", ""), then: "1\r\na\r\n"},
	{first: strings.Repeat("GET /f HTTP/1.1\r\nHost: x\r\n\r\n", 40), then: "GET /f HTTP/1.1\r\nHost: x\r\n\r\n"}, // and reads no answer
	{first: "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"},                                                           // and keeps the connection
}

var resets = []torment{
	{first: "POST /f HTTP/1.1\r\nX-Cut", reset: true},
	{first: odd("Content-Length: 100\r\n", "name=A"), reset: true},
	{first: odd("Transfer-Encoding: chunked\r\n", "ff\r\nname=A"), reset: true},
	{first: odd("Content-Length: 3\r\n", "a=b"), reset: true}, // while it is answered
}

// torment is a client of this process.
func (a *abuse) torment(how torment) { how.run(a.p.Public, a.over, func() {}, &a.cut) }

// run comes back whenever it is hung up on, until it is over.
func (how torment) run(address string, over <-chan struct{}, come func(), cut *atomic.Int64) {
	for !isClosed(over) {
		conn, err := dial(how.from, address, how.secure)
		if err != nil {
			continue
		}
		hearLittle(conn)
		_, err = io.WriteString(conn, how.first)
		come()
		for err == nil && !how.reset && !isClosed(over) {
			time.Sleep(slowly)
			err = how.goOn(conn)
		}
		if how.reset {
			_ = conn.(*net.TCPConn).SetLinger(0)
		}
		_ = conn.Close()
		cut.Add(1)
		time.Sleep(slowly)
	}
}

// hearLittle gives a connection little room for answers that nobody reads.
func hearLittle(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
}

// goOn does the next little thing; the error says that it was hung up on.
func (how torment) goOn(conn net.Conn) (err error) {
	soon := time.Millisecond
	if how.secure {
		soon = slowly // a record that is cut in two ends the connection
	}
	_ = conn.SetDeadline(time.Now().Add(soon))
	if how.then != "" {
		_, err = io.WriteString(conn, how.then)
	} else if _, err = io.Copy(io.Discard, conn); err == nil {
		err = io.EOF
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
