package process

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/store/postgrestest"
)

// trouble is how the disk of a database breaks under a relay, and how it is mended.
type trouble struct {
	env      map[string]string
	start    func() *relaytest.Process
	breaks   func(*relaytest.Process)
	mend     func()
	restarts bool // the relay must be started anew
	stands   bool // the relay may stand still with its disk
}

// A disk breaks for longer than an alert waits, while inquiries come in and go out. Nobody
// is told that an inquiry was taken that is lost, none arrives twice, and whoever is on call
// hears of it within a minute. Each disk is an ext4 of its own, which root may mount: in
// `make torture`.
//
// A disk that stands still may hold the whole relay. SQLite's -shm file is memory that is
// shared with the disk: a write to it waits in a page fault, which Go does not know of, and
// the next garbage collection waits for that. Then nobody is answered until the disk goes
// on, and only alerts.heartbeat tells.
func TestABrokenDisk(t *testing.T) {
	const standsStill = "it stands still"
	if !relaytest.InFull() {
		return
	}
	for name, test := range map[string]struct {
		breaks   func(t *testing.T, p *relaytest.Process, folder string) (mend func())
		restarts bool // it stays broken until it is mounted anew
	}{
		"it is full":                     {fillDisk, false},
		standsStill:                      {freezeDisk, false},
		"it is read-only after an error": {abortDisk, true},
		"each call is an error, and what was not written for good is lost": {shutDownDisk, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, image := map[string]string{"LEADRELAY_DATABASE": filepath.Join(t.TempDir(), "leadrelay.db")}, newImage(t)
			folder := ""
			w := &trouble{env: env, restarts: test.restarts, stands: name == standsStill}
			w.start = func() (p *relaytest.Process) {
				p, folder = startOnADisk(t, env, "-o loop,errors=remount-ro "+image)
				return p
			}
			w.breaks = func(p *relaytest.Process) { w.mend = test.breaks(t, p, folder) }
			w.requireNothingLost(t)
			p := w.start()
			requireSound(t, filepath.Join(folder, filepath.Base(env["LEADRELAY_DATABASE"])))
			p.End(os.Interrupt, 0)
		})
	}
}

// The same with PostgreSQL. When its log cannot grow it panics, and stays away until
// somebody has made room and starts it. When a table cannot, it goes on, and what needs no
// more room than before is written.
func TestAFullDiskOfPostgreSQL(t *testing.T) {
	if !relaytest.InFull() {
		return
	}
	for name, panics := range map[string]bool{"a table cannot grow": false, "its log cannot grow": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const size = 96 << 20
			c, data := postgrestest.NewClusterOnADisk(t, size, "max_wal_size=32MB", "wal_recycle=off")
			fill, free := filler(t, data, size)
			w := &trouble{env: map[string]string{"LEADRELAY_DATABASE": c.Address()}, breaks: func(*relaytest.Process) { fill() }, mend: free}
			w.start = func() *relaytest.Process { return relaytest.Start(t, w.env, "serve").Started() }
			if panics {
				w.breaks = func(*relaytest.Process) { fill(); c.Panic() }
				w.mend = func() { free(); c.Start() }
			}
			w.requireNothingLost(t)
		})
	}
}

func (w *trouble) requireNothingLost(t *testing.T) {
	t.Helper()
	heard, address := channelOfAlerts(t)
	broker, brokerAddress := relaytest.StartBroker(t)
	broker.Misbehave(relaytest.Lagging())
	for name, value := range relaytest.SettingsWith(t, brokerAddress, "alerts: {locale: en}\n") {
		if w.env[name] == "" {
			w.env[name] = value
		}
	}
	w.env["LEADRELAY_ADDR"], w.env["LEADRELAY_ALERTS"] = relaytest.FreeAddr(t), address
	p := w.start()
	crowd := &crowdOfRepeaters{ids: map[int64]string{}, at: map[int64]time.Time{}, served: map[*relaytest.Process]time.Time{}, restarts: w.restarts}
	ctx, stop := context.WithCancel(t.Context())
	for who := range 4 {
		crowd.add(ctx, p, who)
	}
	before := p // of whom the visitors speak
	time.Sleep(2 * time.Second)

	w.breaks(p)
	client := &http.Client{Transport: p.Client.Transport, Timeout: 15 * time.Second}
	broken := time.Now()
	told := relaytest.PollFor(time.Minute, 100*time.Millisecond, func() bool {
		code, _, h := relaytest.Inquire(client, p.Public, "EB-0", "Hola")
		return code == http.StatusServiceUnavailable && h.Get("Retry-After") != ""
	}) && relaytest.PollFor(time.Minute, 100*time.Millisecond, func() bool { return !p.IsReady() && strings.Contains(heard(), nothingWritten) })
	_, err := client.Get("http://" + p.Operator + "/healthz") //nolint:bodyclose // the process ends
	switch {
	case told:
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status(t, p, "/healthz"))
		require.Contains(t, heard(), seeToDisk)
		t.Logf("told %v after it broke", time.Since(broken).Round(time.Second))
	case w.stands && err != nil:
		t.Log("it stands still with its disk")
	default:
		require.Fail(t, "posts are not turned away, or nobody is told")
	}

	if w.restarts {
		p.Kill()
		<-p.Done
		p = w.start()
	} else {
		w.mend()
	}
	mended := time.Now()
	relaytest.Eventually(t, "it takes inquiries again", func() bool { return crowd.servedSince(before, mended) })
	t.Logf("served %v after it was mended", time.Since(mended).Round(time.Millisecond))
	relaytest.Eventually(t, "it is ready again", p.IsReady)
	if told && !w.restarts { // or what was told could not be written down before
		relaytest.Eventually(t, "whoever is on call is told that it is over", func() bool { return strings.Contains(heard(), "Over: "+nothingWritten) })
	}
	stop()
	crowd.visitors.Wait()
	crowd.requireOnce(t, p, broker)
	p.Kill()
	<-p.Done
	p = w.start()
	crowd.requireOnce(t, p, broker)
	p.End(os.Interrupt, 0)
}

