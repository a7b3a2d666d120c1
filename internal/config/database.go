package config

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Database is where leads are kept: the path of a SQLite file, or postgres://….
// The latter may hold a password, so it prints without one; string(d) is the
// whole address.
type Database string

// DefaultDatabase is a file of the folder that the relay is started in.
const DefaultDatabase Database = "leadrelay.db"

// isServer reports whether it is the address of a server, and no path.
func (d Database) isServer() bool { return strings.Contains(string(d), "://") }

// String returns the path, or the address with dots for the password.
func (d Database) String() string {
	if !d.isServer() {
		return string(d)
	}
	u, err := url.Parse(string(d))
	if err != nil {
		return dots
	}
	if _, has := u.User.Password(); !has {
		return string(d)
	}
	user := u.User.Username()
	u.User = nil
	return strings.Replace(u.String(), "://", "://"+url.User(user).String()+":"+dots+"@", 1)
}

// Format implements [fmt.Formatter], which every verb goes through, %#v too.
func (d Database) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// MarshalText implements [encoding.TextMarshaler], which JSON uses.
func (d Database) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// database refuses what would hide a password where nobody looks for one, or
// make a SQLite file with the name of a server.
func database(s string) (Database, error) {
	scheme, _, isAddress := strings.Cut(s, "://")
	_, err := line(s)
	switch {
	case err != nil:
		return "", err
	case strings.Contains(s, dots):
		return "", errors.New(dots + " stands for a password that was hidden; put the password itself")
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
