package smtp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/notify"
	"leadrelay/internal/smtp"
)

// TestMain makes a certificate that the tests believe: which ones these are, Go reads once.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "exim")
	if err == nil {
		err = makeCertificate(dir)
	}
	if err != nil {
		panic(err)
	}
	certificates = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var certificates string // the folder of cert.pem and key.pem

func makeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: signed}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return os.Setenv("SSL_CERT_FILE", filepath.Join(dir, "cert.pem"))
}

// eximConf is that of a server which demands a login, and knows everybody but nobody@. Its
// user is no root, and it keeps all mails in one file.
const eximConf = `
exim_user = UID
exim_group = GID
admin_groups = GID
deliver_drop_privilege
keep_environment =
primary_hostname = mail.casas.test
spool_directory = DIR/spool
log_file_path = DIR/%slog
pid_file_path = DIR/pid
daemon_smtp_ports = PORT : SECURE
tls_on_connect_ports = SECURE
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = DIR/cert.pem
tls_privatekey = DIR/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
host_lookup =
rfc1413_query_timeout = 0s
begin acl
mail:
  deny message = log in first
    !authenticated = *
  accept
rcpt:
  deny message = nobody of that name
    local_parts = nobody
  accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = DIR/mails
  user = UID
  group = GID
  envelope_to_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{leads@casas.mx}}{eq{$auth3}{s3cret}}}}
  server_set_id = $auth2
`

// exim is a real mail server.
type exim struct {
	dir          string
	port, secure int
}

func startExim(t *testing.T) exim {
	t.Helper()
	const nobody = 65534
	dir, err := os.MkdirTemp("", "exim") // another user has to reach it
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	e := exim{dir: dir, port: freePort(t), secure: freePort(t)}
	uid, gid := os.Getuid(), os.Getgid()
	var credential *syscall.Credential
	if uid == 0 {
		uid, gid = nobody, nobody
		credential = &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{nobody}}
	}
	conf := strings.NewReplacer("UID", fmt.Sprint(uid), "GID", fmt.Sprint(gid), "DIR", e.dir, "PORT", fmt.Sprint(e.port), "SECURE", fmt.Sprint(e.secure)).Replace(eximConf)
	require.NoError(t, os.WriteFile(filepath.Join(e.dir, "exim.conf"), []byte(conf), 0o600))
	for _, name := range []string{"cert.pem", "key.pem"} {
		data, err := os.ReadFile(filepath.Join(certificates, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(e.dir, name), data, 0o600))
	}
	for _, path := range []string{"", "exim.conf", "cert.pem", "key.pem"} {
		require.NoError(t, os.Chown(filepath.Join(e.dir, path), uid, gid))
	}
	cmd := exec.CommandContext(t.Context(), "/usr/sbin/exim4", "-C", filepath.Join(e.dir, "exim.conf"), "-bdf")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start(), "deploy/test-deps.sh installs it")
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", e.secure))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond, "it does not start: %s", &said)
	return e
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

// mails waits until the server has delivered so many, and returns them.
func (e exim) mails(t *testing.T, n int) (all []string) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(filepath.Join(e.dir, "mails"))
		all = strings.Split(string(text), "Envelope-to: ")[1:]
		log, _ := os.ReadFile(filepath.Join(e.dir, "mainlog"))
		return len(all) == n && strings.Count(string(log), " Completed") == n
	}, 10*time.Second, 20*time.Millisecond)
	return all
}

func at(t *testing.T, address string, args ...any) smtp.Server {
	t.Helper()
	u, err := url.Parse(fmt.Sprintf(address, args...) + "?from=leads@casas.mx")
	require.NoError(t, err)
	s, err := smtp.Parse(u, false)
	require.NoError(t, err)
	return s
}

// mailTo mails a lead whose visitor tries to get into the headers.
func mailTo(t *testing.T, s smtp.Server, to string) notify.Result {
	t.Helper()
	box := notify.Mailbox{Server: s, To: to, Site: "casas.mx", Lang: locale.ES, Dialable: func(string) string { return "" }}
	return box.Sender()(t.Context(), lead.Delivery{ID: "msg_1", RemoteID: 28252880123, Notice: lead.NoticeReceived, Lead: lead.Lead{
		RemoteID: 28252880123, ReceivedAt: time.Now(),
		Inquiry: lead.Inquiry{
			Name: "Ana\r\nBcc: otra@casas.test\r\n\r\n.\r\n", Email: "ana@ejemplo.mx", PropertyID: "EB-1\r\nBcc: otra@casas.test",
			Message: "Hola\r\n.\r\nMAIL FROM:<x@casas.test>\r\nRCPT TO:<otra@casas.test>\r\n",
		},
	}}, time.Now())
}

// A real server takes mails by STARTTLS and by TLS from the first byte on, after a login.
// Nothing of the visitor gets into a header or becomes a command.
func TestARealServer(t *testing.T) {
	e := startExim(t)
	starttls, secure := at(t, "smtp://leads%%40casas.mx:s3cret@localhost:%d", e.port), at(t, "smtps://leads%%40casas.mx:s3cret@localhost:%d", e.secure)
	for name, s := range map[string]smtp.Server{"STARTTLS": starttls, "TLS": secure} {
		require.NoError(t, s.Check(t.Context()), name)
		require.Equal(t, notify.Result{Taken: true, Status: 250}, mailTo(t, s, "ventas@casas.test"), name)
	}
	for _, text := range e.mails(t, 2) {
		require.True(t, strings.HasPrefix(text, "ventas@casas.test\n"), text)
		_, text, _ = strings.Cut(text, "\n")
		m, err := mail.ReadMessage(strings.NewReader(text))
		require.NoError(t, err)
		require.Empty(t, m.Header["Bcc"])
		require.Equal(t, "<ventas@casas.test>", m.Header.Get("To"))
		replies, err := m.Header.AddressList("Reply-To")
		require.NoError(t, err)
		require.Len(t, replies, 1)
		require.Equal(t, "ana@ejemplo.mx", replies[0].Address)
		require.NotContains(t, replies[0].Name+m.Header.Get("Subject"), "@")
	}
	log, err := os.ReadFile(filepath.Join(e.dir, "mainlog"))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(log), "esmtpsa X=TLS1."), "with TLS and a login: %s", log)
	require.NotContains(t, string(log), "otra@")

	require.Equal(t, notify.Result{Status: 550, Why: "the mail server did not take it"}, mailTo(t, starttls, "nobody@casas.test"))
	refused := &smtp.RefusedError{Status: 535, AtLogin: true}
	require.Equal(t, refused, at(t, "smtp://leads%%40casas.mx:other@localhost:%d", e.port).Check(t.Context()))
	require.Equal(t, "the mail server does not let the relay in", mailTo(t, at(t, "smtps://leads%%40casas.mx:other@localhost:%d", e.secure), "ventas@casas.test").Why)
	var broken *tls.CertificateVerificationError
	for _, address := range []string{fmt.Sprintf("smtp://127.0.0.1:%d", e.port), fmt.Sprintf("smtps://127.0.0.1:%d", e.secure)} {
		require.ErrorAs(t, at(t, "%s", address).Check(t.Context()), &broken, "the certificate is of another name")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, starttls.Check(ctx), context.Canceled)
	require.Len(t, e.mails(t, 2), 2, "no other mail was taken")
}
