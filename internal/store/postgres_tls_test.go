package store_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/store"
	"leadrelay/internal/store/postgrestest"
)

// openAtOnce opens a database that must not be waited for.
func openAtOnce(t *testing.T, address string) (*store.Store, error) {
	t.Helper()
	return store.OpenPostgres(t.Context(), address, store.PostgresOptions{Away: func(err error) { assert.Fail(t, "it waits", err) }})
}

// With TLS the server is the one that was meant, or the start ends and says what to do.
func TestTLS(t *testing.T) {
	t.Parallel()
	ours, another := postgrestest.NewAuthority(t), postgrestest.NewAuthority(t)
	server := postgrestest.NewTLSCluster(t, ours)
	known, unknown := "&sslrootcert="+ours.File, "&sslrootcert="+another.File
	certFile, keyFile := ours.Sign(t.TempDir(), postgrestest.Certified, time.Now().Add(time.Hour))
	own := "&sslcert=" + certFile + "&sslkey=" + keyFile
	wrongCert, wrongKey := another.Sign(t.TempDir(), postgrestest.Certified, time.Now().Add(time.Hour))

	for name, address := range map[string]string{
		"the whole name":                server.At("leadrelay", "localhost", "sslmode=verify-full"+known),
		"the authority alone":           server.At("leadrelay", "127.0.0.1", "sslmode=verify-ca"+known),
		"somebody":                      server.At("leadrelay", "127.0.0.1", "sslmode=require"),
		"no word of it":                 server.At("leadrelay", "127.0.0.1", ""),
		"with a certificate of our own": server.At(postgrestest.Certified, "localhost", "sslmode=verify-full"+known+own),
	} {
		s, err := openAtOnce(t, address)
		require.NoError(t, err, name)
		_, err = keepInTime(t, s, inquiry(t, name))
		require.NoError(t, err, name)
		require.Equal(t, "5", store.ServerSetting(t, s, "tcp_keepalives_idle"), "it notices that we are gone")
		require.NoError(t, s.Close())
	}

	refused := func(name, address, want string) {
		// A server that ends the connection for our certificate may do so before we have read
		// why: then the start tries again, and hears it.
		cut := func(err error) { assert.Regexp(t, "reset by peer|broken pipe", err.Error(), "it waits") }
		_, err := store.OpenPostgres(t.Context(), address, store.PostgresOptions{Away: cut})
		require.ErrorContains(t, err, want, name)
	}
	refused("another's name", server.At("leadrelay", "127.0.0.1", "sslmode=verify-full"+known), "the server's certificate is for another name")
	for _, mode := range []string{"verify-full", "verify-ca", "require"} {
		refused("an authority that has not signed", server.At("leadrelay", "localhost", "sslmode="+mode+unknown), "sslrootcert=/")
	}
	refused("no authority", server.At("leadrelay", "localhost", "sslmode=verify-full"), "sslrootcert=/")
	refused("no TLS", server.At("leadrelay", "127.0.0.1", "sslmode=disable"), "sslmode in the address")
	refused("no certificate of our own", server.At(postgrestest.Certified, "127.0.0.1", "sslmode=require"), "check the user")
	refused("one that the server does not know", server.At(postgrestest.Certified, "127.0.0.1", "sslmode=require&sslcert="+wrongCert+"&sslkey="+wrongKey), "sslcert")
	server.Renew(ours, time.Now().Add(-time.Hour))
	refused("a certificate that is over", server.At("leadrelay", "localhost", "sslmode=verify-full"+known), "renew the server's certificate")
	server.SwitchOff()
	refused("a server without TLS", server.At("leadrelay", "localhost", "sslmode=require"), "set ssl = on")
}

// The errors of the server that a start waits for come from a server that is on its way,
// or has too much to do. All others need somebody who changes something.
func TestWhatAStartWaitsFor(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"08006": true, "08P01": true, // and all that a pooler says
		"25006": true, "0A000": true, // a standby
		"57P01": true, "57P02": true, "57P03": true, "57P05": true, "57014": true,
		"53000": true, "53100": true, "53200": true, "53300": true, "53400": true,
		"55P03": true, "40001": true, "40P01": true,
		"28000": false, "28P01": false, "3D000": false, "42501": false,
		"22023": false, "42P07": false, "55000": false, "58P01": false, "XX000": false, "XX001": false,
	} {
		require.Equal(t, want, store.IsAwaited(fmt.Errorf("schema: %w", &pgconn.PgError{Code: code})), code)
	}
	for _, err := range []error{io.ErrUnexpectedEOF, net.ErrClosed, &net.OpError{Op: "dial", Err: io.EOF}, &net.DNSError{Err: "no such host"}} {
		require.True(t, store.IsAwaited(err), err)
	}
	for _, err := range []error{io.ErrShortBuffer, &net.OpError{Op: "remote error", Err: io.EOF}, tls.RecordHeaderError{Msg: "no TLS"}} {
		require.False(t, store.IsAwaited(err), err)
	}
}
