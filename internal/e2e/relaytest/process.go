// Package relaytest builds the relay and starts it as a process, for tests of the
// whole binary.
package relaytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// Settings are those of a relay for one site, with short times and a database
// of its own. Its doors are on any free port; the broker is host:port.
func Settings(t *testing.T, broker string) map[string]string {
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

// SettingsWith are settings with a file that says more.
func SettingsWith(t *testing.T, broker, file string) map[string]string {
	t.Helper()
	env := Settings(t, broker)
	env["LEADRELAY_CONFIG"] = filepath.Join(t.TempDir(), "leadrelay.yaml")
	require.NoError(t, os.WriteFile(env["LEADRELAY_CONFIG"], []byte(file), 0o600))
	return env
}

// Process is a leadrelay that really runs.
type Process struct {
	t                *testing.T
	Cmd              *exec.Cmd
	Client           *http.Client
	Out, Err         Lines
	Done             chan struct{} // closed when it has ended
	Public, Operator string        // its doors, once it has started
	Token            string        // opens the operator's door
}

// Start starts the relay, with no more environment than env.
func Start(t *testing.T, env map[string]string, args ...string) *Process {
	t.Helper()
	p := Command(t, env, args...)
	p.Run()
	return p
}

// Command returns a relay that does not run yet.
func Command(t *testing.T, env map[string]string, args ...string) *Process {
	t.Helper()
	require.NotEmpty(t, binary, "TestMain has to call relaytest.Main")
	return CommandOf(t, binary, env, args...)
}

// CommandOf is Command with another release of the relay.
func CommandOf(t *testing.T, binary string, env map[string]string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, Cmd: exec.Command(binary, args...), Client: NewClient(t), Token: env["LEADRELAY_OPERATOR_TOKEN"], Done: make(chan struct{})}
	p.Cmd.Dir = t.TempDir()
	p.Cmd.Env = Environment()
	for name, value := range env {
		p.Cmd.Env = append(p.Cmd.Env, name+"="+value)
	}
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Out, &p.Err
	return p
}

// Environment is what a process needs to run at all. The race detector would
// sleep a second before every exit.
func Environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(), "GORACE=atexit_sleep_ms=0"}
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		env = append(env, "GOCOVERDIR="+dir)
	}
	return env
}

// Run starts a process that [Command] has returned.
func (p *Process) Run() {
	p.t.Helper()
	require.NoError(p.t, p.Cmd.Start())
	p.Watch()
}

// Watch notes when the process has ended, and sees to it that it does.
func (p *Process) Watch() {
	p.t.Helper()
	go func() { _ = p.Cmd.Wait(); close(p.Done) }()
	p.t.Cleanup(func() { p.Kill(); <-p.Done })
}

// Kill ends the process at once.
func (p *Process) Kill() { _ = p.Cmd.Process.Kill() }

// Started waits until both doors of a relay are open.
func (p *Process) Started() *Process {
	p.t.Helper()
	p.Public, p.Operator = p.Out.Started(p.t, p.Done)
	require.NotEmpty(p.t, p.Public, p.Output())
	return p
}

// End sends the signal and waits for the exit code.
func (p *Process) End(s os.Signal, code int) {
	p.t.Helper()
	require.NoError(p.t, p.Cmd.Process.Signal(s))
	p.Ended(code)
}

// Ended waits for the exit code.
func (p *Process) Ended(code int) {
	p.t.Helper()
	select {
	case <-p.Done:
	case <-time.After(Patience):
		_ = p.Cmd.Process.Signal(syscall.SIGQUIT) // shows where it hangs
		<-p.Done
		require.Fail(p.t, "it does not end", p.Output())
	}
	require.Equal(p.t, code, p.Cmd.ProcessState.ExitCode(), p.Output())
	require.NotContains(p.t, p.Err.String(), "DATA RACE")
}

// Output is everything that it has written so far.
func (p *Process) Output() string { return p.Out.String() + p.Err.String() }

// Leads asks the operator's door.
func (p *Process) Leads(query string) console.Page {
	p.t.Helper()
	var page console.Page
	p.Ask("/api/v1/leads?"+query, func(body io.Reader) {
		require.NoError(p.t, json.NewDecoder(body).Decode(&page))
	})
	return page
}

// Ask gets something from the operator's door.
func (p *Process) Ask(path string, read func(io.Reader)) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.Operator+path, nil)
	require.NoError(p.t, err)
	req.Header.Set("Authorization", "Bearer "+p.Token)
	resp, err := p.Client.Do(req)
	require.NoError(p.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(p.t, http.StatusOK, resp.StatusCode)
	read(resp.Body)
}

// About are the leads of a property, each whole.
func (p *Process) About(property string) []console.LeadDetail {
	p.t.Helper()
	var all []console.LeadDetail
	for _, l := range p.Leads("property_id=" + url.QueryEscape(property)).Leads {
		resp := p.answer("/api/v1/leads/" + l.RemoteID.String())
		var s console.LeadDetail
		require.NoError(p.t, json.Unmarshal(resp, &s))
		all = append(all, s)
	}
	return all
}

// Story is all that the operator's door tells of a lead.
func (p *Process) Story(id int64) (s console.LeadDetail) {
	p.t.Helper()
	p.Ask("/api/v1/leads/"+lead.RemoteID(id).String(), func(body io.Reader) {
		require.NoError(p.t, json.NewDecoder(body).Decode(&s))
	})
	return s
}

// answer is what the operator's door says.
func (p *Process) answer(path string) []byte {
	p.t.Helper()
	var text bytes.Buffer
	p.Ask(path, func(body io.Reader) { _, _ = text.ReadFrom(body) })
	return text.Bytes()
}

// IsReady asks as a load balancer does.
func (p *Process) IsReady() bool {
	resp, err := p.Client.Get("http://" + p.Public + "/readyz")
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Settled waits until no lead is on its way any more.
func (p *Process) Settled() {
	p.t.Helper()
	const longest = 3 * Patience // a doubtful lead has its fourth look after 75 s
	quiet := 0                   // sweeps in a row: a lead may move behind the back of one
	isQuiet := func() bool {
		quiet++
		for _, state := range []string{"queued", "sending", "doubtful"} {
			if len(p.Leads("limit=1&state="+state).Leads) > 0 {
				quiet = 0
			}
		}
		return quiet == 3
	}
	require.True(p.t, PollFor(longest, 20*time.Millisecond, isQuiet), "leads are on their way still")
}

// Lines is what a process writes. It may be read at any time.
type Lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var startedLine = regexp.MustCompile(`(?m)^.*"public":"([^"]+)","operator":"([^"]+)".*"message":"started"\}$`)

// Started waits for the log line that names the doors; both are empty when the
// process is done before.
func (l *Lines) Started(t *testing.T, done <-chan struct{}) (public, operator string) {
	t.Helper()
	var found []string
	const pause = 5 * time.Millisecond // it costs nobody anything
	started := PollEvery(pause, func() bool {
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
	require.True(t, started, "not in time: it starts")
	if found == nil {
		return "", ""
	}
	return found[1], found[2]
}
