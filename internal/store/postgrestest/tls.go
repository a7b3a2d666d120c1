package postgrestest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Certified is a role that must show a certificate with its name.
const Certified = "certified"

// Authority signs certificates.
type Authority struct {
	tb   testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	File string // has its own certificate
}

// NewAuthority returns an authority that nobody knows yet.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, File: filepath.Join(tb.TempDir(), "ca.pem")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the tests' authority"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = template, newKey(tb)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(tb, err)
	writePEM(tb, a.File, "CERTIFICATE", der)
	return a
}

// Sign writes a certificate for a name, and its key, into a folder.
func (a *Authority) Sign(dir, name string, until time.Time) (certFile, keyFile string) {
	a.tb.Helper()
	key := newKey(a.tb)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(a.tb, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.tb, err)
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writePEM(a.tb, certFile, "CERTIFICATE", der)
	writePEM(a.tb, keyFile, "PRIVATE KEY", private)
	return certFile, keyFile
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	return key
}

func writePEM(tb testing.TB, file, kind string, der []byte) {
	tb.Helper()
	_ = os.Remove(file) // it may be another user's
	require.NoError(tb, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// TLSCluster is a server on a port of this machine, which takes nobody without TLS.
type TLSCluster struct {
	*Cluster
	port int
}

// NewTLSCluster starts a server whose name is localhost. Another one knows the authority
// that has signed it.
func NewTLSCluster(tb testing.TB, a *Authority) *TLSCluster {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(tb, listener.Close())
	c := &TLSCluster{newCluster(tb, []string{
		"listen_addresses=127.0.0.1", fmt.Sprint("port=", port), "ssl_cert_file=localhost.pem", "ssl_key_file=localhost.key", "ssl_ca_file=ca.pem",
	}), port}
	require.NoError(tb, c.create("local all all trust\nhostssl all "+Certified+" 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 trust\n"))
	ca, err := os.ReadFile(a.File)
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(filepath.Join(c.data(), "ca.pem"), ca, 0o644))
	// The socket has the port in its name.
	require.NoError(tb, os.Symlink(fmt.Sprint(".s.PGSQL.", port), filepath.Join(c.dir, socket)))
	c.sign(a, time.Now().Add(time.Hour))
	require.NoError(tb, c.start())
	c.Execute(`ALTER SYSTEM SET ssl = on`)
	c.reload()
	c.Execute(`CREATE ROLE ` + Certified + ` LOGIN SUPERUSER`)
	return c
}

// sign puts the server's certificate into its folder.
func (c *TLSCluster) sign(a *Authority, until time.Time) {
	c.tb.Helper()
	cert, key := a.Sign(c.data(), "localhost", until)
	for _, file := range []string{cert, key} {
		_, err := account(file) // which gives it to the server's user
		require.NoError(c.tb, err)
	}
}

// Renew lets the server have another certificate from now on.
func (c *TLSCluster) Renew(a *Authority, until time.Time) {
	c.tb.Helper()
	c.sign(a, until)
	c.reload()
}

// SwitchOff lets the server speak no TLS any more.
func (c *TLSCluster) SwitchOff() {
	c.tb.Helper()
	c.Execute(`ALTER SYSTEM SET ssl = off`)
	c.reload()
}

// reload returns when the next connection finds the server as it is set now.
func (c *TLSCluster) reload() {
	c.tb.Helper()
	before := c.Query(`SELECT pg_conf_load_time()`)
	c.Execute(`SELECT pg_reload_conf()`)
	require.Eventually(c.tb, func() bool { return c.Query(`SELECT pg_conf_load_time()`) != before }, 10*time.Second, 10*time.Millisecond)
}

// At is the server's address by one of its names, with the settings of TLS.
func (c *TLSCluster) At(user, host, settings string) string {
	return fmt.Sprintf("postgres://%s@%s:%d/postgres?%s", user, host, c.port, settings)
}
