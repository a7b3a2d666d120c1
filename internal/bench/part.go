package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// partVariable tells a copy of this program which part it plays.
const partVariable = "LEADRELAY_BENCH_PART"

// part is what a copy of this program does: it is a stack that accepts, or the
// load on one.
type part struct {
	Stack    string        `json:",omitempty"` // one of those in stack.go
	Database string        `json:",omitempty"`
	Address  string        `json:",omitempty"` // where the load goes
	Warm     time.Duration `json:",omitempty"`
	For      time.Duration `json:",omitempty"`
	Posts    int           `json:",omitempty"` // contact requests that go straight to the address
	Keeps    int           `json:",omitempty"` // leads that are kept in the database at once, without a door
	Server   int           `json:",omitempty"` // the process of PostgreSQL
}

func play(ctx context.Context, words string, out io.Writer) error {
	var p part
	if err := json.Unmarshal([]byte(words), &p); err != nil {
		return err
	}
	if p.Stack != "" {
		return serve(ctx, p, out)
	}
	if p.Posts > 0 {
		return postBare(ctx, p)
	}
	var done pressed
	var err error
	if p.Keeps > 0 {
		done, err = keepAll(ctx, p)
	} else {
		done, err = load(ctx, p)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(done)
}

// process is one that we started.
type process struct {
	cmd    *exec.Cmd
	out    *bufio.Reader
	errors bytes.Buffer
}

// start starts a program. Its end comes with ctx at the latest.
func start(ctx context.Context, name string, args, env []string) (*process, error) {
	p := newProcess(ctx, name, args, env)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.start()
}

// startUnheard starts a program whose output nobody reads: to read a log for
// each request would cost as much as to make it.
func startUnheard(ctx context.Context, name string, args, env []string) (*process, error) {
	p := newProcess(ctx, name, args, env)
	return p, p.start()
}

func newProcess(ctx context.Context, name string, args, env []string) *process {
	p := &process{cmd: exec.CommandContext(ctx, name, args...)}
	p.cmd.Env, p.cmd.Stderr = env, &p.errors
	return p
}

func (p *process) start() error {
	// Nothing is written there: its end tells our copies that we are gone.
	if _, err := p.cmd.StdinPipe(); err != nil {
		return err
	}
	return p.cmd.Start()
}

// startPart starts a copy of this program.
func startPart(ctx context.Context, p part) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	words, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return start(ctx, self, nil, append(os.Environ(), partVariable+"="+string(words)))
}

// kill ends the process as a power cut would, and returns what processor time
// it took.
func (p *process) kill() time.Duration {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// wait lets the process end by itself.
func (p *process) wait() error {
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(p.errors.String()))
	}
	return nil
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that the living process has had resident, in MB.
func (p *process) peak() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	found := peakLine.FindSubmatch(status)
	if found == nil {
		return 0, errors.New("no VmHWM")
	}
	kib, err := strconv.ParseFloat(string(found[1]), 64)
	return kib * 1024 / 1e6, err
}

// press puts the load on an address.
func press(ctx context.Context, address string, warm, length time.Duration) (pressed, error) {
	var done pressed
	p, err := startPart(ctx, part{Address: address, Warm: warm, For: length})
	if err != nil {
		return done, err
	}
	answer, err := io.ReadAll(p.out)
	if err := errors.Join(err, p.wait()); err != nil {
		return done, fmt.Errorf("load: %w", err)
	}
	return done, json.Unmarshal(answer, &done)
}
