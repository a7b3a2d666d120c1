package process

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// fullDisk is where a relay keeps its database, and how that gets full.
type fullDisk struct {
	p          *relaytest.Process
	database   string // as this process sees it
	fill, free func()
	carries    bool // what is there goes out though it is full
}

func TestAFullDisk(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, map[string]string) fullDisk{
		"a file system without space":   smallFileSystem,
		"a limit on the size of a file": fileSizeLimit,
	}
	for name, open := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker, address := relaytest.StartBroker(t)
			// The courier rests, so that only inquiries write.
			broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "status", Status: http.StatusUnauthorized}}})
			env := relaytest.Settings(t, address)
			env["LEADRELAY_COURIER_PROBE"] = "1s"
			requireToSurvive(t, open(t, env), broker)
		})
	}
}

// requireToSurvive fills the disk and makes room again.
func requireToSurvive(t *testing.T, d fullDisk, broker *fakebroker.Broker) {
	t.Helper()
	acknowledged := map[int64]string{}
	post := func(n int) (status int, h http.Header) {
		message := strconv.Itoa(n)
		status, answer, h := relaytest.Inquire(d.p.Client, d.p.Public, "EB-1", message)
		if status == http.StatusAccepted {
			require.NotContains(t, acknowledged, answer.RemoteID)
			acknowledged[answer.RemoteID] = message
		}
		return status, h
	}
	for n := range 50 {
		status, _ := post(n)
		require.Equal(t, http.StatusAccepted, status)
	}

	d.fill()
	refused := 0
	relaytest.Eventually(t, "the disk is full", func() bool {
		status, h := post(1000 + len(acknowledged) + refused)
		if status == http.StatusAccepted {
			return false
		}
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, "30", h.Get("Retry-After"))
		refused++
		return refused == 20
	})
	relaytest.Eventually(t, "it is not ready", func() bool { return status(t, d.p, "/readyz") == http.StatusServiceUnavailable })
	require.Equal(t, http.StatusOK, status(t, d.p, "/healthz"))
	require.Subset(t, allLeads(d.p), acknowledged, "what is there can still be read")

	broker.Misbehave(fakebroker.Faults{})
	if d.carries {
		relaytest.Eventually(t, "what is there has gone out", func() bool { return len(broker.Book()) == len(acknowledged) })
		require.Equal(t, http.StatusServiceUnavailable, status(t, d.p, "/readyz"))
	}

	d.free()
	relaytest.Eventually(t, "it is ready again, by itself", d.p.IsReady)
	for n := range 50 {
		status, _ := post(100_000 + n)
		require.Equal(t, http.StatusAccepted, status)
	}
	require.Equal(t, acknowledged, allLeads(d.p))

	requireSound(t, d.database)
	d.p.End(os.Interrupt, 0)
}

// requireSound looks for damage in a database.
func requireSound(t *testing.T, database string) {
	t.Helper()
	db, err := sql.Open("sqlite", database)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var sound string
	require.NoError(t, db.QueryRow("PRAGMA integrity_check").Scan(&sound))
	require.Equal(t, "ok", sound)
}

func status(t *testing.T, p *relaytest.Process, path string) int {
	t.Helper()
	resp, err := p.Client.Get("http://" + p.Public + path)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// allLeads are the messages of all leads that the operator's door shows.
func allLeads(p *relaytest.Process) map[int64]string {
	all := map[int64]string{}
	for query := "limit=500"; ; {
		page := p.Leads(query)
		for _, l := range page.Leads {
			all[int64(l.RemoteID)] = *l.Message
		}
		if page.NextCursor == nil {
			return all
		}
		query = "limit=500&cursor=" + *page.NextCursor
	}
}

const (
	// smallDisk is leadrelay with a file system of its own, which is mounted where its
	// database lies and goes when the process does.
	smallDisk     = "leadrelay-on-a-small-disk"
	smallDiskSize = 16 << 20 // bytes; more than a full write-ahead log
)

// mainOnASmallDisk mounts what its first argument says, in a mount namespace of its own, and
// becomes the program that the others name.
func mainOnASmallDisk() {
	runtime.LockOSThread()
	err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		mount := exec.Command("mount", append(strings.Fields(os.Args[1]), filepath.Dir(os.Getenv("LEADRELAY_DATABASE")))...)
		mount.Stderr = os.Stderr
		err = mount.Run()
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "mount:", err)
		os.Exit(1)
	}
	err = syscall.Exec(os.Args[2], os.Args[2:], os.Environ())
	_, _ = fmt.Fprintln(os.Stderr, "exec:", err)
	os.Exit(1)
}

