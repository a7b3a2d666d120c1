package intake_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
	"leadrelay/internal/spam"
)

// guarded returns a relay for a site that quarantines spam.
func guarded(t *testing.T, threshold int, captcha *intake.Captcha) *relay {
	t.Helper()
	d := newRelay(t)
	opt := intake.Options{}
	if captcha != nil {
		opt.Captchas = map[string]intake.Captcha{"costa": *captcha}
	}
	d.guard(t, threshold, opt)
	return d
}

// guard opens the relay anew for such a site.
func (d *relay) guard(t *testing.T, threshold int, opt intake.Options) {
	t.Helper()
	s := site.Site{
		ID: "costa", Source: "costa.mx", Origins: origins(t, "https://costa.mx:8443", "https://*.casas.mx"), Locale: "es",
		Rules: lead.DefaultRules(), Tick: lead.Milliseconds, SpamThreshold: threshold,
	}
	d.open(intake.New([]site.Site{s}, d.keeper, opt))
}

// asked returns a good form with some fields changed. Names and values alternate.
func asked(change ...string) url.Values {
	form := url.Values{"property_id": {"EB-1"}, "name": {"Ana"}, "email": {"ana@ejemplo.mx"}, "phone": {"5512345678"}, "message": {"¿Sigue disponible?"}}
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return form
}

func (d *relay) submit(form url.Values) int {
	return d.ask("POST", "/f/costa", form.Encode(), "Content-Type", formType, "Accept", "application/json").Code
}

func TestSpamIsSetApartAndAnsweredLikeAnyOther(t *testing.T) {
	const pitch = "Get quality SEO backlinks https://spin.top/a http://spin.top/b https://spin.top/c"
	tests := map[string]struct {
		form   url.Values
		reason string // empty if it is queued
	}{
		"a person":                                {asked(), ""},
		"a honeypot":                              {asked("_gotcha", "x"), "honeypot"},
		"another one":                             {asked("bot-field", "http://x"), "honeypot"},
		"one within another field":                {asked("fields[_honey]", "x"), "honeypot"},
		"one that a password manager filled in":   {asked("_honey", "ana@ejemplo.mx"), ""},
		"one that a browser filled in":            {asked("_gotcha", "55 1234 5678"), ""},
		"an empty one":                            {asked("_gotcha", " "), ""},
		"a control field that is none":            {asked("_subject", "Casa"), ""},
		"a link for a name":                       {asked("name", "www.spin.top"), "link_in_name"},
		"a pitch":                                 {asked("message", pitch), "links"},
		"a link to the site":                      {asked("message", "Vi https://www.casas.mx/propiedad/1 y https://costa.mx/2, ¿siguen?"), ""},
		"an attack, which is kept as it is (B13)": {asked("message", "<script>alert(1)</script>"), ""},
		"somebody called Null (B15)":              {asked("name", "Null", "message", "undefined"), ""},
		"somebody called Test (B15)":              {asked("name", "Test", "message", "test"), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := guarded(t, 100, nil)
			w := d.ask("POST", "/f/costa", tt.form.Encode(), "Content-Type", formType)
			require.Equal(t, 303, w.Code)
			require.Contains(t, w.Header().Get("Location"), "/thanks?folio=")
			l := d.one(t)
			require.Equal(t, tt.form.Get("message"), l.Message)
			if tt.reason == "" {
				require.Equal(t, lead.Queued, l.State)
				require.Empty(t, l.Reason)
				require.Equal(t, l.ReceivedAt, l.DueAt)
				return
			}
			require.Equal(t, lead.Quarantined, l.State)
			require.Contains(t, l.Reason, tt.reason)
			require.Zero(t, l.DueAt, "it goes nowhere by itself")
			require.Contains(t, d.log.String(), `"spam":`)
		})
	}
}

