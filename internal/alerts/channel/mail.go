package channel

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/wneessen/go-mail"

	"leadrelay/internal/loopback"
	"leadrelay/internal/smtp"
)

// mailTo is where mails of the relay go, and through which server.
type mailTo struct {
	server smtp.Server
	to     []string
}

// parseSMTP reads smtp://user:password@host:port/?from=…&to=a,b.
func parseSMTP(u *url.URL) (way, error) {
	server, err := smtp.Parse(u, loopback.IsHost(u.Hostname()))
	t := mailTo{server: server}
	for one := range strings.SplitSeq(smtp.Parameter(u, "to", "toaddresses"), ",") {
		if one = strings.TrimSpace(one); one != "" {
			t.to = append(t.to, one)
		}
	}
	if err != nil || len(t.to) == 0 || t.message(Message{}) == nil {
		return way{}, errors.New("wants smtp://user:password@host:587/?from=address&to=address")
	}
	return way{t.send, server.Check}, nil
}

// message returns the mail, or nil if an address is none.
func (t mailTo) message(m Message) *mail.Msg {
	msg := t.server.NewMessage(t.to...)
	if msg == nil {
		return nil
	}
	msg.Subject(m.Title)
	msg.SetDate()
	msg.SetMessageID()
	msg.SetBodyString(mail.TypeTextPlain, m.body())
	return msg
}

func (t mailTo) send(ctx context.Context, m Message) error {
	err := t.server.Send(ctx, t.message(m))
	if refused := (*smtp.RefusedError)(nil); errors.As(err, &refused) && !refused.AtLogin {
		return errRefused
	}
	return err
}
