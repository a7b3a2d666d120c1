package notify

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/smtp"
)

// Mailbox is somebody of the agency who gets a site's leads by mail.
type Mailbox struct {
	Server smtp.Server
	To     string
	Site   string // its name, for people
	Lang   locale.Lang
	After  time.Duration // after which a lead is waiting
	// Dialable returns a phone as E.164, if it can be one.
	Dialable func(phone string) string
}

// Sender returns the function that sends deliveries to the mailbox.
func (m Mailbox) Sender() func(context.Context, lead.Delivery, time.Time) Result {
	return func(ctx context.Context, d lead.Delivery, now time.Time) Result {
		msg := m.message(&d, now)
		if msg == nil {
			return Result{Why: "the mail could not be made"}
		}
		return judgeMail(ctx, m.Server.Send(ctx, msg))
	}
}

// judgeMail says how an attempt ended, in a few known words: the error itself may have an
// address.
func judgeMail(ctx context.Context, err error) Result {
	const taken = 250
	var refused *smtp.RefusedError
	var name *net.DNSError
	var dial *net.OpError
	switch {
	case err == nil:
		return Result{Taken: true, Status: taken}
	case errors.Is(ctx.Err(), context.Canceled):
		return Result{Why: "the relay stopped meanwhile"}
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return Result{Why: "no answer in time"}
	case errors.As(err, &refused) && refused.AtLogin:
		return Result{Status: refused.Status, Why: "the mail server does not let the relay in"}
	case errors.As(err, &refused):
		return Result{Status: refused.Status, Why: "the mail server did not take it"}
	case errors.As(err, &name):
		return Result{Why: "the mail server's name cannot be looked up"}
	case errors.As(err, &dial) && dial.Op == "dial":
		return Result{Why: "the mail server cannot be reached"}
	}
	return Result{Why: "the mail server does not work, or not safely"}
}

// message returns the mail about a lead. In its headers is nothing of the visitor but where
// to answer. Its id is always the same, so that a mailbox may know one that comes twice.
func (m Mailbox) message(d *lead.Delivery, now time.Time) *gomail.Msg {
	msg := m.Server.NewMessage(m.To)
	if msg == nil {
		return nil
	}
	l := &d.Lead
	if to := replyTo(l.Name, l.Email); to != nil {
		msg.ReplyToMailAddress(to)
	}
	text, page := m.texts(d)
	if page == "" {
		return nil
	}
	msg.Subject(m.subject(d))
	msg.SetDateWithValue(now)
	msg.SetMessageIDWithValue(d.ID + "@" + m.Server.Domain())
	msg.SetBodyString(gomail.TypeTextPlain, text)
	msg.AddAlternativeString(gomail.TypeTextHTML, page)
	return msg
}

// kindOf is the part of the keys of our texts that is about a notice.
func kindOf(n lead.Notice) string { return strings.TrimPrefix(string(n), "lead.") }

var cleanProperty = regexp.MustCompile(`^EB-[A-Z0-9]{1,12}$`)

func (m Mailbox) subject(d *lead.Delivery) string {
	s := locale.Text(m.Lang, "mail."+kindOf(d.Notice)+".subject", m.Site, d.RemoteID.String())
	if cleanProperty.MatchString(d.Lead.PropertyID) {
		s += " · " + d.Lead.PropertyID
	}
	return s
}

// replyTo returns where a visitor is answered, or nil if a header cannot have that: a mail
// with other letters in an address is refused by many servers.
func replyTo(name, email string) *mail.Address {
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil
	}
	a.Name = cleanName(name)
	return a
}

// cleanName returns what a header may have of a name: letters, digits and little else. So it
// can neither end the header nor look like another address.
func cleanName(name string) string {
	const most = 60
	words := strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(".'’-", r)
	})
	runes := []rune(strings.Join(words, " "))
	return strings.TrimSpace(string(runes[:min(len(runes), most)]))
}

// row is a line of the mail's table.
type row struct {
	Label, Value string
	Links        []link
}

type link struct {
	Text string
	URL  template.URL
}

// letter is what a mail says.
type letter struct {
	Lang          locale.Lang
	Title, Status string
	Rows          []row
	Label         string // of the message
	Message, Foot string
}

//go:embed mail.html
var mailHTML string

var mailPage = template.Must(template.New("mail").Parse(mailHTML))

// texts returns the mail as text, and as a page.
func (m Mailbox) texts(d *lead.Delivery) (text, page string) {
	l := &d.Lead
	key := "mail." + kindOf(d.Notice)
	t := letter{
		Lang: m.Lang, Title: locale.Text(m.Lang, key+".title", m.Site), Status: locale.Text(m.Lang, key+".status"),
		Rows: m.rows(l), Label: locale.Text(m.Lang, "mail.message"), Message: l.Message,
		Foot: locale.Text(m.Lang, "mail.foot", l.RemoteID.String(), locale.Moment(l.ReceivedAt)),
	}
	if d.Notice == lead.NoticeWaiting {
		t.Status = locale.Text(m.Lang, key+".status", locale.Lasting(m.After))
	}
	var b bytes.Buffer
	if err := mailPage.Execute(&b, t); err != nil {
		return "", ""
	}
	return t.text(), b.String()
}

// rows returns what the visitor wrote, but for the message.
func (m Mailbox) rows(l *lead.Lead) []row {
	all := []row{
		{Label: locale.Text(m.Lang, "mail.property"), Value: l.PropertyID},
		{Label: locale.Text(m.Lang, "mail.name"), Value: l.Name},
		{Label: locale.Text(m.Lang, "mail.email"), Value: l.Email},
		{Label: locale.Text(m.Lang, "mail.phone"), Value: l.Phone},
		{Label: locale.Text(m.Lang, "mail.page"), Value: l.Context["page_url"]},
	}
	if l.Email != "" {
		all[2].Links = []link{{l.Email, template.URL("mailto:" + url.PathEscape(l.Email))}} //nolint:gosec // escaped
	}
	if l.Phone != "" {
		all[3].Links = m.phoneLinks(l.Phone)
	}
	for _, p := range l.Extra {
		all = append(all, row{Label: p.Name, Value: p.Value})
	}
	return slices.DeleteFunc(all, func(r row) bool { return r.Value == "" })
}

// phoneLinks returns what calls a phone and, if it is a whole number, writes to it.
func (m Mailbox) phoneLinks(phone string) []link {
	number := m.Dialable(phone)
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	switch {
	case digits == "":
		return nil
	case number != "+"+digits:
		return []link{{digits, template.URL("tel:" + digits)}} //nolint:gosec // digits
	}
	return []link{{number, template.URL("tel:" + number)}, {"WhatsApp", template.URL("https://wa.me/" + digits)}} //nolint:gosec // digits
}

// text returns the letter as plain text.
func (t letter) text() string {
	var b strings.Builder
	b.WriteString(t.Title + "\n" + t.Status + "\n\n")
	for _, r := range t.Rows {
		b.WriteString(r.Label + ": " + r.Value + "\n")
		for _, l := range r.Links {
			b.WriteString("  " + string(l.URL) + "\n")
		}
	}
	if t.Message != "" {
		b.WriteString("\n" + t.Label + ":\n\n" + t.Message + "\n")
	}
	b.WriteString("\n-- \n" + t.Foot + "\n")
	return b.String()
}
