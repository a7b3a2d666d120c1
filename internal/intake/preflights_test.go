package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const lonely = "preflights without a post"

// preflight sends a preflight for a page, as a browser does.
func (d *relay) preflight(origin, method string, headers ...string) {
	d.ask("OPTIONS", "/f/casas", "", append(headers, "Origin", origin, "Access-Control-Request-Method", method)...)
}

func TestPreflightsWithoutAPostAreToldOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRelay(t)
		for range 3 * 60 {
			d.preflight("https://casas.mx", "POST")
			time.Sleep(time.Minute)
		}
		lines := d.logLines(t, lonely)
		require.Len(t, lines, 3)
		require.Equal(t, "casas", lines[0]["site"])
		require.Equal(t, "https://casas.mx", lines[0]["origin"])
		require.InDelta(t, 5, lines[0]["preflights"], 0)
		require.Contains(t, lines[0]["mend_with"], "a proxy in front of the relay must pass OPTIONS and POST")
		require.InDelta(t, 65, lines[1]["preflights"], 0)
		require.Equal(t, lines[0]["since"], lines[1]["since"], "since when, not since the last line")
	})
}

func TestWhichPreflightsAreTold(t *testing.T) {
	script := []string{"Sec-Fetch-Mode", "cors", "Origin", "https://casas.mx"}
	tests := map[string]struct {
		come func(d *relay)
		told string // part of the remedy; empty if there is no warning
	}{
		"five in five minutes": {func(d *relay) {
			for range 5 {
				d.preflight("https://casas.mx", "POST")
				time.Sleep(time.Minute)
			}
		}, "proxy"},
		"four": {func(d *relay) {
			for range 4 {
				d.preflight("https://casas.mx", "POST")
				time.Sleep(time.Hour)
			}
		}, ""},
		"a post after each": {func(d *relay) {
			for range 50 {
				d.preflight("https://casas.mx", "POST")
				d.post(jsonType, wholeJSON, script...)
				time.Sleep(time.Minute)
			}
		}, ""},
		"a post now and then": {func(d *relay) {
			for i := range 50 {
				d.preflight("https://casas.mx", "POST")
				if i%4 == 0 {
					d.post(jsonType, "{}", script...) // an invalid post has come through, too
				}
				time.Sleep(time.Minute)
			}
		}, ""},
		"many visitors at once, who post a moment later": {func(d *relay) {
			for range 500 {
				d.preflight("https://casas.mx", "POST")
			}
			time.Sleep(10 * time.Second)
			d.post(jsonType, wholeJSON, script...)
		}, ""},
		"plain forms of the same site hide nothing": {func(d *relay) {
			for range 6 {
				d.preflight("https://casas.mx", "POST")
				d.post(formType, wholeForm, "Sec-Fetch-Mode", "navigate", "Origin", "https://casas.mx")
				time.Sleep(time.Minute)
			}
		}, "proxy"},
		"posts of another origin of the site hide nothing": {func(d *relay) {
			for range 6 {
				d.preflight("https://casas.mx", "POST")
				d.post(jsonType, wholeJSON, "Sec-Fetch-Mode", "cors", "Origin", "https://www.casas.mx")
				time.Sleep(time.Minute)
			}
		}, "proxy"},
		"posts without a preflight, which browsers remember": {func(d *relay) {
			for range 50 {
				d.post(jsonType, wholeJSON, script...)
				time.Sleep(time.Minute)
			}
		}, ""},
		"a visitor who leaves, now and then": {func(d *relay) {
			for range 20 {
				d.preflight("https://casas.mx", "POST")
				time.Sleep(25 * time.Hour)
			}
		}, ""},
		"another method": {func(d *relay) {
			for range 6 {
				d.preflight("https://casas.mx", "PUT")
				time.Sleep(time.Minute)
			}
		}, "let it send POST"},
		"too many headers": {func(d *relay) {
			for range 6 {
				d.preflight("https://casas.mx", "POST", "Access-Control-Request-Headers", strings.Repeat("x-one,", 300))
				time.Sleep(time.Minute)
			}
		}, "fewer headers"},
		"no preflight of a browser's": {func(d *relay) {
			for range 6 {
				d.preflight("https://casas.mx", "")
				time.Sleep(time.Minute)
			}
		}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newRelay(t)
				tt.come(d)
				lines := d.logLines(t, lonely)
				require.Equal(t, tt.told != "", len(lines) == 1, lines)
				if tt.told != "" {
					require.Contains(t, lines[0]["mend_with"], tt.told)
				}
			})
		})
	}
}

// A page that is not listed and needs a preflight never posts. So the preflight is the
// only chance to tell which setting is missing.
func TestARefusedPreflightIsReportedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRelay(t)
		d.preflight("https://otra.mx", "POST")
		d.preflight("https://otra.mx", "POST")
		d.preflight("http://example.com", "POST") // the relay's own
		lines := d.logLines(t, "origin refused")
		require.Len(t, lines, 1)
		require.Equal(t, "https://otra.mx", lines[0]["origin"])
		require.Contains(t, lines[0]["allow_with"], "https://otra.mx")
		require.Empty(t, d.logLines(t, lonely))
	})
}

// Anybody can invent subdomains. They take bounded memory, and do not hide a page that is
// there for long.
func TestInventedOriginsHideNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRelay(t)
		for i := range 2000 {
			d.preflight(fmt.Sprintf("https://x%d.casas.mx", i), "POST")
		}
		time.Sleep(2 * time.Hour)
		for range 5 {
			d.preflight("https://casas.mx", "POST")
			time.Sleep(time.Minute)
		}
		lines := d.logLines(t, lonely)
		require.Len(t, lines, 1)
		require.Equal(t, "https://casas.mx", lines[0]["origin"])
	})
}

// The log proposes no setting that would not be accepted.
func TestARefusedOriginThatCannotBeAllowedNamesNoSetting(t *testing.T) {
	d := newRelay(t)
	d.post(jsonType, wholeJSON, "Origin", "chrome-extension://abcdef")
	lines := d.logLines(t, "origin refused")
	require.Len(t, lines, 1)
	require.Equal(t, "chrome-extension://abcdef", lines[0]["origin"])
	require.NotContains(t, lines[0], "allow_with")
}
