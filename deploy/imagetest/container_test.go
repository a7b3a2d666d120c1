package imagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// patience bounds each wait for a container.
const patience = 20 * time.Second

func testVersion(t *testing.T, img image) {
	c := newContainer(t, img, "version")
	c.start()
	assert.Zero(t, c.wait(), "%s", c.output())
	assert.Contains(t, c.output(), version)
}

func testSick(t *testing.T, img image) {
	c := newContainer(t, img, img.config.Healthcheck.Test[2:]...)
	c.start()
	assert.Equal(t, 1, c.wait(), "%s", c.output())
}

// testDemo runs the demo as the README does, but in a network of its own.
func testDemo(t *testing.T, img image) {
	c := newContainer(t, img, "demo")
	c.start()
	c.waitReady()
	for _, address := range []string{"http://127.0.0.1:8000", "http://127.0.0.1:8001", "http://127.0.0.1:8080", "http://127.0.0.1:9090"} {
		answer, err := c.client().Get(address)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusOK, answer.StatusCode, address)
	}
	c.signal("INT")
	assert.Zero(t, c.wait(), "%s", c.output())
	assert.Contains(t, c.output(), "http://127.0.0.1:8000/")
	left, err := os.ReadDir(c.data)
	require.NoError(t, err)
	assert.Empty(t, left, "it keeps nothing")
}

func testServe(t *testing.T, img image) {
	c := newContainer(t, img, img.config.Cmd...)
	c.start()
	c.waitReady()

	testConfined(t, c.pid())
	testListeners(t, c.pid())
	out, err := c.crun(append([]string{"exec", "--user", img.config.User, c.id}, img.config.Healthcheck.Test[1:]...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)

	const inquiry = `{"property_id":"EB-B5678","email":"ana@example.com","message":"¿Sigue disponible?"}`
	answer, err := c.client().Post("http://127.0.0.1:8080/f/default", "application/json", strings.NewReader(inquiry))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusAccepted, answer.StatusCode)
	testPrivate(t, c.data)

	c.signal("TERM")
	assert.Zero(t, c.wait(), "%s", c.output())
	testPrivate(t, c.data)
	assert.NotContains(t, c.output(), secretKey)
}

// testConfined checks what the kernel says of the running process.
func testConfined(t *testing.T, pid int) {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	status := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(line, ":")
		status[name] = strings.Join(strings.Fields(value), " ")
	}
	ids := strings.TrimSpace(strings.Repeat(strconv.Itoa(userID)+" ", 4))
	assert.Equal(t, ids, status["Uid"])
	assert.Equal(t, ids, status["Gid"])
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		assert.Equal(t, "0000000000000000", status[set], set)
	}
	assert.Equal(t, "1", status["NoNewPrivs"])
	assert.Equal(t, "2", status["Seccomp"], "no system call filter")

	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^\d+ \d+ \S+ \S+ / ro,`, string(mounts), "the root file system can be written")
}

// testListeners checks that nothing but the public door can be reached from
// outside the container.
func testListeners(t *testing.T, pid int) {
	t.Helper()
	const listening = "0A"
	var open []string
	for _, table := range []string{"tcp", "tcp6"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		require.NoError(t, err)
		for line := range strings.Lines(string(content)) {
			f := strings.Fields(line)
			if len(f) < 4 || f[3] != listening {
				continue
			}
			address, port, _ := strings.Cut(f[1], ":")
			if address == "0100007F" || address == "00000000000000000000000001000000" {
				continue
			}
			n, err := strconv.ParseUint(port, 16, 16)
			require.NoError(t, err)
			open = append(open, strconv.FormatUint(n, 10))
		}
	}
	assert.Equal(t, []string{"8080"}, open)
}

// testPrivate checks that the volume holds the database, and nothing that
// another user could read.
func testPrivate(t *testing.T, data string) {
	t.Helper()
	assert.FileExists(t, filepath.Join(data, "leadrelay.db"))
	err := filepath.WalkDir(data, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		assert.EqualValues(t, userID, st.Uid, "%s", path)
		assert.Zero(t, st.Mode&0o077, "%s has mode %o", path, st.Mode&0o777)
		return nil
	})
	require.NoError(t, err)
}

// secretKey stands for the key to EasyBroker.
const secretKey = "imagetest-secret-key"

// container is one run of the image under crun, confined as compose.yaml
// confines it: read-only root, no capability, no new privileges, the filter of
// system calls that engines use by default. It has a network of its own, with
// only the loopback address.
type container struct {
	t      *testing.T
	id     string
	bundle string
	data   string // the host's side of the volume
	cmd    *exec.Cmd
	out    bytes.Buffer
	ended  chan struct{}
}

func newContainer(t *testing.T, img image, args ...string) *container {
	t.Helper()
	c := &container{
		t:      t,
		id:     fmt.Sprintf("leadrelay-imagetest-%d-%d", os.Getpid(), time.Now().UnixNano()),
		bundle: t.TempDir(),
		data:   t.TempDir(),
		ended:  make(chan struct{}),
	}
	// The volume starts with the owner and the mode of the image's folder.
	require.NoError(t, os.Chown(c.data, userID, userID))
	require.NoError(t, os.Chmod(c.data, 0o700))
	key := filepath.Join(c.bundle, "key")
	require.NoError(t, os.WriteFile(key, []byte(secretKey+"\n"), 0o400))
	require.NoError(t, os.Chown(key, userID, userID))

	env := append(img.config.Env,
		"EASYBROKER_API_KEY_FILE=/run/secrets/easybroker_api_key",
		"EASYBROKER_URL=http://127.0.0.1:9/v1", // nobody answers there
		"LEADRELAY_SOURCE=casas.mx",
		"LEADRELAY_DRAIN=100ms",
	)
	spec := map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"user":            map[string]int{"uid": userID, "gid": userID},
			"args":            append(img.config.Entrypoint[:1:1], args...),
			"env":             env,
			"cwd":             "/",
			"capabilities":    map[string]any{},
			"noNewPrivileges": true,
		},
		"root": map[string]any{"path": img.rootfs, "readonly": true},
		"mounts": []mount{
			{"/proc", "proc", "proc", []string{"nosuid", "noexec", "nodev"}},
			{"/dev", "tmpfs", "tmpfs", []string{"nosuid", "strictatime", "mode=755", "size=64k"}},
			{"/data", "bind", c.data, []string{"bind", "nosuid", "nodev", "noexec"}},
			{"/run/secrets/easybroker_api_key", "bind", key, []string{"bind", "ro"}},
		},
		"linux": map[string]any{
			"namespaces": []map[string]string{
				{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
			},
			"seccomp": seccomp(t),
		},
	}
	content, err := json.Marshal(spec)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(c.bundle, "config.json"), content, 0o600))
	return c
}

type mount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options"`
}

