// Package smtp hands mails to a mail server: safely, within a time, and without believing
// what it answers. Its errors and its text repeat neither an address nor a password.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// Server is a mail server, and who we are there.
type Server struct {
	From string // of all mails

	host           string
	port           int
	user, password string
	tls            bool // from the first byte on
	mayBePlain     bool // it is on this machine
}

// Parse reads smtp://user:password@host:port/?from=…, or smtps:// with TLS from the first
// byte on. The connection must be safe, unless the server is here, on this machine.
func Parse(u *url.URL, isHere bool) (Server, error) {
	const submission, submissionTLS = 587, 465
	s := Server{From: Parameter(u, "from", "fromaddress"), host: u.Hostname(), port: submission, user: u.User.Username()}
	s.password, _ = u.User.Password()
	s.tls = strings.HasPrefix(u.Scheme, "smtps") || strings.EqualFold(Parameter(u, "encryption"), "ImplicitTLS")
	if s.tls {
		s.port = submissionTLS
	}
	if u.Port() != "" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || port == 0 {
			return s, errors.New("wants a port such as 587")
		}
		s.port = int(port)
	}
	s.tls = s.tls || s.port == submissionTLS
	s.mayBePlain = isHere
	if s.host == "" || s.NewMessage() == nil {
		return s, errors.New("wants smtp://user:password@host:587?from=address")
	}
	return s, nil
}

// Parameter returns the first of the named parameters that an address has.
func Parameter(u *url.URL, names ...string) string {
	for name, values := range u.Query() {
		for _, wanted := range names {
			if strings.EqualFold(name, wanted) {
				return values[0]
			}
		}
	}
	return ""
}

// IsZero reports whether there is no server.
func (s Server) IsZero() bool { return s.host == "" }

// String returns dots, or "" if there is no server.
func (s Server) String() string {
	if s.IsZero() {
		return ""
	}
	return "•••"
}

// GoString returns what String does, so that no verb prints a password.
func (s Server) GoString() string { return s.String() }

// NewMessage returns a mail from the server's address that no robot answers. It returns nil
// if the addresses are none.
func (s Server) NewMessage(to ...string) *mail.Msg {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if msg.From(s.From) != nil || msg.To(to...) != nil {
		return nil
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	return msg
}

// Domain returns the domain of the server's address.
func (s Server) Domain() string {
	sender, err := s.NewMessage().GetSender(false)
	if err != nil {
		return "localhost"
	}
	return strings.Trim(sender[strings.LastIndexByte(sender, '@')+1:], "<>")
}

// RefusedError is an answer that says that the mail was not taken.
type RefusedError struct {
	Status  int // 0 if there was none to read
	AtLogin bool
}

func (e *RefusedError) Error() string { return fmt.Sprintf("refused with status %d", e.Status) }

// timeout bounds the time that connecting takes, and then that sending does.
const timeout = 10 * time.Second

// Address returns host and port, which are no secret.
func (s Server) Address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// ErrNoTLS means that the server offers no TLS.
var ErrNoTLS = errors.New("the server offers no TLS")

// Check connects and logs in, and sends nothing.
func (s Server) Check(ctx context.Context) error {
	c, err := s.client(ctx)
	if err != nil {
		return err
	}
	server, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return judge(ctx, err, true)
	}
	_ = c.CloseWithSMTPClient(server)
	return nil
}

// Send hands over a mail. What the server answers is in a [*RefusedError].
func (s Server) Send(ctx context.Context, msg *mail.Msg) error {
	c, err := s.client(ctx)
	if err != nil {
		return err
	}
	server, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return judge(ctx, err, true)
	}
	defer func() { _ = c.CloseWithSMTPClient(server) }() // what it took it has taken, however it says goodbye
	if err = c.SendWithSMTPClient(server, msg); msg.IsDelivered() {
		return nil
	}
	return judge(ctx, err, false)
}

func (s Server) client(ctx context.Context) (*mail.Client, error) {
	options := []mail.Option{
		mail.WithPort(s.port), mail.WithTimeout(timeout), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithoutNoop(),
		// The library's context ends when it is connected, and ours with the message.
		mail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			return s.dial(ctx, network, address)
		}),
	}
	auth := mail.SMTPAuthAutoDiscover
	switch {
	case s.tls: // which the library does not see, because we have dialed
		options, auth = append(options, mail.WithTLSPolicy(mail.NoTLS)), mail.SMTPAuthPlainNoEnc
	case s.mayBePlain:
		options, auth = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic)), mail.SMTPAuthPlainNoEnc
	}
	if s.user != "" {
		options = append(options, mail.WithUsername(s.user), mail.WithPassword(s.password), mail.WithSMTPAuth(auth))
	}
	return mail.NewClient(s.host, options...)
}

// judge finds what the server has answered. If the time is over, that is why.
func judge(ctx context.Context, err error, isLogin bool) error {
	failed, answered := (*mail.SendError)(nil), (*textproto.Error)(nil)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(err.Error(), "does not support STARTTLS"): // the library has no name for it
		return ErrNoTLS
	case errors.As(err, &failed):
		return &RefusedError{Status: failed.ErrorCode()}
	case errors.As(err, &answered):
		return &RefusedError{Status: answered.Code, AtLogin: isLogin}
	}
	return err
}

// dial connects to the server. The connection is closed when the time is over, whatever
// the server does meanwhile.
func (s Server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	plain, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &boundedConn{Conn: plain, left: maxAnswers, stop: context.AfterFunc(ctx, func() { _ = plain.Close() })}
	if s.tls {
		return tls.Client(conn, &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}), nil
	}
	return conn, nil
}

// maxAnswers bounds what a server says for one mail, with its certificates.
const maxAnswers = 256 << 10

var errTalkative = errors.New("the server says too much")

// boundedConn is a connection that is closed with its context, and reads only so much.
type boundedConn struct {
	net.Conn
	left int
	stop func() bool
}

// Read implements [net.Conn].
func (c *boundedConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTalkative
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// Close implements [net.Conn].
func (c *boundedConn) Close() error {
	c.stop()
	return c.Conn.Close()
}
