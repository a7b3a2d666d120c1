package intake_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

// question is a call of CheckMail.
type question struct {
	lead   lead.Lead
	dueAt  time.Time
	reason string
}

// doubting returns a relay that checks mail domains. A bad token is a strong sign of
// spam.
func doubting(t *testing.T, threshold int) (*relay, *[]question) {
	t.Helper()
	d, heard := newRelay(t), &[]question{}
	s := site.Site{ID: "costa", Source: "costa.mx", Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds, SpamThreshold: threshold}
	isBad := func(_ context.Context, token string) (bool, error) { return token == "bad", nil }
	d.open(intake.New([]site.Site{s}, d.keeper, intake.Options{
		Captchas:  map[string]intake.Captcha{"costa": {Field: "token", Refuses: isBad}},
		CheckMail: func(l lead.Lead, dueAt time.Time, reason string) { *heard = append(*heard, question{l, dueAt, reason}) },
	}))
	return d, heard
}

func TestOnlyALeadThatHangsByItsMailDomainIsDelayed(t *testing.T) {
	tests := map[string]struct {
		threshold int
		form      []string
		delayed   bool
		want      lead.State
	}{
		"one sign short of the line":  {100, []string{"token", "bad"}, true, lead.Queued},
		"nothing speaks against it":   {100, nil, false, lead.Queued},
		"too little does":             {100, []string{"name", "JamesTup"}, false, lead.Queued},
		"enough does already":         {100, []string{"token", "bad", "_gotcha", "x"}, false, lead.Quarantined},
		"a large mail service":        {100, []string{"token", "bad", "email", "ana@gmail.com"}, false, lead.Queued},
		"a finger slipped":            {100, []string{"token", "bad", "email", "ana@hotmail.con"}, false, lead.Queued},
		"a site that wants more":      {120, []string{"token", "bad"}, false, lead.Queued},
		"a site that wants little":    {20, nil, false, lead.Queued}, // the sign is never enough alone
		"a site that takes anything":  {0, []string{"token", "bad"}, false, lead.Queued},
		"a site that takes even that": {0, []string{"_gotcha", "x"}, false, lead.Queued},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, heard := doubting(t, tt.threshold)
			require.Equal(t, 202, d.submit(asked(tt.form...)))
			l := d.one(t)
			require.Equal(t, tt.want, l.State)
			if !tt.delayed {
				require.Empty(t, *heard)
				if wait := l.DueAt.Sub(l.ReceivedAt); l.MeantEmail() != "" {
					require.Equal(t, time.Minute, wait, "its visitor may set it right")
				} else if tt.want == lead.Queued {
					require.Zero(t, wait, "it is due at once")
				}
				return
			}
			require.Empty(t, l.Reason)
			require.Equal(t, l.ReceivedAt, l.QueuedAt, "its deadline does not wait")
			require.Equal(t, 10*time.Second, l.DueAt.Sub(l.ReceivedAt))
			l.RemoteID = 28_339_200_001
			require.Equal(t, []question{{l, l.DueAt, "captcha, no_mail"}}, *heard)
		})
	}
}

// A lead is known by the time at which the store has it due, whose clock may differ.
func TestADelayedLeadIsDueByTheStoresClock(t *testing.T) {
	d, heard := doubting(t, 100)
	d.keeper.ahead = time.Hour
	require.Equal(t, 202, d.submit(asked("token", "bad")))
	require.Len(t, *heard, 1)
	require.Equal(t, d.one(t).DueAt, (*heard)[0].lead.DueAt)
	require.Equal(t, d.one(t).DueAt.Add(time.Hour), (*heard)[0].dueAt)
}

// The answer does not tell the sender, and the log does not tell whose domain it was.
func TestADelayedLeadIsAnsweredLikeAnyOther(t *testing.T) {
	d, heard := doubting(t, 100)
	plain := d.ask("POST", "/f/costa", asked().Encode(), "Content-Type", formType, "Accept", "application/json")
	delayed := d.ask("POST", "/f/costa", asked("token", "bad").Encode(), "Content-Type", formType, "Accept", "application/json")
	require.Len(t, *heard, 1)
	require.Equal(t, plain.Code, delayed.Code)
	require.Equal(t, plain.Header(), delayed.Header())
	ids := strings.NewReplacer("28339200001", "N", "28339200002", "N")
	require.Equal(t, ids.Replace(plain.Body.String()), ids.Replace(delayed.Body.String()))
	require.Contains(t, d.log.String(), `"spam":80`)
	require.NotContains(t, d.log.String(), "ejemplo.mx")
}

// No domain is checked for a lead that is not on disk.
func TestOnlyAKeptLeadIsAskedAbout(t *testing.T) {
	d, heard := doubting(t, 100)
	d.keeper.fails = errors.New("disk full")
	require.Equal(t, 503, d.submit(asked("token", "bad")))
	require.Empty(t, *heard)
}

func TestWithoutAnybodyToAskNoLeadIsDelayed(t *testing.T) {
	d := guarded(t, 100, &intake.Captcha{Field: "token", Refuses: func(context.Context, string) (bool, error) { return true, nil }})
	require.Equal(t, 202, d.submit(asked()))
	l := d.one(t)
	require.Equal(t, l.ReceivedAt, l.DueAt)
}
