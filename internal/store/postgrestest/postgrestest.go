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

// Main runs the tests of a package, and then stops what was started for them.
type Main struct{ *testing.M }

// Run implements [goleak.TestingM].
func (m Main) Run() int {
	code := m.M.Run()
	if err := errors.Join(stopPoolers(), stop()); err != nil {
		fmt.Fprintln(os.Stderr, "postgrestest:", err)
		code = cmp.Or(code, 1)
	}
	return code
}

var (
	start     = sync.OnceValues(startShared)
	shared    server
	template  server // is copied: making a cluster takes longer
	initdb    = sync.OnceValue(makeTemplate)
	databases atomic.Int64
	filled    onceFilled
)

// onceFilled is the database that [Filled] copies.
type onceFilled struct {
	sync.Once
	name string
	err  error
}

// server is a PostgreSQL server whose socket and data are in a folder.
type server struct {
	dir      string
	settings []string
	command  *exec.Cmd // nil if it was never started
	stdin    io.Closer
}

// Database returns the address of an empty database, which goes with the test. The
// first call starts the server.
func Database(tb testing.TB) string {
	tb.Helper()
	socket, err := start()
	require.NoError(tb, err, "deploy/test-deps.sh installs PostgreSQL")
	return create(tb, socket, "")
}

// Filled is [Database] with what fill puts there. It does so once, into a database that
// all others are copies of: to make a store's tables anew takes five times as long.
func Filled(tb testing.TB, fill func(address string) error) string {
	tb.Helper()
	socket, err := start()
	require.NoError(tb, err, "deploy/test-deps.sh installs PostgreSQL")
	filled.Do(func() {
		filled.name = fmt.Sprintf("test%d", databases.Add(1))
		if filled.err = execute(socket, "CREATE DATABASE "+filled.name+" STRATEGY FILE_COPY"); filled.err == nil {
			filled.err = fill(address(socket, filled.name))
		}
	})
	require.NoError(tb, filled.err)
	return create(tb, socket, " TEMPLATE "+filled.name)
}

// create makes a database, which goes with the test.
func create(tb testing.TB, socket, from string) string {
	tb.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	require.NoError(tb, execute(socket, "CREATE DATABASE "+name+from+" STRATEGY FILE_COPY"))
	tb.Cleanup(func() { require.NoError(tb, execute(socket, "DROP DATABASE "+name+" WITH (FORCE)")) })
	return address(socket, name)
}

func address(dir, database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s", owner, database, dir)
}

// socket is the name of a server's socket in its folder.
const socket = ".s.PGSQL.5432"

// folder returns the folder of the socket that the address names.
func folder(address string) string {
	_, dir, _ := strings.Cut(address, "?host=")
	return dir
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

// startShared starts the server of all databases, and returns the folder of its socket.
func startShared() (dir string, err error) {
	const access = "local all " + Guarded + " scram-sha-256\nlocal all all trust\n"
	if shared.dir, err = newFolder(); err != nil {
		return "", err
	}
	if err := shared.create(access); err != nil {
		return "", err
	}
	return shared.dir, shared.start()
}

// newFolder makes a folder for a server, in a place of few letters: a socket's path must
// be short.
func newFolder() (string, error) { return os.MkdirTemp("", "pg") }

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// create makes an empty cluster, with the rules of who may connect.
func (s *server) create(access string) error {
	if err := initdb(); err != nil {
		return err
	}
	if err := s.run("/bin/cp", "-a", template.data()+"/.", s.data()); err != nil {
		return err
	}
	// Nothing that a test does stops the machine.
	if err := os.WriteFile(filepath.Join(s.data(), "postgresql.auto.conf"), []byte("fsync = off\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(access), 0o644)
}

func makeTemplate() (err error) {
	if template.dir, err = newFolder(); err != nil {
		return err
	}
	return template.run("initdb", "-D", template.data(), "-U", owner, "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
}

// run runs a program to its end.
func (s *server) run(program string, args ...string) error {
	c, err := s.program(exec.Command, program, args...)
	if err != nil {
		return err
	}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

// program returns a program, which is one of PostgreSQL's if it has no path, as a command
// of the folder's user.
func (s *server) program(command func(string, ...string) *exec.Cmd, program string, args ...string) (*exec.Cmd, error) {
	if !filepath.IsAbs(program) {
		bin, err := binaries()
		if err != nil {
			return nil, err
		}
		program = filepath.Join(bin, program)
	}
	account, err := account(s.dir)
	c := command(program, args...)
	c.Dir, c.SysProcAttr = s.dir, account
	return c, err
}

// start starts the server, and returns when it takes connections.
func (s *server) start() error {
	args := []string{
		"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "unix_socket_permissions=0700",
	}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	c, err := s.program(func(path string, args ...string) *exec.Cmd {
		return exec.Command("/bin/sh", append([]string{"-c", untilInputEnds, "sh", path}, args...)...)
	}, "postgres", args...)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	c.Stdout, c.Stderr = log, log
	if s.stdin, err = c.StdinPipe(); err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	s.command = c
	return awaitServer(s.dir)
}

// signal sends a signal to the server, which has a child for each connection.
func (s *server) signal(number syscall.Signal) error {
	pid, err := s.pid()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, number)
}

func (s *server) pid() (int, error) {
	file, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(file), "\n")
	return strconv.Atoi(first)
}

// end ends the server, unless it has ended, and returns how that went.
func (s *server) end() (err error) {
	if s.command != nil {
		err = errors.Join(s.stdin.Close(), s.command.Wait())
		s.command = nil
	}
	return err
}

// SetClock sets the clock of a database ahead of this machine's, for the sessions to
// come.
func SetClock(tb testing.TB, address string, ahead time.Duration) {
	tb.Helper()
	db, err := sql.Open("pgx", address)
	require.NoError(tb, err)
	for _, statement := range []string{
		"CREATE SCHEMA wrong",
		fmt.Sprintf("CREATE FUNCTION wrong.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '%d seconds' $$", int(ahead.Seconds())),
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, wrong, pg_catalog', current_database()); END $$",
	} {
		_, err := db.Exec(statement)
		require.NoError(tb, err)
	}
	require.NoError(tb, db.Close())
}

// Sync makes the server wait for the disk, as it does outside of tests.
func Sync(tb testing.TB) {
	tb.Helper()
	for _, statement := range []string{"ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()"} {
		require.NoError(tb, execute(shared.dir, statement))
	}
}

// Crash ends the server of all databases at once, as pg_ctl does with -m immediate,
// and returns when another runs in its place.
func Crash(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, shared.signal(syscall.SIGQUIT))
	_ = shared.end() // not well
	require.NoError(tb, shared.start())
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

func stop() error {
	err := shared.end()
	for _, dir := range []string{shared.dir, template.dir} {
		if dir != "" {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// binaries returns where PostgreSQL's programs are: those of the newest version, in
// Debian's place.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path) // the others may have no link
		return filepath.Dir(path), err
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
