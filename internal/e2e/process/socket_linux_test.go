package process

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
)

// unit plays systemd's part: it holds a listening socket, whatever becomes of the
// relays that it passes it to.
type unit struct {
	t    *testing.T
	file *os.File
	addr string
}

func newUnit(t *testing.T) unit {
	t.Helper()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // as systemd's
	ln, err := plain.Listen(t.Context(), "tcp", relaytest.FreeAddr(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	file, err := ln.(*net.TCPListener).File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return unit{t, file, ln.Addr().String()}
}

// start starts a relay with the socket.
func (u unit) start(env map[string]string) *relaytest.Process {
	u.t.Helper()
	p := activated(u.t, env, u.file).Started()
	require.Equal(u.t, u.addr, p.Public)
	return p
}

// activated starts a relay as systemd does, which knows the number of the process
// only when it is there.
func activated(t *testing.T, env map[string]string, files ...*os.File) *relaytest.Process {
	t.Helper()
	p := relaytest.Command(t, env, "serve")
	p.Cmd.Args = []string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, p.Cmd.Path, "serve"}
	p.Cmd.Path = "/bin/sh"
	p.Cmd.ExtraFiles = files
	p.Cmd.Env = append(p.Cmd.Env, fmt.Sprint("LISTEN_FDS=", len(files)))
	p.Run()
	return p
}

// With its socket held by systemd a relay refuses nobody over a restart, and
// nobody needs a proxy to wait at.
func TestRestartsWithASocketOfSystemd(t *testing.T) {
	t.Parallel() // it waits for most of its time
	u := newUnit(t)
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_ADDR"], env["LEADRELAY_DRAIN"] = u.addr, "1s"
	p := u.start(env)
	f := front{address: u.addr}

	calm := f.traffic(t, func() {
		for range 3 {
			time.Sleep(500 * time.Millisecond)
			p.End(syscall.SIGTERM, 0)
			p = u.start(env)
		}
		time.Sleep(500 * time.Millisecond)
	})
	t.Logf("stopped: %d posts, %d lost, longest %v", calm.posts, len(calm.lost), calm.longest)
	require.Empty(t, calm.lost)

	var killed time.Time
	rough := f.traffic(t, func() {
		time.Sleep(time.Second)
		p.Kill()
		<-p.Done
		killed = time.Now()
		time.Sleep(500 * time.Millisecond)
		p = u.start(env)
		time.Sleep(time.Second)
	})
	t.Logf("killed: %d posts, %d lost, longest %v", rough.posts, len(rough.lost), rough.longest)
	rough.requireNoneLostSince(t, killed)
	require.Greater(t, rough.longest, 400*time.Millisecond, "somebody had to wait")
	require.GreaterOrEqual(t, keptOnce(t, p), calm.posts+rough.posts-len(rough.lost))
	require.False(t, strings.Contains(p.Out.String(), "systemd's socket"), "there is nothing to warn of")
	p.End(os.Interrupt, 0)
}

// Those who come one after the other, each on a connection of his own, meet
// either the relay that ends or the one that begins.
func TestACrowdOverRestartsWithASocket(t *testing.T) {
	u := newUnit(t)
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_ADDR"] = u.addr
	p := u.start(env)
	var posts atomic.Int64
	var over atomic.Bool
	var visitors sync.WaitGroup
	for visitor := range 8 {
		visitors.Go(func() {
			c := relaytest.NewClient(t)
			c.Transport.(*http.Transport).DisableKeepAlives = true
			for n := 0; !over.Load(); n++ {
				form := strings.NewReader(relaytest.Form(fmt.Sprintf("EB-%d-%d", visitor, n)))
				resp, err := c.Post("http://"+u.addr+"/f", "application/x-www-form-urlencoded", form)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusSeeOther {
					t.Error(resp.Status)
				}
				posts.Add(1)
			}
		})
	}
	for range 5 {
		before := posts.Load()
		relaytest.Eventually(t, "there is some load", func() bool { return posts.Load() > before+50 })
		p.End(syscall.SIGTERM, 0)
		p = u.start(env)
	}
	over.Store(true)
	visitors.Wait()
	require.Len(t, allLeads(p), int(posts.Load()))
	p.End(os.Interrupt, 0)
}

// What the relay had not accepted when it was killed waits for the next one.
func TestWhatWasNotAcceptedSurvivesAKill(t *testing.T) {
	u := newUnit(t)
	env := relaytest.Settings(t, "127.0.0.1:1")
	env["LEADRELAY_ADDR"] = u.addr
	p := u.start(env)
	freeze(t, p)
	conn, err := net.Dial("tcp", u.addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	form := relaytest.Form("EB-1")
	_, err = fmt.Fprintf(conn, "POST /f HTTP/1.1\r\nHost: relay.mx\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(form), form)
	require.NoError(t, err)
	p.Kill()
	<-p.Done
	p = u.start(env)
	require.NoError(t, conn.SetDeadline(time.Now().Add(relaytest.Patience)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	p.End(os.Interrupt, 0)
}

// freeze stops the process and waits until each thread of it stands still. One
// that runs on for a moment may accept a connection, which dies with it.
func freeze(t *testing.T, p *relaytest.Process) {
	t.Helper()
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGSTOP))
	relaytest.Eventually(t, "every thread has stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Cmd.Process.Pid))
		require.NoError(t, err)
		require.NotEmpty(t, threads)
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if err != nil {
				return false // a thread that has ended since
			}
			_, state, _ := strings.Cut(string(stat), ") ") // the name may be anything
			if !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return true
	})
}

// A socket that cannot be the public door stops the start for good, with a line
// that says what the unit should be; an address that differs is warned of.
func TestSocketsThatAreNot(t *testing.T) {
	env := relaytest.Settings(t, "127.0.0.1:1")
	fileOf := func(s interface{ File() (*os.File, error) }, err error) *os.File {
		t.Helper()
		require.NoError(t, err)
		file, err := s.File()
		require.NoError(t, err)
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	u := newUnit(t)
	accepted, err := net.Dial("tcp", u.addr)
	require.NoError(t, err)
	connected := fileOf(accepted.(*net.TCPConn), nil)
	require.NoError(t, accepted.Close())
	path, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	disk, errDisk := os.Open(os.DevNull)
	require.NoError(t, errDisk)
	defer func() { _ = disk.Close() }()
	for want, files := range map[string][]*os.File{
		"leadrelay: systemd's socket: LISTEN_FDS=2, and one is wanted": {u.file, newUnit(t).file},
		"leadrelay: systemd's socket: it does not listen":              {connected},
		"leadrelay: systemd's socket: it does not listen: the":         {disk},
		"leadrelay: systemd's socket: it is no TCP socket":             {fileOf(path, err)},
	} {
		p := activated(t, env, files...)
		p.Ended(78) // EX_CONFIG
		require.Contains(t, p.Err.String(), want)
		require.Equal(t, 1, strings.Count(p.Err.String(), "\n"))
	}

	p := u.start(env)
	require.Contains(t, p.Out.String(), `"level":"warn","socket":"`+u.addr+`","setting":"127.0.0.1:0"`)
	p.End(os.Interrupt, 0)

	env["LISTEN_PID"], env["LISTEN_FDS"] = "1", "1" // somebody else's
	p = relaytest.Start(t, env, "serve").Started()
	require.NotEqual(t, u.addr, p.Public)
	p.End(os.Interrupt, 0)
	_, err = net.Dial("tcp", p.Public)
	require.True(t, errors.Is(err, syscall.ECONNREFUSED))
}
