package console_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// counted is a store with fixed counts.
type counted struct {
	counts  []lead.Count
	odd     map[string]int
	reports [][]byte
	err     error
	asked   int
}

func (c *counted) Counts(context.Context) ([]lead.Count, error) { c.asked++; return c.counts, c.err }
func (c *counted) Odd(context.Context) (map[string]int, error)  { return c.odd, c.err }
func (c *counted) Reports(context.Context, int) ([][]byte, int, error) {
	return c.reports, 0, c.err
}
func (c *counted) Free() (int64, error)                   { return 4096, c.err }
func (c *counted) Now(context.Context) (time.Time, error) { return time.Now(), c.err }

func TestWhatIsStuckIsANumber(t *testing.T) {
	c := &counted{
		counts: []lead.Count{
			{Site: "casas", State: lead.Queued, Leads: 3, Oldest: time.Now().Add(-time.Hour)},
			{Site: "casas", State: lead.Failed, Leads: 2, Oldest: time.Now()},
		},
		odd:     map[string]int{lead.ReasonMissing: 1},
		reports: [][]byte{[]byte(`{"only_there":[{},{}],"unreadable":[{}]}`)},
	}
	g := console.NewGauges(c, func() []lead.Credential {
		return []lead.Credential{
			{Sites: []string{"casas", "lofts"}, State: lead.CredentialHeld, Reason: "status 401"},
			{Sites: []string{"lofts"}, State: lead.SitePaused},
			{Sites: []string{"casas"}, State: lead.SitePausedByHand, Reason: "mantenimiento"},
		}
	})
	require.NoError(t, testutil.CollectAndCompare(g, strings.NewReader(`
# HELP leadrelay_leads Leads, by site and state.
# TYPE leadrelay_leads gauge
leadrelay_leads{site="casas",state="failed"} 2
leadrelay_leads{site="casas",state="queued"} 3
# HELP leadrelay_leads_odd Leads that a person should look at though they are delivered: missing from EasyBroker's list, or there twice.
# TYPE leadrelay_leads_odd gauge
leadrelay_leads_odd{reason="missing"} 1
leadrelay_leads_odd{reason="twice"} 0
# HELP leadrelay_credential_state 1 for the state in which a credential is: working, resting, down (the breaker is open) or held (EasyBroker refuses it).
# TYPE leadrelay_credential_state gauge
leadrelay_credential_state{sites="casas,lofts",state="down"} 0
leadrelay_credential_state{sites="casas,lofts",state="held"} 1
leadrelay_credential_state{sites="casas,lofts",state="resting"} 0
leadrelay_credential_state{sites="casas,lofts",state="working"} 0
# HELP leadrelay_site_paused 1 for a site whose leads EasyBroker refuses one after the other, whatever their property.
# TYPE leadrelay_site_paused gauge
leadrelay_site_paused{site="lofts"} 1
# HELP leadrelay_site_paused_by_hand 1 for a site that a person has paused.
# TYPE leadrelay_site_paused_by_hand gauge
leadrelay_site_paused_by_hand{site="casas"} 1
# HELP leadrelay_drift What the last reconciliation found, by kind; absent before the first.
# TYPE leadrelay_drift gauge
leadrelay_drift{kind="differing"} 0
leadrelay_drift{kind="only_here"} 0
leadrelay_drift{kind="only_there"} 2
leadrelay_drift{kind="twice"} 0
leadrelay_drift{kind="unreadable"} 1
# HELP leadrelay_disk_free_bytes Free space where the database lies.
# TYPE leadrelay_disk_free_bytes gauge
leadrelay_disk_free_bytes 4096
`), "leadrelay_leads", "leadrelay_leads_odd", "leadrelay_credential_state", "leadrelay_site_paused", "leadrelay_site_paused_by_hand", "leadrelay_drift", "leadrelay_disk_free_bytes"))
	require.InDelta(t, 3600, oldest(t, g), 5)
	require.Equal(t, 1, c.asked, "a million leads are not counted for each look")
}

// oldest returns the age of the lead that has waited longest.
func oldest(t *testing.T, g *console.Gauges) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(g)
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "leadrelay_oldest_waiting_seconds" {
			require.Len(t, f.GetMetric(), 1, "a failed lead does not wait")
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}

func TestWhatCannotBeCountedIsAbsent(t *testing.T) {
	g := console.NewGauges(&counted{err: errors.New("disk I/O error")}, func() []lead.Credential { return nil })
	require.Zero(t, testutil.CollectAndCount(g))
}
