// Package postgrestest runs a PostgreSQL server for the tests of a package. Its
// files are in a folder for temporary files, and nobody else can reach it.
package postgrestest

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver
	"github.com/stretchr/testify/require"
)

const owner = "leadrelay"

// Guarded is a role that must say its password. A test creates it.
const Guarded = "guarded"

// Main runs the tests of a package, and then stops the server if one was started.
type Main struct{ *testing.M }

// Run implements [goleak.TestingM].
func (m Main) Run() int {
	code := m.M.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "postgrestest:", err)
		code = cmp.Or(code, 1)
	}
	return code
}

var (
	start  = sync.OnceValues(startServer)
	server struct {
		started bool
		command *exec.Cmd
		stdin   io.Closer
		bin     string
		dir     string
	}
	databases atomic.Int64
)

// Database returns the address of an empty database, which goes with the test. The
// first call starts the server.
func Database(tb testing.TB) string {
	tb.Helper()
	socket, err := start()
	require.NoError(tb, err, "deploy/test-deps.sh installs PostgreSQL")
	name := fmt.Sprintf("test%d", databases.Add(1))
	require.NoError(tb, execute(socket, "CREATE DATABASE "+name))
	tb.Cleanup(func() { require.NoError(tb, execute(socket, "DROP DATABASE "+name+" WITH (FORCE)")) })
	return address(socket, name)
}

// Socket is where the server listens.
func Socket() string { return filepath.Join(server.dir, ".s.PGSQL.5432") }

func address(dir, database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s", owner, database, dir)
}

func execute(dir, statement string) error {
	db, err := sql.Open("pgx", address(dir, "postgres"))
	if err != nil {
		return err
	}
	_, err = db.Exec(statement)
	return errors.Join(err, db.Close())
}

// untilInputEnds runs a program until the shell's input ends, as it does when this
// process ends, however that ends.
const untilInputEnds = `"$@" </dev/null & cat >/dev/null; kill -INT $!; wait $!`

// startServer starts a server and returns the folder of its socket.
func startServer() (dir string, err error) {
	if server.bin, err = binaries(); err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp("", "pg"); err != nil {
		return "", err
	}
	server.dir = dir
	account, err := account(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(server.bin, "initdb"), "-D", data, "-U", owner, "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = account, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	// Nothing that a test does stops the machine.
	if err := os.WriteFile(filepath.Join(data, "postgresql.auto.conf"), []byte("fsync = off\n"), 0o600); err != nil {
		return "", err
	}
	const access = "local all " + Guarded + " scram-sha-256\nlocal all all trust\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(access), 0o644); err != nil {
		return "", err
	}
	return dir, run(dir)
}

func run(dir string) error {
	account, err := account(dir)
	if err != nil {
		return err
	}
	c := exec.Command("/bin/sh", "-c", untilInputEnds, "sh", filepath.Join(server.bin, "postgres"), "-D", filepath.Join(dir, "data"), "-k", dir,
		"-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "unix_socket_permissions=0700")
	c.SysProcAttr, c.Dir = account, dir
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	c.Stdout, c.Stderr = log, log
	if server.stdin, err = c.StdinPipe(); err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	server.started, server.command = true, c
	return awaitServer(dir)
}

// Sync makes the server wait for the disk, as it does outside of tests.
func Sync(tb testing.TB) {
	tb.Helper()
	for _, statement := range []string{"ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()"} {
		require.NoError(tb, execute(server.dir, statement))
	}
}

// Crash ends the server of all databases at once, as pg_ctl does with -m immediate,
// and returns when another runs in its place.
func Crash(tb testing.TB) {
	tb.Helper()
	file, err := os.ReadFile(filepath.Join(server.dir, "data", "postmaster.pid"))
	require.NoError(tb, err)
	first, _, _ := strings.Cut(string(file), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(tb, err)
	require.NoError(tb, syscall.Kill(pid, syscall.SIGQUIT))
	require.NoError(tb, server.stdin.Close())
	_ = server.command.Wait() // it did not end well
	require.NoError(tb, run(server.dir))
}

func awaitServer(dir string) error {
	const patience, pause = 30 * time.Second, 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := execute(dir, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return fmt.Errorf("%w: %s", err, log)
		case <-time.After(pause):
		}
	}
}

func stop() (err error) {
	if server.started {
		err = errors.Join(server.stdin.Close(), server.command.Wait())
	}
	if server.dir != "" {
		err = errors.Join(err, os.RemoveAll(server.dir))
	}
	return err
}

// binaries returns where PostgreSQL's programs are: those of the newest version, in
// Debian's place.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return "", errors.Join(errors.New("PostgreSQL is not installed"), err)
	}
	return slices.Max(found), nil
}

// account gives the folder to the user who runs the server, who must not be root.
func account(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}