// startOnADisk starts a relay whose database lies on a file system of its own, as root or in
// a user namespace. folder is where this process sees it.
func startOnADisk(t *testing.T, env map[string]string, mount string) (p *relaytest.Process, folder string) {
	t.Helper()
	p = relaytest.Command(t, env, "serve")
	p.Cmd.Path, p.Cmd.Args = itself(t), []string{smallDisk, mount, p.Cmd.Path, "serve"}
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		p.Cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		p.Cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		p.Cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	require.NoError(t, p.Cmd.Start(), "this test mounts a file system: run it as root, or allow user namespaces")
	p.Watch()
	p.Started()
	return p, "/proc/" + strconv.Itoa(p.Cmd.Process.Pid) + "/root" + filepath.Dir(env["LEADRELAY_DATABASE"])
}

// smallFileSystem mounts one.
func smallFileSystem(t *testing.T, env map[string]string) fullDisk {
	t.Helper()
	p, folder := startOnADisk(t, env, "-t tmpfs -o size="+strconv.Itoa(smallDiskSize)+" tmpfs")
	fill, free := filler(t, folder, smallDiskSize)
	return fullDisk{p: p, database: filepath.Join(folder, filepath.Base(env["LEADRELAY_DATABASE"])), carries: true, fill: fill, free: free}
}

// filler fills a disk of so many bytes, and makes room there again.
func filler(t *testing.T, folder string, size int) (fill, free func()) {
	t.Helper()
	name := filepath.Join(folder, "filler")
	return func() {
		require.ErrorIs(t, os.WriteFile(name, make([]byte, size), 0o600), syscall.ENOSPC)
	}, func() { require.NoError(t, os.Remove(name)) }
}

// fileSizeLimit lets no file of the relay grow.
func fileSizeLimit(t *testing.T, env map[string]string) fullDisk {
	t.Helper()
	p := relaytest.Start(t, env, "serve").Started()
	limit := func(most uint64) {
		was := syscall.Rlimit{}
		setFileLimit(t, p.Cmd.Process.Pid, nil, &was)
		setFileLimit(t, p.Cmd.Process.Pid, &syscall.Rlimit{Cur: most, Max: was.Max}, nil)
	}
	return fullDisk{p: p, database: env["LEADRELAY_DATABASE"], fill: func() {
		info, err := os.Stat(env["LEADRELAY_DATABASE"] + "-wal")
		require.NoError(t, err)
		limit(uint64(info.Size()))
	}, free: func() { limit(1 << 40) }}
}

// setFileLimit reads or sets the limit of another process.
func setFileLimit(t *testing.T, pid int, to, was *syscall.Rlimit) {
	t.Helper()
	_, _, failed := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(was)), 0, 0)
	require.Zero(t, failed)
}

// Another program that holds the database for longer than anybody waits is as
// good as a full disk; one that holds it for a moment is not even noticed.
func TestADatabaseThatSomebodyElseHolds(t *testing.T) {
	_, address := relaytest.StartBroker(t)
	env := relaytest.Settings(t, address)
	p := relaytest.Start(t, env, "serve").Started()
	db, err := sql.Open("sqlite", env["LEADRELAY_DATABASE"]+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()

	hold, err := db.Begin()
	require.NoError(t, err)
	const moment = 300 * time.Millisecond
	timer := time.AfterFunc(moment, func() { _ = hold.Rollback() })
	defer timer.Stop()
	code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "a moment")
	require.Equal(t, http.StatusAccepted, code)
	p.Settled() // or its attempt could not be written down, and only its lease would end that

	hold, err = db.Begin()
	require.NoError(t, err)
	asked := time.Now()
	code, _, h := relaytest.Inquire(p.Client, p.Public, "EB-1", "too long")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Less(t, time.Since(asked), 3*time.Second, "two, and one for a busy machine")
	require.Equal(t, "30", h.Get("Retry-After"))
	require.NoError(t, hold.Rollback())

	code, _, _ = relaytest.Inquire(p.Client, p.Public, "EB-1", "after that")
	require.Equal(t, http.StatusAccepted, code)
	p.Settled()
	p.End(os.Interrupt, 0)
}
