package store

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresServer is the server that all pools of a store use, or several of which one
// is the primary.
type postgresServer struct {
	config *pgx.ConnConfig
	// address reads the address anew.
	address func() (string, error)
	// login is what the address, and the files that it names, have last said of us and of
	// whom we trust.
	login atomic.Pointer[pgx.ConnConfig]
	// renewing is held by whoever reads it anew, and renewed is when that was done.
	renewing sync.Mutex
	renewed  time.Time
	// hasTimeout says that the address bounds each attempt itself.
	hasTimeout bool
	// demoted counts how often a server was no primary any more.
	demoted atomic.Int64
}

// parsePostgres reads the address of a database. What pgx says of one that it cannot read
// may have the password in it.
func parsePostgres(address string) (*postgresServer, error) {
	server := &postgresServer{address: func() (string, error) { return address, nil }}
	config, err := server.parse(address)
	if err != nil {
		return nil, errors.New("the address of the database cannot be read: it is postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, " +
			"with %XX for special characters in each part, and files that it names must be there")
	}
	server.config, server.hasTimeout = config, config.ConnectTimeout != 0
	server.login.Store(config)
	return server, nil
}

// parse returns how connections are made to an address.
func (s *postgresServer) parse(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "leadrelay"
	}
	config.RuntimeParams["client_encoding"] = "UTF8" // whatever the database's sessions begin with
	// No statement is prepared, unless a connection says so: the readers' have many
	// shapes, and the plan for one is bad for another.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	s.watch(config)
	return config, nil
}

// renew reads the address and the files that it names anew, because a server has refused
// what they said: a password or a certificate may have been changed meanwhile. It reports
// whether there is reason to try again.
func (s *postgresServer) renew(refused *pgx.ConnConfig) bool {
	const pause = time.Second
	s.renewing.Lock()
	defer s.renewing.Unlock()
	if s.login.Load() != refused {
		return true // somebody else has done so
	}
	if time.Since(s.renewed) < pause {
		return false
	}
	s.renewed = time.Now()
	address, err := s.address()
	if err != nil {
		return false
	}
	next, err := s.parse(address)
	if err != nil || !slices.Equal(places(next), places(s.config)) || next.Database != s.config.Database {
		return false // another database is one for the next start
	}
	s.login.Store(next)
	return true
}

// places are the hosts and ports of an address.
func places(config *pgx.ConnConfig) []string {
	all := []string{net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))}
	for _, f := range config.Fallbacks {
		all = append(all, net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))))
	}
	return all
}

// prepare completes what a connection is made with.
func (s *postgresServer) prepare(ctx context.Context, config *pgx.ConnConfig) error {
	lookUp := config.LookupFunc
	*config = *s.login.Load() // all of it, because pgx finds a certificate's file by the rest
	config.LookupFunc = lookUp
	if !s.hasTimeout {
		shareTime(ctx, config)
	}
	return nil
}

// shareTime gives each address of the hosts the same part of the time: a name may have
// several, such as one of IPv6 and one of IPv4, and the first of them may never answer.
func shareTime(ctx context.Context, config *pgx.ConnConfig) {
	lookUp, known := config.LookupFunc, map[string][]string{}
	hosts := []string{config.Host}
	for _, f := range config.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	addresses := 0
	for _, host := range hosts {
		if _, ok := known[host]; !ok && !filepath.IsAbs(host) {
			if found, err := lookUp(ctx, host); err == nil { // else it fails again, and is told
				known[host] = found
			}
		}
		addresses += max(1, len(known[host]))
	}
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		if found, ok := known[host]; ok {
			return found, nil
		}
		return lookUp(ctx, host)
	}
	config.ConnectTimeout = connectPatience / time.Duration(addresses)
}

// watch lets the server hear of what its connections are told.
func (s *postgresServer) watch(config *pgx.ConnConfig) {
	asked := config.ValidateConnect // what the address says of its hosts
	config.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if asked != nil {
			if err := asked(ctx, conn); err != nil {
				return err
			}
		}
		return greet(ctx, conn)
	}
	isFatal := config.OnPgError
	config.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		if err.Code == readOnly || err.Code == beginReadOnly {
			s.demoted.Add(1)
			return false
		}
		return isFatal(conn, err)
	}
	config.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if n.Routine == cancelledWait || n.Code == noTransaction {
			conn.CustomData()[warning] = n
		}
	}
}

// greet returns an error if the server is a standby, as it has told us: even what is read
// there may be old.
func greet(ctx context.Context, conn *pgconn.PgConn) error {
	if conn.ParameterStatus("in_hot_standby") == "on" {
		return errors.New("it is a standby, and takes no writes")
	}
	if conn.Conn().RemoteAddr().Network() == "unix" {
		return nil
	}
	_, err := conn.Exec(ctx, greetPostgres).ReadAll()
	return err
}
