package console

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/alerts"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/spam"
)

var evening = time.Date(2026, 11, 29, 18, 30, 0, 0, time.FixedZone("CST", -6*60*60))

// keyInText matches a key that stands where its text should be.
var keyInText = regexp.MustCompile(`\b[a-z_]+\.(?:[a-z_]+\.)*[a-z_]{3,}\b`)

func checkWords(t *testing.T, what string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		key := keyInText.FindString(text)
		if text == "" || strings.Contains(text, "%!") || key != "" && key != "casas.mx" {
			require.Fail(t, "a text is missing", "%s has no text for %s: %s", what, key, text)
		}
	}
}

// allReasons are all that the relay writes down, and what others do.
func allReasons() []string {
	all := append(lead.Reasons(), spam.Reasons()...)
	all = append(all, strings.Join(spam.Reasons(), ", "), "", "Property not found", "easybroker: status 500")
	for _, reason := range lead.Reasons() {
		all = append(all, lead.WithStatus(reason, 503), lead.Quote(reason, "no existe"), lead.LookUpFailed(reason),
			lead.ReadableAgain(lead.CredentialHeld, reason), lead.CredentialIs(lead.CredentialDown, reason))
	}
	return all
}

// Whatever others were told has its sentence, in both languages.
func TestEveryDeliveryHasItsSentence(t *testing.T) {
	for _, lang := range []locale.Lang{locale.ES, locale.EN} {
		for _, channel := range []lead.Channel{lead.HookChannel("casas", "https://crm.mx/"), lead.MailChannel("casas", "ana@casas.mx")} {
			for _, notice := range append(lead.Notices(), lead.NoticeWaiting, lead.NoticeArrived) {
				for _, state := range []lead.DeliveryState{lead.DeliveryDue, lead.DeliveryTaken, lead.DeliveryGivenUp} {
					m := words{lang, evening}.delivery(lead.Delivery{Channel: channel, Notice: notice, State: state, At: evening, EndedAt: evening})
					checkWords(t, fmt.Sprintf("%s of %s, %s, in %s", notice, channel.Kind(), state, lang), m.Text)
				}
			}
		}
	}
}

// Every state with every reason has its sentences, in both languages.
func TestEveryStateAndReasonHasItsSentence(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	for _, lang := range []locale.Lang{locale.ES, locale.EN} {
		w := words{lang, evening}
		for _, state := range lead.States() {
			for _, reason := range allReasons() {
				for _, due := range []time.Time{{}, evening.Add(-time.Second), evening.Add(time.Hour)} {
					l := lead.Lead{Inquiry: lead.Inquiry{Site: "casas"}, State: state, Reason: reason, ReceivedAt: evening.Add(-time.Hour), DueAt: due, ConfirmedAt: evening}
					what := fmt.Sprintf("%s (%s) in %s", state, reason, lang)
					for _, m := range w.story(l, nil, nil) {
						checkWords(t, what, m.Text)
					}
					checkWords(t, what, w.stands(l, nil), w.stands(l, &lead.Credential{State: lead.CredentialHeld, Reason: reason}), w.text("state."+string(state)), w.why(l)+".")
				}
			}
		}
	}
}

// Every outcome with every status that EasyBroker gives has its sentences, too.
func TestEveryAttemptHasItsSentence(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	outcomes := []lead.Outcome{"", lead.OutcomeDelivered, lead.OutcomeRefused, lead.OutcomeDeferred, lead.OutcomeUnsure}
	for _, lang := range []locale.Lang{locale.ES, locale.EN} {
		w := words{lang, evening}
		for _, outcome := range outcomes {
			for _, reason := range allReasons() {
				checkWords(t, fmt.Sprintf("%s (%s) in %s", outcome, reason, lang), w.attempt(lead.Attempt{Number: 1, Outcome: outcome, Detail: reason}))
			}
			for _, reason := range lead.Reasons() {
				for status := 200; status < 600; status++ {
					if status > 206 && status < 300 || status > 308 && status < 400 || status > 451 && status < 500 || status > 511 {
						continue
					}
					a := lead.Attempt{Number: 2, BegunAt: evening, EndedAt: evening.Add(time.Second), Outcome: outcome, Status: status, Detail: lead.WithStatus(reason, status)}
					checkWords(t, fmt.Sprintf("%s %d (%s) in %s", outcome, status, reason, lang), w.attempt(a))
				}
			}
		}
	}
}

// No reason is told in the other language.
func TestReasonsAreTranslated(t *testing.T) {
	for _, reason := range append(lead.Reasons(), spam.Reasons()...) {
		require.NotEqual(t, words{locale.ES, evening}.reason(reason), words{locale.EN, evening}.reason(reason), reason)
	}
}

