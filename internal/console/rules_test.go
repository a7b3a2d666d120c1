package console_test

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// A rule about a metric that is not there, or has no such label, never fires, and nothing
// says so.
func TestEachAlertIsAboutWhatIsMeasured(t *testing.T) {
	stuck := console.NewGauges(
		&counted{counts: []lead.Count{{Site: "casas", State: lead.Queued, Leads: 1, Oldest: time.Now()}}},
		func() []lead.Credential {
			return []lead.Credential{{Sites: []string{"casas"}, State: lead.CredentialHeld}, {Sites: []string{"casas"}, State: lead.SitePaused}, {Sites: []string{"casas"}, State: lead.SitePausedByHand}}
		})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(stuck)
	families, err := registry.Gather()
	require.NoError(t, err)
	measured := map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			measured[f.GetName()] = true
			for _, l := range m.GetLabel() {
				measured[f.GetName()+" "+l.GetName()] = true
				measured[f.GetName()+" "+l.GetName()+"="+l.GetValue()] = true
			}
		}
	}

	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	text, err := os.ReadFile("../../deploy/prometheus/rules.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.Len(t, file.Groups, 1)
	about := 0
	for _, r := range file.Groups[0].Rules {
		m := regexp.MustCompile(`^(\w+)(?:\{(\w+)="(\w+)"\})? (?:==|<|>) [0-9e]+(?: unless on \((\w+)\) (\w+) == 1)?$`).FindStringSubmatch(r.Expr)
		if m == nil {
			require.NotRegexp(t, `leadrelay_(leads\b|oldest|credential|site|drift|disk)`, r.Expr, "it is about none of these")
			continue
		}
		if m[5] != "" { // both have the label
			require.Contains(t, measured, m[1]+" "+m[4], r.Alert)
			require.Contains(t, measured, m[5]+" "+m[4], r.Alert)
		}
		if m[1] == "up" || m[1] == "leadrelay_alerts" || m[1] == "leadrelay_reload_failed" { // which are others'
			continue
		}
		about++
		require.Contains(t, measured, m[1], r.Alert)
		if m[2] != "" {
			require.Contains(t, measured, m[1]+" "+m[2]+"="+m[3], r.Alert)
		}
		for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(r.Annotations["summary"], -1) {
			require.Contains(t, measured, m[1]+" "+label[1], r.Alert)
		}
	}
	require.Equal(t, 5, about)
}
