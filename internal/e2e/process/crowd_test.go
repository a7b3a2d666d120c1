package process

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
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

// crowds are clients that do nothing that the relay could end soon.
var crowds = map[string]struct {
	how     []torment     // in turn
	from    int           // so many addresses
	whole   bool          // in a whole run only
	size    int           // 3000 where it is not said
	longest time.Duration // a quarter of a second where it is not said: for 99 of 100
}{
	"silent":                     {[]torment{{}}, 1, false, 0, 0},
	"silent, and more of them":   {[]torment{{}}, 1, true, 10_000, 15 * time.Second},
	"answers that nobody reads":  {[]torment{deaf}, 1, false, 0, 0},
	"the same, from many":        {[]torment{deaf}, 250, true, 0, 0},
	"pages that nobody reads":    {[]torment{{first: strings.Repeat(getForm, 400), then: getForm}}, 250, true, 0, 0},
	"the same, each another":     {[]torment{{first: strings.Repeat(getAnother, 100), then: getForm}}, 250, true, 0, 0},
	"thank-you pages":            {[]torment{{first: strings.Repeat(getThanks, 100), then: getThanks}}, 250, true, 0, 0},
	"pages that do not exist":    {[]torment{{first: strings.Repeat(getNothing, 100), then: getNothing}}, 250, true, 0, 5 * time.Second},
	"slow bodies":                {[]torment{slowBody}, 250, false, 0, 0},
	"slow bodies, from one":      {[]torment{slowBody}, 1, true, 0, 0},
	"bodies that keep the pace":  {[]torment{{first: slowBody.first, then: strings.Repeat("a", 800)}}, 250, true, 0, 0},
	slowAndDeaf:                  {[]torment{slowBody, deaf}, 250, true, 0, 0},
	"headers without an end":     {[]torment{lingering[1]}, 1, true, 0, 0},
	"whole inquiries, then deaf": {[]torment{{first: strings.Repeat(odd(lengthOf("a=b"), "a=b"), 40)}}, 250, true, 0, 5 * time.Second},
}

const slowAndDeaf = "slow bodies and deaf ears"

var (
	slowBody = torment{first: odd("Content-Length: 60000\r\n", ""), then: "a"}
	deaf     = torment{first: strings.Repeat(getWidget, 400), then: getWidget}
)

const (
	getWidget = "GET /widget.js HTTP/1.1\r\nHost: x\r\n\r\n"
	getForm   = "GET /f?property_id=EB-1 HTTP/1.1\r\nHost: x\r\n\r\n"
	// getAnother asks for a form with another link each time: see numbered.
	getAnother = "GET /f?property_id=EB-# HTTP/1.1\r\nHost: x\r\n\r\n"
	getThanks  = "GET /f/casas/thanks?folio=28286153604 HTTP/1.1\r\nHost: x\r\n\r\n"
	getNothing = "GET /nothing HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n"
)

// crowdOfClients is a process that is one of the crowds: visitors have a machine of
// their own, and must not wait in this one for thousands of others. It wants the
// door's address and the crowd's name; another size and "tls" may follow. It says
// when all have come, when it is first hung up on, and in the end how often.
const crowdOfClients = "crowd-of-clients"

// crowdAt returns the process of a crowd, which does not run yet.
func crowdAt(t *testing.T, args ...string) *relaytest.Process {
	t.Helper()
	p := relaytest.Command(t, nil)
	p.Cmd.Path, p.Cmd.Args = itself(t), append([]string{crowdOfClients}, args...)
	return p
}