func TestWhatNeedsAPersonHasItsWords(t *testing.T) {
	for _, lang := range []locale.Lang{locale.ES, locale.EN} {
		w := words{lang, evening}
		for _, state := range []string{lead.CredentialHeld, lead.CredentialDown, lead.SitePaused} {
			checkWords(t, state, w.text("trouble."+state, "casas", "x"), alerts.Remedy(w.lang, lead.Alert{Kind: lead.AlertKind(state), Reason: lead.WithStatus(lead.ReasonRedirected, 302)}), w.text("remedy."+state))
		}
		for _, kind := range lead.DriftKinds() {
			d := lead.Drift{ReadAt: evening, Confirmed: 1, Unreadable: []lead.Unreadable{{Sites: []string{"casas"}, Why: lead.WithStatus(lead.ReasonError, 500)}}}
			for _, n := range []int{1, 2} {
				d.Note(kind, lead.Drifted{RemoteID: 7, Site: "casas", State: lead.Confirmed, Fields: lead.Fields()})
				report := w.report(d)
				require.Len(t, report.Findings, 2)
				checkWords(t, string(kind), w.found(d), report.Window, report.Findings[0].Title, report.Findings[0].Remedy, report.Findings[0].Leads[n-1].Detail, report.Findings[1].Title, report.Findings[1].Remedy)
			}
		}
		for month := range 12 {
			checkWords(t, "a month", w.when(time.Date(2025, time.Month(month+1), 1, 0, 0, 0, 0, time.UTC)).Text)
		}
	}
}

// The story is told in the order in which it happened, and says what was left out.
func TestAStory(t *testing.T) {
	at := func(s int) time.Time { return evening.Add(time.Duration(s) * time.Second) }
	l := lead.Lead{
		Inquiry: lead.Inquiry{Site: "casas"}, State: lead.Confirmed, Reason: lead.ReasonTwice, ReceivedAt: at(0), QueuedAt: at(600), DeliveredAt: at(901), ConfirmedAt: at(930),
	}
	attempts := []lead.Attempt{
		{Number: 1, BegunAt: at(1), EndedAt: at(16), Outcome: lead.OutcomeUnsure, Detail: lead.ReasonUnanswered},
		{Number: 5, BegunAt: at(300), EndedAt: at(301), Outcome: lead.OutcomeRefused, Status: 404, Detail: lead.WithStatus(lead.ReasonRefused, 404)},
		{Number: 6, BegunAt: at(900), EndedAt: at(901), Outcome: lead.OutcomeDelivered, Status: 200, Detail: lead.ReasonAccepted},
	}
	want := map[locale.Lang][]string{
		locale.ES: {
			"18:30:00 Llegó de «casas» y se guardó en el disco.",
			"18:30:01 Intento 1: EasyBroker no respondió a tiempo, 15.0 s. Puede haber llegado: se busca antes de enviarlo otra vez.",
			" Hubo 3 intentos más, que ya no se guardan.",
			"18:35:00 Intento 5: EasyBroker no conoce la propiedad (404), 1.0 s. Así no lo va a aceptar.",
			"18:40:00 Volvió a la fila: una persona lo reintentó o lo liberó.",
			"18:45:00 Intento 6: EasyBroker lo aceptó, 1.0 s. Falta verlo en su lista.",
			"18:45:30 Se vio en la lista de EasyBroker: llegó.",
			" Pero está dos veces en EasyBroker.",
		},
		locale.EN: {
			"18:30:00 It came from “casas” and was kept on the disk.",
			"18:30:01 Attempt 1: EasyBroker did not answer in time, 15.0 s. It may have arrived: it is looked for before it is sent again.",
			" There were 3 more attempts, which are not kept any more.",
			"18:35:00 Attempt 5: EasyBroker does not know the property (404), 1.0 s. As it is, it will not be taken.",
			"18:40:00 It was queued again: a person retried or released it.",
			"18:45:00 Attempt 6: EasyBroker took it, 1.0 s. It is still to be seen in its list.",
			"18:45:30 It was seen in EasyBroker's list: it has arrived.",
			" But it is in EasyBroker twice.",
		},
	}
	for lang, want := range want {
		var got []string
		for _, m := range (words{lang, evening}).story(l, attempts, nil) {
			got = append(got, m.At.Text+" "+m.Text)
		}
		require.Equal(t, want, got)
	}
}

func TestTimesForPeople(t *testing.T) {
	w := words{locale.ES, evening}
	for want, at := range map[string]time.Time{
		"":                     {},
		"18:29:59":             evening.Add(-time.Second),
		"18:30:00":             evening.UTC(),
		"28 nov 18:30:00":      evening.AddDate(0, 0, -1),
		"29 nov 2025 18:30:00": evening.AddDate(-1, 0, 0),
	} {
		require.Equal(t, want, w.when(at).Text)
	}
	for want, passed := range map[string]time.Duration{"hace un momento": 59 * time.Second, "hace 1 min": time.Minute, "hace 47 h": 48*time.Hour - 1, "hace 2 días": 48 * time.Hour} {
		require.Equal(t, want, w.since(evening.Add(-passed)))
	}
}