func TestTheThresholdIsTheSites(t *testing.T) {
	weak := asked("email", "ana@yopmail.com") // one moderate sign
	for threshold, want := range map[int]lead.State{0: lead.Queued, 50: lead.Quarantined, 100: lead.Queued} {
		d := guarded(t, threshold, nil)
		require.Equal(t, 202, d.submit(weak))
		require.Equal(t, want, d.one(t).State, threshold)
	}
	d := guarded(t, 0, nil)
	require.Equal(t, 202, d.submit(asked("_gotcha", "x")))
	require.Equal(t, lead.Queued, d.one(t).State, "off is off")
}

// An invalid inquiry gets the same 422 as any other, and its captcha is not verified.
func TestFieldsComeBeforeSpam(t *testing.T) {
	d := guarded(t, 100, &intake.Captcha{Field: "x", Refuses: func(context.Context, string) (bool, error) {
		t.Error("asked too early")
		return false, nil
	}})
	require.Equal(t, 422, d.submit(asked("_gotcha", "x", "email", "ana")))
	require.Empty(t, d.keeper.leads)
}

func TestTheTimeThatAFormTakes(t *testing.T) {
	tests := map[string]struct {
		wait  time.Duration
		stamp func(string) string // changes the form's stamp
		want  lead.State
	}{
		"in 200 ms":                {200 * time.Millisecond, nil, lead.Quarantined},
		"as a person":              {8 * time.Second, nil, lead.Queued},
		"in a tab of yesterday":    {25 * time.Hour, nil, lead.Queued},
		"without a time":           {0, func(string) string { return "" }, lead.Queued},
		"with a forged time":       {0, func(s string) string { return "1" + s }, lead.Queued},
		"with a forged signature":  {0, func(s string) string { return s + "0" }, lead.Queued},
		"with the time of another": {0, func(string) string { return "mwuw7u5j.a843d1dc7224e0ba" }, lead.Queued},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := guarded(t, 100, nil)
				form := formOf(t, d.ask("GET", "/f/costa?property_id=EB-1", ""))
				form.Set("email", "ana@ejemplo.mx")
				form.Set("message", "Hola")
				if tt.stamp != nil {
					form.Set("_shown", tt.stamp(form.Get("_shown")))
				}
				time.Sleep(tt.wait)
				require.Equal(t, 202, d.submit(form))
				require.Equal(t, tt.want, d.one(t).State, d.one(t).Reason)
			})
		})
	}
}

// A load balancer shows a form from one replica and posts it to another, or the relay
// starts anew meanwhile. The clock of one of them is an hour off.
func TestAFormThatAnotherReplicaHasShown(t *testing.T) {
	secret := []byte("of the database")
	for name, test := range map[string]struct {
		wait   time.Duration
		secret []byte // of the other
		want   lead.State
	}{
		"in 200 ms":                    {200 * time.Millisecond, secret, lead.Quarantined},
		"as a person":                  {8 * time.Second, secret, lead.Queued},
		"shown by somebody else":       {200 * time.Millisecond, []byte("of another"), lead.Queued},
		"shown by one without secrets": {200 * time.Millisecond, nil, lead.Queued},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := newRelay(t), newRelay(t)
				shared := func() time.Time { return time.Now().Add(time.Hour) } // which is the database's
				here.guard(t, 100, intake.Options{Secret: secret, Now: shared})
				there.guard(t, 100, intake.Options{Secret: test.secret, Now: shared})
				form := formOf(t, there.ask("GET", "/f/costa?property_id=EB-1", ""))
				form.Set("email", "ana@ejemplo.mx")
				form.Set("message", "Hola")
				time.Sleep(test.wait)
				require.Equal(t, 202, here.submit(form))
				require.Equal(t, test.want, here.one(t).State, here.one(t).Reason)
			})
		})
	}
}

