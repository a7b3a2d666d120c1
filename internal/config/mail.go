package config

import (
	"errors"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/loopback"
	"leadrelay/internal/secret"
	"leadrelay/internal/smtp"
)

// Mail says who of an agency gets the leads of a site by mail, and when.
type Mail struct {
	To    []string
	When  string        // received, or waiting
	After time.Duration // for how long EasyBroker must not have a lead; 0 if it is mailed at once
}

// When a lead is mailed.
const (
	whenReceived = "received"
	whenWaiting  = "waiting"
)

const (
	mailExample  = "{to: [ventas@casas.mx], when: waiting, after: 15m}"
	defaultAfter = 15 * time.Minute

	// maxMailTo bounds how many rows of the store a lead can have.
	maxMailTo = 10
)

func parseServer(s string) (smtp.Server, error) {
	if strings.Contains(s, secret.Dots) {
		return smtp.Server{}, errors.New(secret.Dots + " stands for a secret that was hidden; put the address itself, or the name of its file")
	}
	wrong := errors.New("wants smtp://user:password@host:587?from=address, or smtps://; signs in a password are written as %40")
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || strings.Trim(u.Path, "/") != "" {
		return smtp.Server{}, wrong
	}
	server, err := smtp.Parse(u, loopback.IsHost(u.Hostname()))
	if err != nil {
		return smtp.Server{}, wrong
	}
	return server, nil
}

// mailField is a mapping.
func mailField() field {
	return field{
		deep: true,
		read: func(l *loader, t target, v value) {
			if v.kind != mapping {
				l.add(v.place, "wants %s", mailExample)
				return
			}
			t.site.Mail = l.readMail(v)
		},
		show: func(t target) value {
			m := t.site.Mail
			v := value{kind: mapping}
			if len(m.To) == 0 {
				return v
			}
			to := value{kind: list}
			for _, one := range m.To {
				to.items = append(to.items, item{text: one})
			}
			v.items = []item{{name: "to", inner: &to}, {name: "when", text: m.When}}
			if m.When == whenWaiting {
				v.items = append(v.items, item{name: "after", text: durationText(m.After)})
			}
			return v
		},
	}
}

// readMail reads who gets mail. It reports all that is wrong.
func (l *loader) readMail(v value) Mail {
	m := Mail{When: whenReceived}
	after := v.place
	for _, part := range v.items {
		switch {
		case part.name == "to":
			m.To = l.readMailTo(part)
		case part.inner != nil:
			l.add(part.place, "wants one value, not several")
		case part.name == "when":
			when, err := parseOneOf(whenReceived, whenWaiting)(part.text)
			if err != nil {
				l.add(part.place, "%v", err)
			}
			m.When = when
		case part.name == "after":
			d, err := parsePositiveDuration(part.text)
			if err != nil {
				l.add(part.place, "%v", err)
			}
			m.After, after = d, part.place
		default:
			l.add(part.place, "unknown key%s; known here: to, when, after", quotedKey(part.name))
		}
	}
	if !slices.ContainsFunc(v.items, func(part item) bool { return part.name == "to" }) {
		l.add(v.place, "wants %s", mailExample)
	}
	switch {
	case m.When == whenReceived && m.After != 0:
		l.add(after, "is for when: waiting")
	case m.When == whenWaiting && m.After == 0:
		m.After = defaultAfter
	}
	return m
}

func (l *loader) readMailTo(x item) (all []string) {
	items := []item{x}
	if x.inner != nil {
		items = x.inner.items
	}
	for _, one := range items {
		a, err := mail.ParseAddress(one.text)
		isSame := func(other string) bool { return strings.EqualFold(other, one.text) }
		switch {
		case err != nil || a.Address != one.text || strings.ContainsFunc(one.text, func(r rune) bool { return r <= ' ' || r > '~' }):
			l.add(one.place, "wants the address of a mailbox, such as ventas@casas.mx")
		case slices.ContainsFunc(all, isSame):
			l.add(one.place, "is there twice")
		default:
			all = append(all, one.text)
		}
	}
	if len(items) == 0 || len(items) > maxMailTo {
		l.add(x.place, "wants one to %d addresses", maxMailTo)
	}
	return all
}

// checkMail requires a server where a site has mail.
func (l *loader) checkMail(layers []layer) {
	if v, hasMail := lookUpIn(perSite+"mail", layers...); hasMail && !l.hasServer {
		l.addMissing(v.place, "mail goes through a server; set LEADRELAY_SMTP, or smtp at the top of the file")
	}
}
