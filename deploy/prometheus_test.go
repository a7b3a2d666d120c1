package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// promtool runs Prometheus's own tool in a folder.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestTheRulesTellOfWhatTheyShould(t *testing.T) {
	promtool(t, "prometheus", "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
	promtool(t, "prometheus", "test", "rules", "rules_test.yaml")
}

// rules are those of the file.
func rules(t *testing.T) (all []struct {
	Alert       string
	Annotations map[string]string
}) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations map[string]string
			}
		}
	}
	text, err := os.ReadFile("prometheus/rules.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &file))
	return file.Groups[0].Rules
}

// Each rule has examples of when it fires and when not, and a paragraph of the runbook.
func TestEachRuleIsExplained(t *testing.T) {
	examples, err := os.ReadFile("prometheus/rules_test.yaml")
	require.NoError(t, err)
	runbook, err := os.ReadFile("runbook.md")
	require.NoError(t, err)
	all := rules(t)
	require.Len(t, all, 11)
	for _, r := range all {
		require.Regexp(t, `alertname: `+r.Alert+`\}`, string(examples), "it does not fire if all is well")
		require.Regexp(t, `alertname: `+r.Alert+`\n\s+exp_alerts:`, string(examples))
		file, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
		require.Equal(t, "runbook.md", file)
		if anchor != "{{ $labels.kind }}" { // the kinds of alerts have theirs, which the command's tests see to
			require.Regexp(t, `(?m)^## `+anchor+`$`, string(runbook))
		}
	}
}

// Whatever the dashboard asks is what Prometheus understands.
func TestTheDashboard(t *testing.T) {
	var board struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, RefID string }
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	text, err := os.ReadFile("grafana/leadrelay.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &board))
	require.Equal(t, "leadrelay", board.UID)
	ids, exprs := map[int]bool{}, []string{}
	for _, p := range board.Panels {
		require.False(t, ids[p.ID], p.Title)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		ids[p.ID] = true
		for _, q := range p.Targets {
			exprs = append(exprs, q.Expr)
		}
	}
	for _, a := range board.Annotations.List {
		exprs = append(exprs, a.Expr)
	}
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	all := make([]rule, len(exprs))
	for i, expr := range exprs {
		all[i] = rule{"asked:" + strings.Repeat("x", i+1), regexp.MustCompile(`\$site`).ReplaceAllString(expr, "casas|lofts")}
	}
	asked, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": all}}})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "asked.yaml"), asked, 0o600))
	promtool(t, dir, "check", "rules", "asked.yaml")
}