// seccomp reads the profile that container engines use by default, without the
// rules for containers that have capabilities or another architecture.
func seccomp(t *testing.T) map[string]any {
	t.Helper()
	type condition struct {
		Caps   []string `json:"caps"`
		Arches []string `json:"arches"`
	}
	var profile struct {
		DefaultAction   string           `json:"defaultAction"`
		DefaultErrnoRet uint             `json:"defaultErrnoRet"`
		Syscalls        []map[string]any `json:"syscalls"`
	}
	readJSON(t, "/usr/share/containers/seccomp.json", &profile)
	var rules []map[string]any
	for _, rule := range profile.Syscalls {
		var only struct{ Includes, Excludes condition }
		content, err := json.Marshal(rule)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(content, &only))
		elsewhere := len(only.Includes.Arches) > 0 && !slices.Contains(only.Includes.Arches, runtime.GOARCH)
		if elsewhere || len(only.Includes.Caps) > 0 || slices.Contains(only.Excludes.Arches, runtime.GOARCH) {
			continue
		}
		clean := map[string]any{"names": rule["names"], "action": rule["action"]}
		if args, ok := rule["args"].([]any); ok && len(args) > 0 {
			clean["args"] = args
		}
		if errno, ok := rule["errnoRet"]; ok {
			clean["errnoRet"] = errno
		}
		rules = append(rules, clean)
	}
	return map[string]any{
		"defaultAction":   profile.DefaultAction,
		"defaultErrnoRet": profile.DefaultErrnoRet,
		"syscalls":        rules,
	}
}

// privateCgroup runs a command that sees one cgroup hierarchy of version 2,
// whatever the host has: crun refuses a host that mixes both versions, even when
// it is told to leave cgroups alone.
const privateCgroup = `mount -t cgroup2 none /sys/fs/cgroup && exec "$@"`

// crun is a call of crun about containers of this bundle.
func (c *container) crun(args ...string) *exec.Cmd {
	all := []string{"--mount", "sh", "-c", privateCgroup, "sh",
		"crun", "--root", filepath.Join(c.bundle, "state"), "--cgroup-manager", "disabled"}
	return exec.Command("unshare", append(all, args...)...)
}

func (c *container) start() {
	c.t.Helper()
	c.cmd = c.crun("run", "--bundle", c.bundle, c.id)
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	require.NoError(c.t, c.cmd.Start())
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait() // wait reads the exit code
	}()
	c.t.Cleanup(func() {
		_ = c.crun("delete", "--force", c.id).Run() // it is gone already if all went well
		<-c.ended
	})
}

// wait returns the exit code.
func (c *container) wait() int {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.signal("KILL")
		<-c.ended
		require.FailNow(c.t, "the container did not stop", "%s", c.output())
	}
	return c.cmd.ProcessState.ExitCode()
}

// output is what the container wrote. It may be read only after wait.
func (c *container) output() string {
	<-c.ended
	return c.out.String()
}

func (c *container) signal(name string) {
	c.t.Helper()
	out, err := c.crun("kill", c.id, name).CombinedOutput()
	require.NoError(c.t, err, "%s", out)
}

// pid is the relay's process as the host sees it.
func (c *container) pid() int {
	c.t.Helper()
	out, err := c.crun("state", c.id).Output()
	require.NoError(c.t, err)
	var state struct {
		Pid int `json:"pid"`
	}
	require.NoError(c.t, json.Unmarshal(out, &state))
	return state.Pid
}

func (c *container) waitReady() {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := c.ready()
		if err == nil {
			return
		}
		select {
		case <-c.ended:
			require.FailNow(c.t, "the container stopped", "%s", c.output())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			c.signal("KILL")
			require.FailNow(c.t, "the container is not ready", "%v\n%s", err, c.output())
		}
	}
}

func (c *container) ready() error {
	out, err := c.crun("state", c.id).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	answer, err := c.client().Get("http://127.0.0.1:8080/readyz")
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}

// client speaks to the container from inside its network.
func (c *container) client() *http.Client {
	pid := c.pid()
	return &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return dialInside(ctx, pid, network, address)
			},
		},
	}
}

// dialInside connects from the network namespace of a process. It spends one
// operating system thread: a thread that changed its namespace is not unlocked,
// so it ends with its goroutine.
func dialInside(ctx context.Context, pid int, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		conn, err := enterAndDial(ctx, pid, network, address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

func enterAndDial(ctx context.Context, pid int, network, address string) (net.Conn, error) {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}
