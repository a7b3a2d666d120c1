package postgrestest

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Cluster is a server of a test's own, which it may kill, and which may have a standby.
type Cluster struct {
	tb testing.TB
	server
}

const standbyName = "standby"

// NewCluster starts a server, with settings such as wal_level=replica, which goes with
// the test.
func NewCluster(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	c := newCluster(tb, settings)
	require.NoError(tb, c.create("local all all trust\nlocal replication all trust\n"))
	require.NoError(tb, c.start())
	return c
}

// NewClusterOnADisk is [NewCluster] with its data on a file system of so many bytes, which
// root may mount. data is its folder.
func NewClusterOnADisk(tb testing.TB, size int, settings ...string) (c *Cluster, data string) {
	tb.Helper()
	c = newCluster(tb, settings)
	require.NoError(tb, os.Mkdir(c.data(), 0o700))
	require.NoError(tb, syscall.Mount("tmpfs", c.data(), "tmpfs", 0, fmt.Sprint("size=", size)), "run this test as root")
	tb.Cleanup(func() { require.NoError(tb, syscall.Unmount(c.data(), syscall.MNT_DETACH)) })
	require.NoError(tb, c.run("/bin/true")) // which gives the folder to the server's user
	info, err := os.Stat(c.dir)
	require.NoError(tb, err)
	owner, ok := info.Sys().(*syscall.Stat_t)
	require.True(tb, ok)
	require.NoError(tb, os.Chown(c.data(), int(owner.Uid), int(owner.Gid)))
	require.NoError(tb, c.create("local all all trust\n"))
	require.NoError(tb, c.start())
	return c, c.data()
}

func newCluster(tb testing.TB, settings []string) *Cluster {
	tb.Helper()
	dir, err := newFolder()
	require.NoError(tb, err, "deploy/test-deps.sh installs PostgreSQL")
	c := &Cluster{tb, server{dir: dir, settings: settings}}
	tb.Cleanup(func() {
		_ = c.end()                                                                                                  // the test may have killed it
		require.Eventually(tb, func() bool { return os.RemoveAll(dir) == nil }, 10*time.Second, 20*time.Millisecond) // its children may end later
	})
	return c
}

// Standby starts a standby of the cluster, which reads the log at an address of it. If it
// is synchronous, the cluster waits for it with each commit from now on.
func (c *Cluster) Standby(address string, synchronous bool) *Cluster {
	c.tb.Helper()
	s := newCluster(c.tb, append([]string{"wal_retrieve_retry_interval=100ms"}, c.settings...))
	require.NoError(c.tb, s.run("pg_basebackup", "-D", s.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-d", fmt.Sprintf("user=%s host=%s application_name=%s", owner, folder(address), standbyName)))
	require.NoError(c.tb, s.start())
	if synchronous {
		c.Execute(`ALTER SYSTEM SET synchronous_standby_names = '`+standbyName+`'`, `SELECT pg_reload_conf()`)
	}
	require.Eventually(c.tb, func() bool {
		return c.Query(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = '`+map[bool]string{true: "sync", false: "async"}[synchronous]+`'`) == "1"
	},
		10*time.Second, 10*time.Millisecond, "the standby follows")
	return s
}

// Address is that of the cluster's own database.
func (c *Cluster) Address() string { return address(c.dir, "postgres") }

// Addresses is an address with several servers. Each of them may be the primary.
func Addresses(addresses ...string) string {
	hosts := make([]string, len(addresses))
	for i, a := range addresses {
		hosts[i] = folder(a)
	}
	return address(strings.Join(hosts, ","), "postgres")
}

// Dump copies a database into an empty one, by pg_dump and pg_restore.
func Dump(tb testing.TB, from, to string) {
	tb.Helper()
	file := filepath.Join(shared.dir, fmt.Sprint(databases.Add(1), ".dump"))
	require.NoError(tb, shared.run("pg_dump", "--format=custom", "--file="+file, from))
	require.NoError(tb, shared.run("pg_restore", "--no-owner", "--exit-on-error", "--dbname="+to, file))
}

// Kill ends the server as kill -9 does. Its children find out by themselves.
func (c *Cluster) Kill() {
	c.tb.Helper()
	require.NoError(c.tb, c.signal(syscall.SIGKILL))
	_ = c.end() // not well
}

// Panic lets a server write its log where that cannot grow, and returns when it has ended.
func (c *Cluster) Panic() {
	c.tb.Helper()
	require.Eventually(c.tb, func() bool {
		_ = execute(c.dir, `SELECT pg_switch_wal()`) // it may end at once, or with the next write
		_, err := c.pid()
		return err != nil
	}, 10*time.Second, 100*time.Millisecond)
	require.Contains(c.tb, c.Log(), "PANIC")
}

// Start starts a server again that has ended.
func (c *Cluster) Start() {
	c.tb.Helper()
	_ = c.end() // not well
	require.NoError(c.tb, c.start())
}

// Promote makes a primary of the standby, and returns when it takes writes.
func (c *Cluster) Promote() {
	c.tb.Helper()
	require.Equal(c.tb, "true", c.Query(`SELECT pg_promote()`))
}

// Freeze stops the process of a standby that writes down the log, and returns how to let
// it go on.
func (c *Cluster) Freeze() (thaw func()) {
	c.tb.Helper()
	var pid int
	_, err := fmt.Sscan(c.Query(`SELECT pid FROM pg_stat_wal_receiver`), &pid)
	require.NoError(c.tb, err)
	require.NoError(c.tb, syscall.Kill(pid, syscall.SIGSTOP))
	thaw = func() { _ = syscall.Kill(pid, syscall.SIGCONT) } // it may have ended
	c.tb.Cleanup(thaw)
	return thaw
}

// Execute runs statements as the owner.
func (c *Cluster) Execute(statements ...string) {
	c.tb.Helper()
	for _, statement := range statements {
		require.NoError(c.tb, execute(c.dir, statement), statement)
	}
}

// Query returns the first value that a query finds, as a text.
func (c *Cluster) Query(query string) string {
	c.tb.Helper()
	value, err := c.query(query)
	require.NoError(c.tb, err, query)
	return value
}

func (c *Cluster) query(query string) (value string, err error) {
	db, err := sql.Open("pgx", c.Address())
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	return value, db.QueryRow(query).Scan(&value)
}

// Log is what the server has said.
func (c *Cluster) Log() string {
	log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return string(log)
}
