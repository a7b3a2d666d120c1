package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"leadrelay/internal/alerts/channel"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
)

// Cause says what has happened. The console says it in the same words.
func Cause(l locale.Lang, a lead.Alert) string {
	sites := siteNames(l, a.Sites)
	switch a.Kind {
	case lead.AlertHeld, lead.AlertDown:
		return locale.Text(l, "trouble."+string(a.Kind), sites, reason(l, a.Reason))
	case lead.AlertPaused:
		if !a.Until.IsZero() {
			return locale.Text(l, "alert.paused_by_hand", sites, moment(a.Until))
		}
		return locale.Text(l, "trouble.paused", sites, reason(l, a.Reason))
	case lead.AlertLate, lead.AlertFailed:
		key := map[lead.AlertKind]string{lead.AlertLate: "alert.late", lead.AlertFailed: "trouble.failed"}[a.Kind]
		if a.Leads == 1 {
			return locale.Text(l, key+".one", sites)
		}
		return locale.Text(l, key+".many", a.Leads, sites)
	case lead.AlertDoubtful, lead.AlertMissing, lead.AlertTwice:
		return count(l, "trouble."+string(a.Kind), a.Leads)
	case lead.AlertDrift:
		return locale.Text(l, "trouble.drift", Found(l, a.Found))
	case lead.AlertStore:
		if a.Free > 0 {
			return locale.Text(l, "trouble.disk", a.Free>>20)
		}
		return locale.Text(l, "alert.store")
	case lead.AlertSilence:
		return locale.Text(l, "alert.silence", sites)
	case lead.AlertHook:
		if isMail(a) {
			return locale.Text(l, "alert.mail.expired", sites)
		}
		if a.Reason == lead.OffGone {
			return locale.Text(l, "alert.hook.gone", sites)
		}
		return locale.Text(l, "alert.hook.expired", sites)
	case lead.AlertFlood:
		return locale.Text(l, "alert.flood", sites)
	case lead.AlertRefused:
		name := a.Name
		if name == "" {
			name = "?"
		}
		if a.Reason == "site" {
			return locale.Text(l, "alert.refused.site", name)
		}
		if a.Reason == ofFields {
			return locale.Text(l, "alert.refused.fields", sites)
		}
		return locale.Text(l, "alert.refused.origin", sites, name)
	case lead.AlertClock:
		return locale.Text(l, "alert.clock."+a.Subject, a.Off.Abs().Round(time.Second))
	}
	return string(a.Kind)
}

// isMail reports whether an alert is about a mailbox, instead of a webhook.
func isMail(a lead.Alert) bool {
	return a.Kind == lead.AlertHook && lead.Channel(a.Subject).Kind() == lead.KindMail
}

// Safe says what is not lost.
func Safe(l locale.Lang, a lead.Alert) string {
	switch a.Kind {
	case lead.AlertDoubtful:
		return locale.Text(l, "trouble.doubtful.safe")
	case lead.AlertStore:
		if a.Free > 0 {
			return locale.Text(l, "trouble.disk.safe")
		}
		return locale.Text(l, "alert.store.safe")
	case lead.AlertSilence, lead.AlertRefused:
		return locale.Text(l, "alert.silence.safe")
	case lead.AlertHook:
		if isMail(a) {
			return locale.Text(l, "alert.mail.safe")
		}
		return locale.Text(l, "alert.hook.safe")
	case lead.AlertFlood:
		return locale.Text(l, "alert.flood.safe")
	case lead.AlertHeld, lead.AlertDown, lead.AlertPaused, lead.AlertLate:
		return locale.Text(l, "alert.safe")
	case lead.AlertFailed, lead.AlertMissing, lead.AlertTwice, lead.AlertDrift, lead.AlertClock:
	}
	return locale.Text(l, "trouble.kept")
}

// Remedy says what to do.
func Remedy(l locale.Lang, a lead.Alert) string {
	key := string(a.Kind)
	switch {
	case a.Kind == lead.AlertHeld && lead.Explain(a.Reason).Key == "redirected":
		key = "redirected"
	case a.Kind == lead.AlertDown && waitingIsNotEnough(a.Reason):
		key = cause(a.Reason)
	case a.Kind == lead.AlertPaused && !a.Until.IsZero():
		key = "paused_by_hand"
	case a.Kind == lead.AlertRefused:
		key = "refused." + cmp.Or(a.Reason, "origin")
	case a.Kind == lead.AlertStore && a.Free > 0:
		key = "disk"
	case isMail(a):
		key = "mail"
	}
	return locale.Text(l, "remedy."+key)
}

// waitingIsNotEnough reports whether the way to EasyBroker is broken in a way that mostly
// does not mend itself.
func waitingIsNotEnough(reason string) bool {
	return slices.Contains([]string{"insecure", "unknown_name"}, cause(reason))
}

