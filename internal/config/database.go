package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"leadrelay/internal/loopback"
	"leadrelay/internal/secret"
)

// Database is the path of a SQLite file, or an address postgres://…. An address may
// have a password, which is not printed. string(d) is the complete address.
type Database string

// DefaultDatabase is a file in the folder in which the relay is started.
const DefaultDatabase Database = "leadrelay.db"

// IsServer reports whether the database is the address of a server, which several
// processes may share.
func (d Database) IsServer() bool { return strings.Contains(string(d), "://") }

// mayFallBack reports whether what goes to a server elsewhere may do so without TLS, though
// nobody has said that it should.
func (d Database) mayFallBack() bool {
	u, err := url.Parse(string(d))
	if err != nil || !d.IsServer() {
		return false
	}
	isElsewhere := func(host string) bool {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		return !strings.HasPrefix(host, "/") && !loopback.IsHost(strings.Trim(host, "[]")) // a path is that of a socket
	}
	hosts := strings.Split(cmp.Or(u.Host, u.Query().Get("host")), ",")
	return slices.Contains([]string{"", "allow", "prefer"}, u.Query().Get("sslmode")) && slices.ContainsFunc(hosts, isElsewhere)
}

func (d Database) hasPassword() bool { return d.String() != string(d) }

// String returns the path, or the address with its password replaced by dots.
func (d Database) String() string {
	if !d.IsServer() {
		return string(d)
	}
	u, err := url.Parse(string(d))
	if err != nil {
		return secret.Dots
	}
	if _, has := u.User.Password(); !has {
		return string(d)
	}
	user := u.User.Username()
	u.User = nil
	return strings.Replace(u.String(), "://", "://"+url.User(user).String()+":"+secret.Dots+"@", 1)
}

// Format implements [fmt.Formatter], so that no verb prints the password, not even %#v.
func (d Database) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// MarshalText implements [encoding.TextMarshaler] for JSON.
func (d Database) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// parseDatabase parses a path or an address. It refuses an address with a password
// elsewhere than before the host, and one that would become the name of a SQLite file.
func parseDatabase(s string) (Database, error) {
	scheme, _, isAddress := strings.Cut(s, "://")
	_, err := parseLine(s)
	switch {
	case err != nil:
		return "", err
	case strings.Contains(s, secret.Dots):
		return "", errors.New(secret.Dots + " stands for a password that was hidden; put the password itself")
	case !isAddress && strings.Contains(strings.ToLower(s), "password="), isAddress && scheme != "postgres" && scheme != "postgresql":
		return "", errors.New("wants the path of a SQLite file, or postgres://user:password@host/name")
	case !isAddress:
		return Database(s), nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" && u.Query().Get("host") == "" {
		return "", errors.New("is no valid postgres://user:password@host/name; signs in the password are written as %40")
	}
	for name := range u.Query() {
		if strings.Contains(strings.ToLower(name), "password") {
			return "", errors.New("wants the password in front of the host: postgres://user:password@host/name")
		}
	}
	return Database(s), nil
}
