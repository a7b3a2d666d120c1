package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// While leads come in, "listed 0" must not look as if all of them were lost.
func TestAReportSaysUpToWhenTheListWasRead(t *testing.T) {
	d := lead.Drift{Since: time.Date(2026, 11, 28, 6, 0, 0, 0, time.Local), Ours: 2, Listed: 2}
	var out strings.Builder
	require.NoError(t, printDrift(&out, d))
	require.Regexp(t, `^since 2026-11-28 06:00:00 \S+: taken 2, listed 2, confirmed just now 0\n$`, out.String())

	d.Add(lead.Drift{Until: d.Since.Add(2 * time.Hour), Ours: 1})
	d.Add(lead.Drift{Until: d.Since.Add(time.Hour)})
	d.Add(lead.Drift{Listed: 1})
	out.Reset()
	require.NoError(t, printDrift(&out, d))
	require.Regexp(t, `^since 2026-11-28 06:00:00 \S+ until 2026-11-28 07:00:00 \S+ \(leads come in meanwhile, so newer ones were not compared\): taken 3, listed 3,`, out.String())
}
