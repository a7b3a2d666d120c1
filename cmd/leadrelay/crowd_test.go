package main

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// relayPlaces is how many connections the relay takes at once.
const relayPlaces = 2048

// Many more clients than the relay has places for do nothing that it could end
// soon, and come back when they are hung up on: who has something to say gets in,
// and soon. The figures of a whole run hold on a machine that is idle besides.
func TestACrowdKeepsNoVisitorOut(t *testing.T) { // E6
	const (
		widget = "GET /widget.js HTTP/1.1\r\nHost: x\r\n\r\n"
		many   = 250
	)
	slow := torment{first: odd("Content-Length: 60000\r\n", ""), then: "a"}
	steady := torment{first: slow.first, then: strings.Repeat("a", 800)}
	deaf := torment{first: strings.Repeat(widget, 400), then: widget}
	crowds := map[string]struct {
		how   []torment // in turn
		from  int       // so many addresses
		whole bool      // in a whole run only
		size  int       // 3000 where it is not said
	}{
		"silent":                     {[]torment{{}}, 1, false, 0},
		"silent, and more of them":   {[]torment{{}}, 1, true, 10_000},
		"answers that nobody reads":  {[]torment{deaf}, 1, false, 0},
		"the same, from many":        {[]torment{deaf}, many, true, 0},
		"slow bodies":                {[]torment{slow}, many, false, 0},
		"slow bodies, from one":      {[]torment{slow}, 1, true, 0},
		"bodies that keep the pace":  {[]torment{steady}, many, true, 0},
		"slow bodies and deaf ears":  {[]torment{slow, deaf}, many, true, 0},
		"headers without an end":     {[]torment{lingering[1]}, 1, true, 0},
		"whole inquiries, then deaf": {[]torment{{first: strings.Repeat(odd(lengthOf("a=b"), "a=b"), 40)}}, many, true, 0},
	}
	for name, crowd := range crowds {
		t.Run(name, func(t *testing.T) {
			size, during, longest := cmp.Or(crowd.size, 3000), time.Second, 20*time.Second
			if inFull() {
				during, longest = 20*time.Second, time.Second
			} else if crowd.whole {
				t.Skip("in a whole run only: make torture")
			}
			a := newAbuse(t)
			before := a.atRest()
			for i := range size {
				how := crowd.how[i%len(crowd.how)]
				how.from = net.IPv4(127, 1, byte(i%crowd.from), 1)
				a.all.Go(func() { a.torment(how) })
			}
			eventually(t, "all places are taken", func() bool { return a.cut.Load() > 0 || a.measure()["process_open_fds"] >= relayPlaces })
			v := a.visit("crowd", during)
			memory := a.peakMB()
			a.end()
			t.Logf("hung up on %d; peak memory %d MB", a.cut.Load(), memory)
			require.Less(t, v.p99, longest)
			if inFull() { // not with the race detector
				require.LessOrEqual(t, memory, 96+8, "the test's program is larger than the relay's")
			}
			eventually(t, "goroutines and connections are as before", func() bool { return a.isAs(before) })
			a.p.end(os.Interrupt, 0)
		})
	}
}

// A relay that may open few files has fewer places, so that it still has files for
// inquiries.
func TestAFewFilesAreEnough(t *testing.T) {
	const files, crowd = "256", 400
	self, err := os.Executable()
	require.NoError(t, err)
	relay := filepath.Join(t.TempDir(), "leadrelay")
	require.NoError(t, os.Symlink(self, relay))
	p := command(t, "leadrelay", settings(t, "127.0.0.1:1"), "serve")
	p.cmd.Path, p.cmd.Args = "/bin/sh", []string{"sh", "-c", "ulimit -n " + files + `; exec "$0" serve`, relay}
	p.run()
	p.started()
	for range crowd {
		conn, err := net.Dial("tcp", p.public)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
	}
	for n := range 20 {
		status, _, _ := inquire(p.client, p.public, "EB-FEW", strconv.Itoa(n))
		require.Equal(t, http.StatusAccepted, status)
	}
	require.Len(t, p.leads("property_id=EB-FEW").Leads, 20)
	p.end(os.Interrupt, 0)
	require.NotContains(t, p.output(), "too many open files")
}

// peakMB is the most memory that the relay has ever held.
func (a *abuse) peakMB() (peak int) {
	a.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.p.cmd.Process.Pid))
	require.NoError(a, err)
	_, hwm, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(hwm, &peak)
	require.NoError(a, err)
	return peak >> 10
}
