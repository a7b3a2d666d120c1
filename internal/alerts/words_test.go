package alerts

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
)

// Every kind has its words in both languages.
func TestEveryKindHasItsWords(t *testing.T) {
	for _, l := range []locale.Lang{locale.ES, locale.EN} {
		for _, kind := range lead.AlertKinds() {
			for _, a := range []lead.Alert{
				{Kind: kind, Sites: []string{"casas"}, Leads: 1, Reason: lead.WithStatus(lead.ReasonKeyRefused, 401), Subject: ofJump, Found: map[lead.DriftKind]int{lead.Twice: 1}},
				{Kind: kind, Sites: []string{"casas"}, Leads: 2, Reason: lead.WithStatus(lead.ReasonRedirected, 302), Subject: ofSkew, Until: began, Free: 1 << 20, Found: map[lead.DriftKind]int{lead.DriftUnreadable: 2}},
			} {
				for _, text := range []string{Cause(l, a), Safe(l, a), Remedy(l, a)} {
					require.NotRegexp(t, `^$|%!|^[a-z_]+(\.[a-z_]+)+$|^`+string(kind)+`$`, text, kind)
				}
			}
		}
	}
}

// What EasyBroker says may quote a visitor, and what a person gives as a reason may name
// somebody.
func TestNobodyIsQuoted(t *testing.T) {
	for _, c := range []lead.Credential{
		{Sites: []string{"casas"}, State: lead.CredentialHeld, Reason: lead.Quote(lead.WithStatus(lead.ReasonKeyRefused, 401), "canario")},
		{Sites: []string{"casas"}, State: lead.CredentialHeld, Reason: "canario"},
		{Sites: []string{"casas"}, State: lead.SitePausedByHand, Reason: "canario", Until: began},
	} {
		for _, a := range usual().signs(Facts{Credentials: []lead.Credential{c}}, func(string) bool { return false }) {
			m := Compose("es", []lead.Alert{a}, "")
			require.NotContains(t, m.Title+m.Text, "canario")
		}
	}
}

// Much that happens at once is one message, and not a long one.
func TestManyAreOneMessage(t *testing.T) {
	var all []lead.Alert
	for range 300 {
		all = append(all, lead.Alert{ID: "x", Kind: lead.AlertSilence, Sites: []string{strings.Repeat("ñ", 63)}, Since: began})
	}
	all = append(all, lead.Alert{ID: "y", Kind: lead.AlertHeld, Sites: []string{"casas"}, Reason: lead.ReasonKeyRefused, Since: began})
	m := Compose("es", all, "https://ops.casas.mx")
	require.Equal(t, "leadrelay: «casas»: EasyBroker rechaza la clave y 300 más", m.Title)
	require.LessOrEqual(t, len(m.Text), maxText)
	require.True(t, utf8.ValidString(m.Text))
	require.Contains(t, m.Text, "y 292 más")
	require.Equal(t, 1, strings.Count(m.Text, locale.Text(locale.ES, "remedy.silence")))
	require.Empty(t, m.Sequence, "its end would hide the others")

	over := Compose("en", []lead.Alert{{ID: "x", Kind: lead.AlertDown, Sites: []string{"casas"}, Reason: lead.ReasonUnreachable, Since: began, ClosedAt: began.Add(90 * time.Minute)}}, "")
	require.Equal(t, "leadrelay: Over: “casas”: EasyBroker could not be reached", over.Title)
	require.Equal(t, "Over: “casas”: EasyBroker could not be reached. Over at 2026-03-02 10:30 UTC, after 1 h 30 min.", over.Text)
	require.True(t, over.IsOver)
}

// A lead that waits though nothing is known to stop it is told of, with where to look.
func TestALeadThatWaitsIsTold(t *testing.T) {
	c := newClerk()
	c.live(step, always(Facts{Stuck: []lead.Stuck{{Kind: lead.AlertLate, Site: "casas", Leads: 1, Since: began}}}))
	require.Len(t, c.book.all(), 1)
	require.Equal(t, "1 lead of “casas” waits for too long", Cause(locale.EN, c.book.all()[0]))
	require.Contains(t, Remedy(locale.EN, c.book.all()[0]), "it says what was tried, and when it will be tried again")
}

// Whoever waits for EasyBroker is not told to wait if the way there is broken here.
func TestWhereWaitingIsNotEnough(t *testing.T) {
	for reason, want := range map[string]string{
		lead.ReasonInsecure: "certificates", lead.ReasonUnknownName: "name server", lead.ReasonUnreachable: "tried by itself",
		lead.LookUpFailed(lead.ReasonInsecure): "certificates", lead.WithStatus(lead.ReasonError, 503): "tried by itself",
	} {
		for _, a := range usual().signs(Facts{Credentials: []lead.Credential{{Sites: []string{"casas"}, State: lead.CredentialDown, Reason: reason}}}, nil) {
			require.Contains(t, Remedy(locale.EN, a), want, reason)
		}
	}
}

// A mailbox that is off is not called a webhook.
func TestAMailboxIsNoWebhook(t *testing.T) {
	a := lead.Alert{Kind: lead.AlertHook, Subject: string(lead.MailChannel("casas", "ventas@casas.mx")), Sites: []string{"casas"}, Reason: lead.OffExpired}
	for _, l := range []locale.Lang{locale.ES, locale.EN} {
		for _, text := range []string{Cause(l, a), Safe(l, a), Remedy(l, a)} {
			require.NotContains(t, text, "webhook")
			require.NotContains(t, text, "alert.")
			require.NotContains(t, text, "remedy.")
		}
	}
}
