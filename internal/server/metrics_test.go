package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestRequestsAreCounted(t *testing.T) {
	s := withForms(zerolog.Disabled)
	for i := range 50 { // a client that invents all that it can
		s.ask("GET", "/f/casas")
		s.ask("GET", fmt.Sprintf("/f/site-%d", i))
		s.ask("GET", fmt.Sprintf("/path-%d", i))
		s.ask("GET", fmt.Sprintf("/f/casas/%d/%d", i, i))
		s.ask(fmt.Sprintf("METHOD%d", i), "/f/casas")
		s.ask(fmt.Sprintf("METHOD%d", i), fmt.Sprintf("/path-%d", i))
	}
	require.Equal(t, []string{
		`leadrelay_http_requests_total{door="public",method="GET",route="/f/{site}",status="200"} 100`,
		`leadrelay_http_requests_total{door="public",method="GET",route="none",status="404"} 100`,
		`leadrelay_http_requests_total{door="public",method="other",route="none",status="405"} 100`,
	}, s.series(t, "leadrelay_http_requests_total"))
	require.Equal(t, []string{`leadrelay_http_request_seconds_count{door="public"} 300`}, s.series(t, "leadrelay_http_request_seconds_count"))
}

func TestLeadsAndAttemptsAreCounted(t *testing.T) {
	s := newStage(zerolog.Disabled)
	s.metrics.Accepted("casas")
	s.metrics.Accepted("casas")
	s.metrics.Attempt("unsure", 3*time.Second)
	s.metrics.Refused("casas", 404, "lead")
	for name, want := range map[string]string{
		"leadrelay_leads_accepted_total":  `leadrelay_leads_accepted_total{site="casas"} 2`,
		"leadrelay_attempts_total":        `leadrelay_attempts_total{outcome="unsure"} 1`,
		"leadrelay_refusals_total":        `leadrelay_refusals_total{about="lead",site="casas",status="404"} 1`,
		"leadrelay_attempt_seconds_sum":   `leadrelay_attempt_seconds_sum 3`,
		"leadrelay_attempt_seconds_count": `leadrelay_attempt_seconds_count 1`,
		"leadrelay_build_info":            `leadrelay_build_info{version="v1.2.3"} 1`,
	} {
		require.Equal(t, []string{want}, s.series(t, name))
	}
	require.NotEmpty(t, s.series(t, "go_goroutines"))
	require.NotEmpty(t, s.series(t, "process_open_fds"))
}

// Our metrics have these labels alone, and the values of each are a closed set.
func TestLabels(t *testing.T) {
	s := withForms(zerolog.Disabled)
	s.ask("GET", "/f/casas")
	s.metrics.Accepted("casas")
	s.metrics.Attempt("delivered", time.Second)
	s.metrics.Refused("casas", 422, "site")
	for _, name := range []string{"http_requests_total", "http_request_seconds_sum", "leads_accepted_total", "attempts_total", "refusals_total", "attempt_seconds_sum"} {
		for _, line := range s.series(t, "leadrelay_"+name) {
			_, labels, _ := strings.Cut(strings.Split(line, " ")[0], "{")
			for pair := range strings.SplitSeq(strings.TrimSuffix(labels, "}"), ",") {
				label, _, _ := strings.Cut(pair, "=")
				require.Contains(t, []string{"", "door", "method", "route", "status", "site", "outcome", "about"}, label)
			}
		}
	}
}