// itself is the path of this test binary, which is other programs, too.
func itself(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

func mainOfACrowd() {
	address, crowd := os.Args[1], crowds[os.Args[2]]
	size, secure := cmp.Or(crowd.size, 3000), slices.Contains(os.Args[3:], "tls")
	if len(os.Args) > 3 {
		size, _ = strconv.Atoi(os.Args[3])
	}
	over := make(chan os.Signal, 1)
	signal.Notify(over, os.Interrupt)
	ended := make(chan struct{})
	var all sync.WaitGroup
	var came, cut atomic.Int64
	for i := range size {
		how := crowd.how[i%len(crowd.how)]
		how.first = strings.NewReplacer("Host: x\r", "Host: "+address+"\r", "Host: relay.mx\r", "Host: "+address+"\r").Replace(how.first)
		how.first = numbered(how.first, i)
		how.from, how.secure = fmt.Sprintf("127.1.%d.1", i%crowd.from), secure
		all.Go(func() { how.run(address, ended, sync.OnceFunc(func() { came.Add(1) }), &cut) })
	}
	tell := map[string]func() bool{
		"all have come":  func() bool { return came.Load() == int64(size) },
		"hung up on one": func() bool { return cut.Load() > 0 },
	}
	for tick := time.Tick(slowly / 10); !isClosed(ended); {
		select {
		case <-tick:
			for what, isSo := range tell {
				if isSo() {
					fmt.Println(what)
					delete(tell, what)
				}
			}
		case <-over:
			close(ended)
		}
	}
	all.Wait()
	fmt.Println("hung up on", cut.Load())
}

// numbered replaces each # in a client's requests with a number of its own.
func numbered(requests string, client int) string {
	var all strings.Builder
	for i, part := range strings.Split(requests, "#") {
		if i > 0 {
			fmt.Fprintf(&all, "%d-%d", client, i)
		}
		all.WriteString(part)
	}
	return all.String()
}

// Many more clients than the relay has places for do nothing that it could end
// soon, and come back when they are hung up on: who has something to say gets in,
// and soon. The figures of a whole run hold on a machine that is idle besides.
func TestACrowdKeepsNoVisitorOut(t *testing.T) {
	for name, crowd := range crowds {
		if crowd.whole && !relaytest.InFull() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			during, longest := time.Second, 20*time.Second
			if relaytest.InFull() {
				during, longest = 20*time.Second, cmp.Or(crowd.longest, 250*time.Millisecond)
			}
			a := newAbuse(t)
			before := a.atRest()
			others := crowdAt(t, a.p.Public, name)
			others.Run()
			relaytest.Eventually(t, "all places are taken", func() bool { return strings.Contains(others.Out.String(), "hung up on one") })
			v := a.visit("crowd", during)
			memory := a.peakMB()
			others.End(os.Interrupt, 0)
			a.end()
			t.Logf("%s; peak memory %d MB", others.Out.String(), memory)
			require.Less(t, v.p99, longest)
			if relaytest.InFull() { // not with the race detector
				require.LessOrEqual(t, memory, 96+8, "the test's program is larger than the relay's")
			}
			relaytest.Eventually(t, "goroutines and connections are as before", func() bool { return a.isAs(before) })
			a.p.End(os.Interrupt, 0)
		})
	}
}

// A relay that may open few files has fewer places, so that it still has files for
// inquiries.
func TestAFewFilesAreEnough(t *testing.T) {
	t.Parallel()
	const files, crowd = "256", 400
	p := relaytest.Command(t, relaytest.Settings(t, "127.0.0.1:1"), "serve")
	p.Cmd.Path, p.Cmd.Args = "/bin/sh", []string{"sh", "-c", "ulimit -n " + files + `; exec "$0" serve`, p.Cmd.Path}
	p.Run()
	p.Started()
	for range crowd {
		conn, err := net.Dial("tcp", p.Public)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
	}
	for n := range 20 {
		status, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-FEW", strconv.Itoa(n))
		require.Equal(t, http.StatusAccepted, status)
	}
	require.Len(t, p.Leads("property_id=EB-FEW").Leads, 20)
	p.End(os.Interrupt, 0)
	require.NotContains(t, p.Output(), "too many open files")
}

// peakMB is the most memory that the relay has ever held.
func (a *abuse) peakMB() (peak int) {
	a.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.p.Cmd.Process.Pid))
	require.NoError(a, err)
	_, hwm, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(hwm, &peak)
	require.NoError(a, err)
	return peak >> 10
}
