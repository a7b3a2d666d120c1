package intake_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/flood"
	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

// withDecision returns a relay whose gate decides the same about every lead.
func withDecision(t *testing.T, s flood.Decision) (*relay, *gate) {
	t.Helper()
	d := newRelay(t)
	g := &gate{Gate: openGate(), relay: d, decision: s}
	d.open(intake.New([]site.Site{{ID: "costa", Source: "costa.mx", Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds, SpamThreshold: 100}}, d.keeper,
		intake.Options{Flood: g, Client: func(*http.Request) netip.Addr { return netip.MustParseAddr("198.51.100.7") }}))
	return d, g
}

func TestWhatBecomesOfALeadInAFlood(t *testing.T) {
	tests := map[string]struct {
		decision flood.Decision
		status   int
		log      string
		is       func(t *testing.T, l lead.Lead)
	}{
		"nothing": {flood.Decision{}, 202, "", func(t *testing.T, l lead.Lead) {
			require.Equal(t, lead.Queued, l.State)
			require.Equal(t, l.ReceivedAt, l.DueAt)
		}},
		"it is quarantined": {flood.Decision{Quarantine: true, Over: "sender"}, 202, "more inquiries than one sender gets", func(t *testing.T, l lead.Lead) {
			require.Equal(t, lead.Quarantined, l.State)
			require.Equal(t, lead.ReasonFlood, l.Reason)
			require.Zero(t, l.DueAt)
			require.NotEmpty(t, l.Context)
		}},
		"its turn comes later": {flood.Decision{Delay: 7 * time.Second}, 202, "", func(t *testing.T, l lead.Lead) {
			require.Equal(t, lead.Queued, l.State)
			require.Equal(t, l.ReceivedAt.Add(7*time.Second), l.DueAt)
		}},
		"our own fields alone": {flood.Decision{Bare: true}, 202, "are kept", func(t *testing.T, l lead.Lead) {
			require.Equal(t, lead.Inquiry{
				Site: "costa", PropertyID: "EB-1", Name: "Ana", Email: "ana@ejemplo.mx", Phone: "5512345678", Message: "¿Sigue disponible?",
			}, l.Inquiry)
		}},
		"no room": {flood.Decision{Wait: 90 * time.Second}, 429, "are refused", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, g := withDecision(t, tt.decision)
				w := d.ask("POST", "/f/costa", asked("utm_source", "feria", "recámaras", "3").Encode(), "Content-Type", formType, "Accept", "application/json")
				require.Equal(t, tt.status, w.Code)
				require.Empty(t, g.back)
				require.Contains(t, d.log.String(), tt.log)
				require.NotContains(t, d.log.String(), "ana@")
				if tt.is == nil {
					require.Equal(t, "90", w.Header().Get("Retry-After"))
					require.Empty(t, d.keeper.leads)
					return
				}
				tt.is(t, d.one(t))
				require.Equal(t, netip.MustParseAddr("198.51.100.7"), g.seen[0].From)
				require.Greater(t, g.seen[0].Bytes, g.seen[0].Bare)
				require.False(t, g.seen[0].Quarantined)
			})
		})
	}
}

// Rubbish costs the site nothing: it does not reach the gate. What a lead has cost is
// given back if it was not kept or is a repeat, and the gate knows which leads are spam.
func TestWhatCostsTheSiteNothing(t *testing.T) {
	d, g := withDecision(t, flood.Decision{Delay: time.Second})
	for status, post := range map[int][2]string{400: {jsonType, "{"}, 415: {"text/xml", "<a/>"}, 422: {formType, "x=1"}, 413: {formType, string(make([]byte, 70_000))}} {
		require.Equal(t, status, d.ask("POST", "/f/costa", post[1], "Content-Type", post[0], "Accept", "application/json").Code)
	}
	require.Empty(t, g.seen)

	require.Equal(t, 202, d.submit(asked("_gotcha", "x")))
	require.True(t, g.seen[0].Quarantined)
	require.Equal(t, 202, d.submit(asked()))
	require.Empty(t, g.back)
	d.keeper.again = true
	require.Equal(t, 202, d.submit(asked()))
	require.Len(t, g.back, 1)
	d.keeper.again, d.keeper.fails = false, http.ErrAbortHandler
	require.Equal(t, 503, d.submit(asked()))
	require.Len(t, g.back, 2)
}

// The log tells the operator once a minute.
func TestAFloodIsNotAFloodOfLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := withDecision(t, flood.Decision{Quarantine: true})
		told := func() int { return strings.Count(d.log.String(), `"message":"flood"`) }
		for range 30 {
			require.Equal(t, 202, d.submit(asked()))
		}
		require.Equal(t, 1, told())
		time.Sleep(time.Minute)
		require.Equal(t, 202, d.submit(asked()))
		require.Equal(t, 2, told())
	})
}
