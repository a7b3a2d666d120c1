package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
)

// patience is the deadline of every condition that a test waits for.
const patience = time.Minute

// settings are those of a relay for one site, with short times and a database
// of its own. Its doors are on any free port; the broker is host:port.
func settings(t *testing.T, broker string) map[string]string {
	t.Helper()
	return map[string]string{
		"EASYBROKER_API_KEY":            "key-of-the-tests",
		"EASYBROKER_URL":                "http://" + broker + "/v1",
		"LEADRELAY_SOURCE":              "casas.mx",
		"LEADRELAY_ADDR":                "127.0.0.1:0",
		"LEADRELAY_OPERATOR_ADDR":       "127.0.0.1:0",
		"LEADRELAY_OPERATOR_TOKEN":      "token-of-all-the-tests",
		"LEADRELAY_DATABASE":            filepath.Join(t.TempDir(), "leadrelay.db"),
		"LEADRELAY_DRAIN":               "0s",
		"LEADRELAY_LIMIT_ADDRESS":       "off",
		"LEADRELAY_LIMIT_SITE":          "off",
		"LEADRELAY_COURIER_TIMEOUT":     "1s",
		"LEADRELAY_COURIER_SETTLE":      "1s",
		"LEADRELAY_COURIER_SCHEDULE":    "100ms",
		"LEADRELAY_COURIER_RATE":        "5000",
		"LEADRELAY_COURIER_PROBE":       "100ms",
		"LEADRELAY_COURIER_CONCURRENCY": "8",
	}
}

// settingsWith are settings with a file that says more.
func settingsWith(t *testing.T, broker, file string) map[string]string {
	t.Helper()
	env := settings(t, broker)
	env["LEADRELAY_CONFIG"] = filepath.Join(t.TempDir(), "leadrelay.yaml")
	require.NoError(t, os.WriteFile(env["LEADRELAY_CONFIG"], []byte(file), 0o600))
	return env
}

// process is a leadrelay that really runs.
type process struct {
	t                *testing.T
	cmd              *exec.Cmd
	client           *http.Client
	out, err         lines
	done             chan struct{} // closed when it has ended
	public, operator string        // its doors, once it has started
	token            string        // opens the operator's door
}

// start starts this test binary as leadrelay, with no more environment than env.
func start(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	p := command(t, "leadrelay", env, args...)
	p.run()
	return p
}

func command(t *testing.T, name string, env map[string]string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.Command(self, args...), client: newClient(t), token: env["LEADRELAY_OPERATOR_TOKEN"], done: make(chan struct{})}
	p.cmd.Args[0] = name
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = childEnv()
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	return p
}

// childEnv is what a process needs to run at all. The race detector would
// sleep a second before every exit.
func childEnv() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(), "GORACE=atexit_sleep_ms=0"}
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		env = append(env, "GOCOVERDIR="+dir)
	}
	return env
}

func (p *process) run() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Start())
	p.watch()
}

// watch notes when the process has ended, and sees to it that it does.
func (p *process) watch() {
	p.t.Helper()
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	p.t.Cleanup(func() { p.kill(); <-p.done })
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

// started waits until both doors of a relay are open.
func (p *process) started() *process {
	p.t.Helper()
	p.public, p.operator = p.out.started(p.t, p.done)
	require.NotEmpty(p.t, p.public, p.output())
	return p
}

// end sends the signal and waits for the exit code.
func (p *process) end(s os.Signal, code int) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
	p.ended(code)
}

// ended waits for the exit code.
func (p *process) ended(code int) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // shows where it hangs
		<-p.done
		require.Fail(p.t, "it does not end", p.output())
	}
	require.Equal(p.t, code, p.cmd.ProcessState.ExitCode(), p.output())
	require.NotContains(p.t, p.err.String(), "DATA RACE")
}

// output is everything that it has written so far.
func (p *process) output() string { return p.out.String() + p.err.String() }

