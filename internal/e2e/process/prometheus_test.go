package process

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/fakebroker"
)

// monitor is a Prometheus that scrapes a relay each second.
type monitor struct {
	t       *testing.T
	client  *http.Client
	address string
	out     relaytest.Lines
}

// startMonitor starts Prometheus with our rules, as deploy/README.md says. What they wait for
// is a second here.
func startMonitor(t *testing.T, p *relaytest.Process) *monitor {
	t.Helper()
	m, dir := &monitor{t: t, client: relaytest.NewClient(t), address: relaytest.FreeAddr(t)}, t.TempDir()
	rules, err := os.ReadFile("../../../deploy/prometheus/rules.yaml")
	require.NoError(t, err)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("leadrelay-rules.yml", regexp.MustCompile(`for: \d+m`).ReplaceAllString(string(rules), "for: 1s"))
	write("leadrelay-token", p.Token)
	write("prometheus.yml", `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [leadrelay-rules.yml]
scrape_configs:
  - job_name: leadrelay
    authorization: {credentials_file: leadrelay-token}
    static_configs: [{targets: ["`+p.Operator+`"]}]
`)
	cmd := exec.CommandContext(t.Context(), "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+m.address)
	cmd.Stdout, cmd.Stderr = &m.out, &m.out
	require.NoError(t, cmd.Start(), "deploy/test-deps.sh installs Prometheus")
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return m
}

// ask returns what Prometheus's API says, or false if it does not answer yet.
func (m *monitor) ask(path string, into any) bool {
	m.t.Helper()
	resp, err := m.client.Get("http://" + m.address + path)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(m.t, err)
	if resp.StatusCode != http.StatusOK {
		return false // it starts
	}
	var answer struct{ Data json.RawMessage }
	require.NoError(m.t, json.Unmarshal(text, &answer))
	require.NoError(m.t, json.Unmarshal(answer.Data, into), string(text))
	return true
}

// firing are the annotations of the alerts that fire.
func (m *monitor) firing() map[string]map[string]string {
	m.t.Helper()
	var says struct {
		Alerts []struct {
			State               string
			Labels, Annotations map[string]string
		}
	}
	firing := map[string]map[string]string{}
	_ = m.ask("/api/v1/alerts", &says)
	for _, a := range says.Alerts {
		if a.State == "firing" {
			firing[a.Labels["alertname"]] = a.Annotations
		}
	}
	return firing
}

// fires waits for an alert, and returns what it says.
func (m *monitor) fires(name string) map[string]string {
	m.t.Helper()
	var firing map[string]map[string]string
	if !relaytest.Poll(func() bool { firing = m.firing(); return firing[name] != nil }) {
		require.Fail(m.t, name+" does not fire", "%v\n%s", slices.Sorted(maps.Keys(firing)), m.out.String())
	}
	return firing[name]
}

// A relay whose EasyBroker is in trouble says so to a real Prometheus, whose alerts fire and
// end. A relay that is gone is known, too.
func TestPrometheusSeesARelayInTrouble(t *testing.T) {
	t.Parallel() // it waits for most of its time
	broker, address := relaytest.StartBroker(t)
	env := relaytest.Settings(t, address)
	env["LEADRELAY_ALERTS"] = "generic+http://127.0.0.1:1/" // its failures are counted
	p := relaytest.Start(t, env, "serve").Started()
	m := startMonitor(t, p)
	relaytest.Eventually(t, "it scrapes", func() bool { return m.number("up") == 1 })
	require.Empty(t, m.firing(), "all is well")

	broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "status", Status: http.StatusUnauthorized}}})
	code, _, _ := relaytest.Inquire(p.Client, p.Public, "EB-1", "Hola")
	require.Equal(t, http.StatusAccepted, code)
	require.Equal(t, map[string]string{"summary": "EasyBroker refuses the key of default. Leads are kept; rotate the key.", "runbook_url": "runbook.md#held"},
		m.fires("LeadrelayKeyHeld"))
	broker.Misbehave(fakebroker.Faults{})
	p.Settled()
	relaytest.Eventually(t, "it is over", func() bool { return m.firing()["LeadrelayKeyHeld"] == nil })

	broker.Misbehave(fakebroker.Faults{Trouble: []fakebroker.Trouble{{Do: "status", Status: http.StatusServiceUnavailable}}})
	for i := range 6 {
		code, _, _ = relaytest.Inquire(p.Client, p.Public, "EB-"+strconv.Itoa(2+i), "Hola")
		require.Equal(t, http.StatusAccepted, code)
	}
	require.Contains(t, m.fires("LeadrelayBrokerDown")["summary"], "go out when it does")

	m.knowsAll(t)
	p.Kill()
	require.Equal(t, "runbook.md#leadrelaydown", m.fires("LeadrelayDown")["runbook_url"])
}

// number is the first value of a query, or -1.
func (m *monitor) number(query string) float64 {
	m.t.Helper()
	var says struct{ Result []struct{ Value [2]any } }
	if !m.ask("/api/v1/query?query="+url.QueryEscape(query), &says) || len(says.Result) == 0 {
		return -1
	}
	n, err := strconv.ParseFloat(says.Result[0].Value[1].(string), 64) //nolint:forcetypeassert // Prometheus documents it
	require.NoError(m.t, err)
	return n
}

// knowsAll wants each metric that the rules and the dashboard name in what Prometheus has
// got of the relay, but for those that come with what has not happened here.
func (m *monitor) knowsAll(t *testing.T) {
	t.Helper()
	unmet := []string{"leadrelay_deliveries_total", "leadrelay_drift", "leadrelay_refusals_total", "leadrelay_site_paused", "leadrelay_site_paused_by_hand"}
	named := map[string]string{}
	for _, file := range []string{"prometheus/rules.yaml", "grafana/leadrelay.json"} {
		text, err := os.ReadFile("../../../deploy/" + file)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\bleadrelay_\w+`).FindAllString(string(text), -1) {
			named[name] = file
		}
	}
	for name, file := range named {
		if !slices.Contains(unmet, name) {
			relaytest.Eventually(t, name+" of "+file, func() bool {
				var known []string
				return m.ask("/api/v1/label/__name__/values", &known) && slices.Contains(known, name)
			})
		}
	}
}
