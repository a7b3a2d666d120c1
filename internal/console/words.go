package console

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/web"
)

// words puts what the store and the courier know into the language of a person.
type words struct {
	lang locale.Lang
	now  time.Time // in the zone of all times
}

func (w words) text(key string, args ...any) string { return locale.Text(w.lang, key, args...) }

// count returns the text for one or for many, with more that both have before that.
func (w words) count(key string, n int, more ...any) string {
	if n == 1 {
		return w.text(key+".one", more...)
	}
	return w.text(key+".many", append(more, n)...)
}

// when returns a time with seconds, and with the date unless it is today.
func (w words) when(t time.Time) web.When {
	if t.IsZero() {
		return web.When{}
	}
	t = t.In(w.now.Location())
	return web.When{Text: w.date(t) + t.Format("15:04:05"), ISO: t.Format(time.RFC3339)}
}

// date returns the date with a blank, or nothing if it is today.
func (w words) date(t time.Time) string {
	y, m, d := t.Date()
	switch ny, nm, nd := w.now.Date(); {
	case y == ny && m == nm && d == nd:
		return ""
	case y == ny:
		return w.text("date.day", d, w.text("date.month."+m.String())) + " "
	default:
		return w.text("date.year", d, w.text("date.month."+m.String()), y) + " "
	}
}

// since returns how long ago a time is, in words.
func (w words) since(t time.Time) string {
	switch passed := w.now.Sub(t); {
	case passed < time.Minute:
		return w.text("ago.moment")
	case passed < time.Hour:
		return w.text("ago.minutes", int(passed/time.Minute))
	case passed < 48*time.Hour:
		return w.text("ago.hours", int(passed/time.Hour))
	default:
		return w.text("ago.days", int(passed/(24*time.Hour)))
	}
}

// sentence begins a text with a capital letter.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// reason tells why a lead is in its state, how an attempt ended, or why a credential is
// stopped. What EasyBroker says, or what another release has written, is quoted.
func (w words) reason(reason string) string {
	if reason == "" {
		return ""
	}
	e := lead.Explain(reason)
	if e.Key == "" {
		if signs, ok := w.signs(e.Says); ok {
			return signs
		}
		return w.text("reason.quoted", e.Says)
	}
	text := w.reasonByKey(e.Key, e.Status)
	if e.Cause != "" {
		text = w.text("reason."+e.Key) + ": " + w.reasonByKey(e.Cause, e.Status)
	}
	if e.Says != "" {
		text += ". " + w.text("reason.says", e.Says)
	}
	return text
}

// reasonByKey returns the text of one of our reasons, with the status that belongs to it.
func (w words) reasonByKey(key string, status int) string {
	text := locale.First(w.lang, []string{fmt.Sprintf("reason.%s.%d", key, status), "reason." + key})
	if status == 0 {
		return text
	}
	return fmt.Sprintf("%s (%d)", text, status)
}

// signs tells the signs of spam that are in a reason, if it has nothing else.
func (w words) signs(reason string) (text string, ok bool) {
	var all []string
	for sign := range strings.SplitSeq(reason, ", ") {
		key := "sign." + sign
		words := w.text(key)
		if words == key {
			return "", false
		}
		all = append(all, words)
	}
	return strings.Join(all, ", "), true
}

// attempt tells how an attempt ended, and what that means.
func (w words) attempt(a lead.Attempt) string {
	if a.Outcome == "" {
		return w.text("attempt", a.Number) + ": " + w.text("attempt.open")
	}
	text := w.reason(a.Detail)
	if e := lead.Explain(a.Detail); e.Key == "" { // of another release
		text = w.text("reason.status", a.Status)
		if a.Status == 0 {
			text = w.text("reason.unanswered")
		}
	}
	if took := a.EndedAt.Sub(a.BegunAt); took >= time.Second {
		text += fmt.Sprintf(", %.1f s", took.Seconds())
	}
	return w.text("attempt", a.Number) + ": " + text + ". " + w.text("attempt."+string(a.Outcome))
}

// why tells in a few words why a lead is in its state, or what comes next.
func (w words) why(l lead.Lead) string {
	reason := w.reason(l.Reason)
	next := ""
	switch l.State {
	case lead.Queued:
		next = w.text("why.queued.soon")
		if l.DueAt.After(w.now) {
			next = w.text("why.queued", w.when(l.DueAt).Text)
		}
	case lead.Doubtful:
		next = w.text("why.doubtful.soon")
		if l.DueAt.After(w.now) {
			next = w.text("why.doubtful", w.when(l.DueAt).Text)
		}
	case lead.Delivered:
		if reason == "" {
			next = w.text("why.delivered")
		}
	case lead.Quarantined, lead.Sending, lead.Confirmed, lead.Failed, lead.Discarded:
	}
	if reason == "" || next == "" {
		return reason + next
	}
	return reason + "; " + next
}

// row returns a lead as a list shows it.
func (w words) row(l lead.Lead) web.LeadRow {
	who, contact := l.Name, l.Email
	if contact == "" {
		contact = l.Phone
	}
	if who == "" {
		who = w.text("lead.nameless")
	}
	return web.LeadRow{
		ID: int64(l.RemoteID), Who: cut(who), Contact: cut(contact), PropertyID: cut(l.PropertyID), Site: cut(l.Site),
		Received: w.when(l.ReceivedAt), State: string(l.State), Why: cutTo(w.why(l), 160),
		Retry: allows(l, retry(false)), Release: allows(l, release), Throw: allows(l, discard),
	}
}

func (w words) rows(leads []lead.Lead) []web.LeadRow {
	rows := make([]web.LeadRow, len(leads))
	for i, l := range leads {
		rows[i] = w.row(l)
	}
	return rows
}

// cut shortens what a visitor wrote for a list. The page of the lead has all of it.
func cut(s string) string { return cutTo(s, 60) }

func cutTo(s string, runes int) string {
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	return string([]rune(s)[:runes-1]) + "…"
}