// leads asks the operator's door.
func (p *process) leads(query string) console.Page {
	p.t.Helper()
	var page console.Page
	p.ask("/api/v1/leads?"+query, func(body io.Reader) {
		require.NoError(p.t, json.NewDecoder(body).Decode(&page))
	})
	return page
}

// ask gets something from the operator's door.
func (p *process) ask(path string, read func(io.Reader)) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.operator+path, nil)
	require.NoError(p.t, err)
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.client.Do(req)
	require.NoError(p.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(p.t, http.StatusOK, resp.StatusCode)
	read(resp.Body)
}

// isReady asks as a load balancer does.
func (p *process) isReady() bool {
	resp, err := p.client.Get("http://" + p.public + "/readyz")
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// settled waits until no lead is on its way any more.
func (p *process) settled() {
	p.t.Helper()
	const longest = 3 * patience // a doubtful lead has its fourth look after 75 s
	quiet := 0                   // sweeps in a row: a lead may move behind the back of one
	isQuiet := func() bool {
		quiet++
		for _, state := range []string{"queued", "sending", "doubtful"} {
			if len(p.leads("limit=1&state="+state).Leads) > 0 {
				quiet = 0
			}
		}
		return quiet == 3
	}
	require.True(p.t, pollFor(longest, 5*time.Millisecond, isQuiet), "leads are on their way still")
}

// lines is what a process writes. It may be read at any time.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var startedLine = regexp.MustCompile(`(?m)^.*"public":"([^"]+)","operator":"([^"]+)".*"message":"started"\}$`)

// started waits for the log line that names the doors; both are empty when the
// process is done before.
func (l *lines) started(t *testing.T, done <-chan struct{}) (public, operator string) {
	t.Helper()
	var found []string
	eventually(t, "it starts", func() bool {
		if found = startedLine.FindStringSubmatch(l.String()); found != nil {
			return true
		}
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	if found == nil {
		return "", ""
	}
	return found[1], found[2]
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !poll(ok) {
		require.Fail(t, "not in time: "+what)
	}
}

// poll reports whether the condition came true in time.
func poll(ok func() bool) bool { return pollEvery(5*time.Millisecond, ok) }

func pollEvery(pause time.Duration, ok func() bool) bool { return pollFor(patience, pause, ok) }

func pollFor(longest, pause time.Duration, ok func() bool) bool {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for end := time.Now().Add(longest); time.Now().Before(end); <-tick.C {
		if ok() {
			return true
		}
	}
	return false
}

// newClient returns a client that follows no redirect and leaves no connection
// behind.
func newClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// accepted is the answer to an inquiry that is on disk.
type accepted struct {
	OK       bool   `json:"ok"`
	RemoteID int64  `json:"remote_id"`
	Next     string `json:"next"`
}

// inquire posts a good inquiry as a program would. The status is zero when
// there was no whole answer.
func inquire(c *http.Client, door, property, message string) (status int, a accepted, h http.Header) {
	form := url.Values{"property_id": {property}, "email": {"ana@ejemplo.mx"}, "message": {message}}
	req, err := http.NewRequest(http.MethodPost, "http://"+door+"/f", strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return 0, accepted{}, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return 0, accepted{}, nil
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, a, resp.Header
}

// ports lie below those that the system gives to outgoing connections, so that
// nobody else takes one between the asking and the listening.
var ports atomic.Int32

// freeAddr is an address of this machine where nobody listens.
func freeAddr(t testing.TB) string {
	t.Helper()
	const first, span = 12_000, 18_000
	for range span {
		n := (int(ports.Add(1)) + os.Getpid()*37) % span
		addr := fmt.Sprintf("127.0.0.1:%d", first+n)
		if isFree(addr) {
			return addr
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// isFree tries the address. A child that is forked meanwhile would hold its
// socket open until it runs its program, so none may be.
func isFree(addr string) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ln, err := net.Listen("tcp", addr)
	return err == nil && ln.Close() == nil
}
