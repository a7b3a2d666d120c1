package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/config"
	"leadrelay/internal/e2e/relaytest"
	"leadrelay/internal/lead"
	"leadrelay/internal/server"
)

// measured returns the labels of all metrics of a relay, by their names.
func measured(t *testing.T) map[string][]string {
	t.Helper()
	env := relaytest.Settings(t, "127.0.0.1:1")
	d := openDoors(t, env)
	cfg, err := config.Load(env, config.Open)
	require.NoError(t, err)
	metrics := server.NewMetrics("test")
	s, err := newGeneration(cfg, d.relay, metrics, zerolog.Nop())
	require.NoError(t, err)
	all := map[string][]string{}
	shape := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([^}]*)\}`)
	for _, c := range append([]prometheus.Collector{described{metrics}, newReloadFailed()}, s.collectors...) {
		descs := make(chan *prometheus.Desc, 1000)
		c.Describe(descs)
		close(descs)
		for desc := range descs {
			m := shape.FindStringSubmatch(desc.String())
			require.NotNil(t, m, desc.String())
			all[m[1]] = strings.Split(m[2], ",")
		}
	}
	require.Contains(t, all, "leadrelay_leads")
	return all
}

// described is what metrics that are described lack of a collector.
type described struct{ *server.Metrics }

func (described) Collect(chan<- prometheus.Metric) {}

// A rule or a panel about a metric that is not there, or has no such label, shows nothing,
// and nothing says so.
func TestWhatIsAskedIsMeasured(t *testing.T) {
	all := measured(t)
	names, labels := regexp.MustCompile(`\bleadrelay_\w+`), regexp.MustCompile(`\b(leadrelay_\w+)\{([^}]*)\}`)
	label := regexp.MustCompile(`(\w+)\s*(?:=~|!=|=)`)
	base := func(name string) string {
		for _, end := range []string{"_bucket", "_count", "_sum"} {
			if _, ok := all[strings.TrimSuffix(name, end)]; ok {
				return strings.TrimSuffix(name, end)
			}
		}
		return name
	}
	for _, file := range []string{"prometheus/rules.yaml", "prometheus/rules_test.yaml", "grafana/leadrelay.json"} {
		data, err := os.ReadFile("../../deploy/" + file)
		require.NoError(t, err)
		text := strings.ReplaceAll(string(data), `\"`, `"`)
		found := names.FindAllString(text, -1)
		require.NotEmpty(t, found, file)
		for _, name := range found {
			require.Contains(t, all, base(name), file)
		}
		for _, m := range labels.FindAllStringSubmatch(text, -1) {
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				require.Contains(t, all[base(m[1])], l[1], "%s of %s", m[1], file)
			}
		}
	}
	readme, err := os.ReadFile("../../deploy/README.md")
	require.NoError(t, err)
	for name := range all {
		if strings.HasPrefix(name, "leadrelay_") {
			require.Contains(t, string(readme), "`"+name, "the table of metrics")
		}
	}
}

// Whoever is called finds a paragraph for each kind of alert.
func TestEachAlertHasItsRunbook(t *testing.T) {
	text, err := os.ReadFile("../../deploy/runbook.md")
	require.NoError(t, err)
	headings := regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(text), -1)
	var all []string
	for _, h := range headings {
		require.NotContains(t, all, h[1], "an anchor leads to the first")
		all = append(all, h[1])
	}
	for _, kind := range lead.AlertKinds() {
		require.True(t, slices.Contains(all, string(kind)), kind)
	}
}