// cause is the key of a reason, or of the one behind it.
func cause(reason string) string {
	e := lead.Explain(reason)
	return cmp.Or(e.Cause, e.Key)
}

// Found says what a reconciliation has found.
func Found(l locale.Lang, found map[lead.DriftKind]int) string {
	var all []string
	for _, kind := range append(lead.DriftKinds(), lead.DriftUnreadable) {
		if n := found[kind]; n > 0 {
			all = append(all, count(l, "drift."+string(kind), n))
		}
	}
	return strings.Join(all, ", ")
}

// count returns the text for one or for many.
func count(l locale.Lang, key string, n int) string {
	if n == 1 {
		return locale.Text(l, key+".one")
	}
	return locale.Text(l, key+".many", n)
}

// reason says why, with nothing that EasyBroker says, because that may quote a visitor.
func reason(l locale.Lang, reason string) string {
	e, key := lead.Explain(reason), cause(reason)
	if key == "" {
		return locale.Text(l, "alert.unexplained")
	}
	text := locale.First(l, []string{fmt.Sprintf("reason.%s.%d", key, e.Status), "reason." + key})
	if e.Status != 0 {
		text += " (" + strconv.Itoa(e.Status) + ")"
	}
	return text
}

// siteNames names a few sites.
func siteNames(l locale.Lang, sites []string) string {
	const most = 5
	if n := len(sites) - most; n > 1 {
		return strings.Join(sites[:most], ", ") + " " + locale.Text(l, "alert.more", n)
	}
	return strings.Join(sites, ", ")
}

// moment is a time, for people in any zone.
func moment(t time.Time) string { return locale.Moment(t) }

// group are alerts that are told together: the same is to be done about all.
type group struct {
	isOpen       bool
	safe, remedy string
	alerts       []lead.Alert
}

// Compose writes the message about some alerts. link is where the console is, if anybody
// knows.
func Compose(lang string, all []lead.Alert, link string) channel.Message {
	l := locale.Lang(lang)
	all = slices.SortedStableFunc(slices.Values(all), func(a, b lead.Alert) int {
		if a.IsOpen() != b.IsOpen() {
			return map[bool]int{true: -1, false: 1}[a.IsOpen()]
		}
		return compare(a, b)
	})
	m := channel.Message{Title: "leadrelay: " + title(l, all[0]), Link: link, IsOver: !all[0].IsOpen()}
	if n := len(all) - 1; n > 0 {
		m.Title += " " + locale.Text(l, "alert.more", n)
	} else {
		m.Sequence = all[0].ID
	}
	var groups []group
	for _, a := range all {
		g := group{isOpen: a.IsOpen(), safe: Safe(l, a), remedy: Remedy(l, a)}
		i := slices.IndexFunc(groups, func(o group) bool { return o.isOpen == g.isOpen && o.safe == g.safe && o.remedy == g.remedy })
		if i < 0 {
			i, groups = len(groups), append(groups, g)
		}
		groups[i].alerts = append(groups[i].alerts, a)
	}
	texts := make([]string, len(groups))
	for i, g := range groups {
		texts[i] = g.text(l)
	}
	m.Title, m.Text = cut(m.Title, maxTitle), cut(strings.Join(texts, "\n\n"), maxText)
	return m
}

const (
	maxTitle = 200
	// maxText is in bytes, and what all channels take.
	maxText = 3500
)

func title(l locale.Lang, a lead.Alert) string {
	if a.IsOpen() {
		return Cause(l, a)
	}
	return locale.Text(l, "alert.over", Cause(l, a))
}

func (g group) text(l locale.Lang) string {
	const most = 8
	var lines []string
	for _, a := range g.alerts[:min(len(g.alerts), most)] {
		when := locale.Text(l, "alert.since", moment(a.Since))
		if !a.IsOpen() {
			when = locale.Text(l, "alert.lasted", moment(a.ClosedAt), locale.Lasting(a.ClosedAt.Sub(a.Since)))
		}
		lines = append(lines, title(l, a)+". "+when)
	}
	if n := len(g.alerts) - most; n > 0 {
		lines = append(lines, locale.Text(l, "alert.more", n))
	}
	if g.isOpen {
		lines = append(lines, g.safe, g.remedy, locale.Text(l, "alert.runbook", string(g.alerts[0].Kind)))
	}
	return strings.Join(lines, "\n")
}

// cut shortens a text to so many bytes, between two characters.
func cut(s string, most int) string {
	const dots = "…"
	if len(s) <= most {
		return s
	}
	end := most - len(dots)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + dots
}

// TestMessage is the message that a person sends to see whether a channel works.
func TestMessage(lang, link string) channel.Message {
	l := locale.Lang(lang)
	return channel.Message{Title: locale.Text(l, "alert.test"), Text: locale.Text(l, "alert.test.text"), Link: link}
}