// requireOnce waits until all is settled: what was acknowledged is there, and has arrived
// once.
func (c *crowdOfRepeaters) requireOnce(t *testing.T, p *relaytest.Process, broker *fakebroker.Broker) {
	t.Helper()
	p.Settled()
	require.Empty(t, c.wrong)
	require.Subset(t, allLeads(p), c.ids)
	arrived := map[int64]string{}
	for _, k := range broker.Book() {
		require.Equal(t, 1, k.Posts, "%d arrived twice", k.RemoteID)
		arrived[k.RemoteID] = k.Message
	}
	require.Subset(t, arrived, c.ids)
	t.Logf("%d inquiries acknowledged, %d turned away, the longest wait %v", len(c.ids), c.turnedAway, c.longest)
}

// channelOfAlerts is one, and what it has heard.
func channelOfAlerts(t *testing.T) (heard func() string, address string) {
	t.Helper()
	var mu sync.Mutex
	var text strings.Builder
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(&text, "%s\n", body)
	}))
	t.Cleanup(s.Close)
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}, "generic+http://" + s.Listener.Addr().String() + "/"
}

const imageSize = 32 << 20 // bytes

// newImage is a file that has a file system.
func newImage(t *testing.T) (image string) {
	t.Helper()
	image = filepath.Join(t.TempDir(), "image")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, imageSize))
	run(t, "mkfs.ext4", "-q", image)
	return image
}

// fillDisk leaves no room.
func fillDisk(t *testing.T, _ *relaytest.Process, folder string) (mend func()) {
	t.Helper()
	fill, free := filler(t, folder, imageSize)
	fill()
	return free
}

// freezeDisk keeps whoever writes waiting.
func freezeDisk(t *testing.T, _ *relaytest.Process, folder string) (mend func()) {
	t.Helper()
	const freeze, thaw = 0xc0045877, 0xc0045878 // FIFREEZE, FITHAW
	control(t, folder, freeze, nil)
	mend = sync.OnceFunc(func() { control(t, folder, thaw, nil) })
	t.Cleanup(mend) // or the relay could not even be killed
	return mend
}

// abortDisk makes it read-only, as ext4 does when it meets an error, though files are open
// to be written. To mount it read-only by hand is refused meanwhile.
func abortDisk(t *testing.T, p *relaytest.Process, folder string) (mend func()) {
	t.Helper()
	_, inside, _ := strings.Cut(folder, "/root")
	run(t, "nsenter", "--mount", "--target", strconv.Itoa(p.Cmd.Process.Pid), "mount", "-o", "remount,abort", inside)
	require.ErrorIs(t, os.WriteFile(filepath.Join(folder, "x"), nil, 0o600), syscall.EROFS)
	return nil
}

// shutDownDisk is as if it were pulled out.
func shutDownDisk(t *testing.T, _ *relaytest.Process, folder string) (mend func()) {
	t.Helper()
	const shutdown, noLogFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN
	flags := uint32(noLogFlush)
	control(t, folder, shutdown, unsafe.Pointer(&flags))
	require.ErrorIs(t, os.WriteFile(filepath.Join(folder, "x"), nil, 0o600), syscall.EIO)
	return nil
}

// control asks something of the file system of a folder.
func control(t *testing.T, folder string, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	f, err := os.Open(folder)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(argument))
	require.Zero(t, failed, failed.Error())
}

// run runs a program to its end.
func run(t *testing.T, program string, args ...string) {
	t.Helper()
	c := exec.Command(program, args...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s: %s", c, out)
}
