package postgrestest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pooler is a pgbouncer in front of a server.
type pooler struct {
	command *exec.Cmd
	stdin   io.Closer
	dir     string
}

var (
	poolersMu sync.Mutex
	poolers   = map[string]*pooler{} // by the folder of the server's socket
)

// Pooled returns an address that leads to a database through pgbouncer in
// transaction mode. Nothing is left of a session after a transaction, as if the next
// were another. The first call starts pgbouncer, for all databases of the server.
func Pooled(tb testing.TB, database string) string {
	tb.Helper()
	host := folder(database)
	poolersMu.Lock()
	defer poolersMu.Unlock()
	if poolers[host] == nil {
		p, err := startPooler(host)
		require.NoError(tb, err, "deploy/test-deps.sh installs pgbouncer")
		poolers[host] = p
	}
	return strings.ReplaceAll(database, host, poolers[host].dir)
}

func startPooler(host string) (*pooler, error) {
	dir, err := os.MkdirTemp("", "pgbouncer") // a socket's path must be short
	if err != nil {
		return nil, err
	}
	settings := fmt.Sprintf("[databases]\n* = host=%s user=%s\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = %s\nlisten_port = 5432\nmax_client_conn = 1000\n"+
		"auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nserver_reset_query = DISCARD ALL\nserver_reset_query_always = 1\nserver_login_retry = 1\n", host, owner, dir)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(settings), 0o644); err != nil {
		return nil, err
	}
	account, err := account(dir)
	if err != nil {
		return nil, err
	}
	p := &pooler{command: exec.Command("/bin/sh", "-c", untilInputEnds, "sh", pgbouncer(), file), dir: dir}
	p.command.SysProcAttr, p.command.Dir = account, dir
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	const patience, pause = 10 * time.Second, 10 * time.Millisecond
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		if _, err := os.Stat(filepath.Join(dir, ".s.PGSQL.5432")); err == nil {
			return p, nil
		}
	}
	return nil, errors.Join(errors.New("pgbouncer does not start"), p.stop())
}

func (p *pooler) stop() error {
	err := p.stdin.Close()
	_ = p.command.Wait() // it was told to end
	return errors.Join(err, os.RemoveAll(p.dir))
}

func stopPoolers() (err error) {
	for _, p := range poolers {
		err = errors.Join(err, p.stop())
	}
	return err
}

func pgbouncer() string {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path
	}
	return "/usr/sbin/pgbouncer" // is not in everybody's path
}