// The page was open for hours, and the inquiry waited in it until there was a network
// again. It is one post, kept with the time that the page gives.
func TestAnInquiryThatWasWrittenOffline(t *testing.T) {
	const written = "client_submitted_at"
	for _, at := range []string{"2026-11-24T09:30:00-06:00", "2026-11-24T15:30:00Z", "1795534200000", "hace rato"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := guarded(t, spam.DefaultThreshold, nil)
				form := formOf(t, d.ask("GET", "/f/costa?property_id=EB-1", ""))
				time.Sleep(3 * time.Hour)
				for name, value := range map[string]string{"email": "ana@ejemplo.mx", "message": "Hola", "_submission_id": "8e03978e", written: at} {
					form.Set(name, value)
				}
				require.Equal(t, 202, d.submit(form))
				l := d.one(t)
				require.Equal(t, lead.Queued, l.State, l.Reason)
				require.Equal(t, []lead.Pair{{Name: written, Value: at}}, l.Extra)
				require.Equal(t, time.Now(), l.ReceivedAt, "which is ours to say")
				require.NotContains(t, d.log.String(), `"spam":`)
			})
		})
	}
}

func TestCaptcha(t *testing.T) {
	tests := map[string]struct {
		token   string
		refused bool
		err     error
		message string
		want    lead.State
	}{
		"a good token":                        {"t", false, nil, "¿Sigue disponible?", lead.Queued},
		"a bad one alone":                     {"t", true, nil, "¿Sigue disponible?", lead.Queued},
		"a bad one and another sign":          {"t", true, nil, "Quality SEO backlinks", lead.Quarantined},
		"none and another sign":               {"", true, nil, "Quality SEO backlinks", lead.Quarantined},
		"a verifier that is down":             {"t", false, errors.New("captcha: down"), "¿Sigue disponible?", lead.Queued},
		"a verifier that is down, and a sign": {"t", false, errors.New("captcha: down"), "Un saludo", lead.Queued},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var seen []string
			d := guarded(t, 100, &intake.Captcha{Field: "cf-turnstile-response", Refuses: func(_ context.Context, token string) (bool, error) {
				seen = append(seen, token)
				return tt.refused, tt.err
			}})
			require.Equal(t, 202, d.submit(asked("cf-turnstile-response", tt.token, "message", tt.message)))
			require.Equal(t, []string{tt.token}, seen, "once")
			require.Equal(t, tt.want, d.one(t).State, d.one(t).Reason)
			require.Equal(t, tt.err != nil, strings.Contains(d.log.String(), "captcha not verified"))
		})
	}
}

func TestABusySenderIsASign(t *testing.T) {
	d := newRelay(t)
	s := site.Site{ID: "costa", Source: "costa.mx", Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds, SpamThreshold: 80}
	g := &gate{Gate: openGate(), relay: d}
	d.open(intake.New([]site.Site{s}, d.keeper, intake.Options{Flood: g, Client: func(*http.Request) netip.Addr { return netip.Addr{} }}))
	require.Equal(t, 202, d.submit(asked("email", "ana@yopmail.com")))
	g.busy = true
	require.Equal(t, 202, d.submit(asked("email", "ana@yopmail.com")))
	require.Equal(t, lead.Queued, d.keeper.leads[0].State)
	require.Equal(t, lead.Quarantined, d.keeper.leads[1].State)
	require.Contains(t, d.keeper.leads[1].Reason, "busy")
}

// The same long text, without a word about a property, comes over and over.
func TestATextThatKeepsComingIsASign(t *testing.T) {
	d := guarded(t, 100, nil)
	const text = "Somos una empresa con muchos años y queremos presentarnos con ustedes, escriban a https://spin.mx/x"
	for i := range 10 {
		require.Equal(t, 202, d.submit(asked("message", text, "email", fmt.Sprintf("ana%d@ejemplo.mx", i))))
	}
	first, last := d.keeper.leads[0], d.keeper.leads[9]
	require.NotContains(t, first.Reason, "repeated")
	require.Equal(t, lead.Quarantined, last.State)
	require.Contains(t, last.Reason, "repeated")
}
