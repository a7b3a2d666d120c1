package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
)

// mailTo is where mails of the relay go, and through which server.
type mailTo struct {
	host           string
	port           int
	user, password string
	from           string
	to             []string
	tls            bool // from the first byte on
	mayBePlain     bool // on this machine
}

// parseSMTP reads smtp://user:password@host:port/?from=…&to=a,b. The connection must be
// safe, unless it does not leave this machine.
func parseSMTP(u *url.URL) (sender, error) {
	const submission, submissionTLS = 587, 465
	q := u.Query()
	t := mailTo{host: u.Hostname(), port: submission, user: u.User.Username(), from: firstOf(q, "from", "fromaddress")}
	t.password, _ = u.User.Password()
	if port, err := strconv.Atoi(u.Port()); err == nil {
		t.port = port
	}
	t.tls = t.port == submissionTLS || strings.EqualFold(q.Get("encryption"), "ImplicitTLS")
	t.mayBePlain = isLoopback(t.host)
	for one := range strings.SplitSeq(firstOf(q, "to", "toaddresses"), ",") {
		if one = strings.TrimSpace(one); one != "" {
			t.to = append(t.to, one)
		}
	}
	if t.host == "" || len(t.to) == 0 || t.message(Message{}) == nil {
		return nil, errors.New("wants smtp://user:password@host:587/?from=address&to=address")
	}
	return t.send, nil
}

func firstOf(q url.Values, names ...string) string {
	for name, values := range q {
		for _, wanted := range names {
			if strings.EqualFold(name, wanted) {
				return values[0]
			}
		}
	}
	return ""
}

// message returns the mail, or nil if an address is none.
func (t mailTo) message(m Message) *mail.Msg {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if msg.From(t.from) != nil || msg.To(t.to...) != nil {
		return nil
	}
	msg.Subject(m.Title)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no robot answers it
	msg.SetDate()
	msg.SetMessageID()
	msg.SetBodyString(mail.TypeTextPlain, m.body())
	return msg
}

func (t mailTo) send(ctx context.Context, m Message) error {
	options := []mail.Option{
		mail.WithPort(t.port), mail.WithTimeout(timeout), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithoutNoop(),
		// The library's context ends when it is connected, and ours with the message.
		mail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			return t.dial(ctx, network, address)
		}),
	}
	auth := mail.SMTPAuthAutoDiscover
	switch {
	case t.tls: // which the library does not see, because we have dialed
		options, auth = append(options, mail.WithTLSPolicy(mail.NoTLS)), mail.SMTPAuthPlainNoEnc
	case t.mayBePlain:
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	}
	if t.user != "" {
		options = append(options, mail.WithUsername(t.user), mail.WithPassword(t.password), mail.WithSMTPAuth(auth))
	}
	c, err := mail.NewClient(t.host, options...)
	if err != nil {
		return err
	}
	server, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.CloseWithSMTPClient(server) }() // what it took it has taken, however it says goodbye
	err = c.SendWithSMTPClient(server, t.message(m))
	if failed := (*mail.SendError)(nil); errors.As(err, &failed) && ctx.Err() == nil {
		return errRefused
	}
	return err
}

// dial connects to the server. The connection is closed when the time is over, whatever
// the server does meanwhile.
func (t mailTo) dial(ctx context.Context, network, address string) (net.Conn, error) {
	plain, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &timedConn{Conn: plain, stop: context.AfterFunc(ctx, func() { _ = plain.Close() })}
	if t.tls {
		conn.Conn = tls.Client(plain, &tls.Config{ServerName: t.host, MinVersion: tls.VersionTLS12})
	}
	return conn, nil
}

// timedConn is a connection that is closed with its context.
type timedConn struct {
	net.Conn
	stop func() bool
}

// Close implements [net.Conn].
func (c *timedConn) Close() error {
	c.stop()
	return c.Conn.Close()
}
