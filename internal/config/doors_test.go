package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenDoorsAreToldOf(t *testing.T) {
	for name, tt := range map[string]struct {
		variable, value string
		told            int
	}{
		"all proxies":         {"LEADRELAY_TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0", 1},
		"all of IPv6":         {"LEADRELAY_TRUSTED_PROXIES", "::/0", 1},
		"all, in halves":      {"LEADRELAY_TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1", 1},
		"all that is in use":  {"LEADRELAY_TRUSTED_PROXIES", "2000::/3", 1},
		"private networks":    {"LEADRELAY_TRUSTED_PROXIES", "10.0.0.0/8,fc00::/7,127.0.0.0/8", 0},
		"a network":           {"LEADRELAY_TRUSTED_PROXIES", "10.0.0.0/8", 0},
		"every address":       {"LEADRELAY_OPERATOR_ADDR", ":9090", 1},
		"every address of v4": {"LEADRELAY_OPERATOR_ADDR", "0.0.0.0:9090", 1},
		"a public one":        {"LEADRELAY_OPERATOR_ADDR", "203.0.113.7:9090", 1},
		"a private one":       {"LEADRELAY_OPERATOR_ADDR", "10.1.2.3:9090", 0},
		"this machine":        {"LEADRELAY_OPERATOR_ADDR", "[::1]:9090", 0},
		"a name":              {"LEADRELAY_OPERATOR_ADDR", "localhost:9090", 0},
		"behind a proxy":      {"LEADRELAY_ADDR", "127.0.0.1:8080", 1},
		"in front of all":     {"LEADRELAY_ADDR", ":8080", 0},

		"a server by chance in the clear":   {"LEADRELAY_DATABASE", "postgres://db.casas.mx/leads", 1},
		"one of several servers":            {"LEADRELAY_DATABASE", "postgres://127.0.0.1:5432,10.0.0.2:5432/leads?sslmode=prefer", 1},
		"a server in the query":             {"LEADRELAY_DATABASE", "postgres:///leads?host=db&sslmode=allow", 1},
		"a server over TLS":                 {"LEADRELAY_DATABASE", "postgres://db.casas.mx/leads?sslmode=verify-full", 0},
		"a server in the clear, on purpose": {"LEADRELAY_DATABASE", "postgres://db/leads?sslmode=disable", 0},
		"a server on this machine":          {"LEADRELAY_DATABASE", "postgres://[::1]:5432/leads", 0},
		"a server behind a socket":          {"LEADRELAY_DATABASE", "postgres:///leads?host=/run/postgresql", 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(enough(vars{tt.variable: tt.value, "LEADRELAY_OPERATOR_TOKEN": "t0ken-of-the-0perator"}), nil)
			require.NoError(t, err)
			require.Len(t, c.Warnings, tt.told)
			if tt.told > 0 {
				require.Contains(t, c.Warnings[0], tt.variable+": ")
			}
		})
	}
	c, err := load(enough(vars{"LEADRELAY_DATABASE": "postgres://db/leads", "LEADRELAY_OPERATOR_TOKEN": "t0ken-of-the-0perator", "PGSSLMODE": "verify-full"}), nil)
	require.NoError(t, err)
	require.Empty(t, c.Warnings, "the driver reads it")
}
