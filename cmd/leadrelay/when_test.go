package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimesAsPeopleWriteThem(t *testing.T) {
	tests := map[string]struct{ zone, written, want string }{
		"a date":                              {"America/Mexico_City", "2026-11-28", "2026-11-28T00:00:00-06:00"},
		"a date with a time":                  {"America/Mexico_City", "2026-11-28T10:30", "2026-11-28T10:30:00-06:00"},
		"with a blank, and seconds":           {"America/Mexico_City", "2026-11-28 10:30:05", "2026-11-28T10:30:05-06:00"},
		"in Universal Time":                   {"America/Mexico_City", "2026-11-28T10:30:00Z", "2026-11-28T10:30:00Z"},
		"with a zone of its own":              {"America/Mexico_City", "2026-11-28 10:30-05:00", "2026-11-28T10:30:00-05:00"},
		"with parts of a second":              {"America/Mexico_City", "2026-11-28T10:30:05.25", "2026-11-28T10:30:05.25-06:00"},
		"on a server":                         {"UTC", "2026-11-28", "2026-11-28T00:00:00Z"},
		"hours ago":                           {"UTC", "36h", "2026-11-27T00:00:00Z"},
		"days ago":                            {"UTC", "7d", "2026-11-21T12:00:00Z"},
		"in the summer":                       {"America/Tijuana", "2026-07-01", "2026-07-01T00:00:00-07:00"},
		"a day that begins at one":            {"America/Havana", "2026-03-08", "2026-03-08T01:00:00-04:00"},
		"a day that begins at one in Chile":   {"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"},
		"a day that has midnight twice":       {"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"},
		"no such day":                         {"UTC", "2026-02-30", ""},
		"a word":                              {"UTC", "ayer", ""},
		"the other way around":                {"UTC", "28-11-2026", ""},
		"a time of today":                     {"UTC", "10:00", ""},
		"nothing ago":                         {"UTC", "0h", ""},
		"a time to come, as if ago":           {"UTC", "-3h", ""},
		"days beyond all numbers":             {"UTC", "99999999999999999999d", ""},
		"a zone's name, which may be several": {"UTC", "2026-11-28 10:30 CST", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			zone, err := time.LoadLocation(tt.zone)
			require.NoError(t, err)
			now := time.Date(2026, 11, 28, 12, 0, 0, 0, zone)
			got, err := parseTime("--after", tt.written, now)
			if tt.want == "" {
				require.ErrorContains(t, err, "--after wants a date or a time ("+now.Format("MST")+")")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Format(time.RFC3339Nano))
		})
	}
}

func TestEndsAsPeopleWriteThem(t *testing.T) {
	tests := map[string]struct{ zone, written, want string }{
		"a time of today":                  {"America/Mexico_City", "18:00", "2026-11-28T18:00:00-06:00"},
		"a time that is over today":        {"America/Mexico_City", "9:30", "2026-11-29T09:30:00-06:00"},
		"this very minute":                 {"UTC", "12:00", "2026-11-29T12:00:00Z"},
		"midnight":                         {"UTC", "00:00", "2026-11-29T00:00:00Z"},
		"hours":                            {"UTC", "2h", "2026-11-28T14:00:00Z"},
		"days":                             {"UTC", "3d", "2026-12-01T12:00:00Z"},
		"a date":                           {"America/Mexico_City", "2026-11-30", "2026-11-30T00:00:00-06:00"},
		"a date with a time":               {"America/Mexico_City", "2026-11-28 18:00", "2026-11-28T18:00:00-06:00"},
		"a time with its zone":             {"UTC", "2026-11-28T18:00:00-06:00", "2026-11-28T18:00:00-06:00"},
		"a time that was":                  {"UTC", "2026-11-28T11:59", ""},
		"a time that there is not":         {"UTC", "25:00", ""},
		"a word":                           {"UTC", "mañana", ""},
		"nothing":                          {"UTC", "", ""},
		"a time as if it were over":        {"UTC", "-2h", ""},
		"a time of the day of an American": {"UTC", "6pm", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			zone, err := time.LoadLocation(tt.zone)
			require.NoError(t, err)
			got, err := parseEnd("--until", tt.written, time.Date(2026, 11, 28, 12, 0, 0, 0, zone))
			if tt.want == "" {
				require.ErrorContains(t, err, "--until wants a time")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Format(time.RFC3339Nano))
		})
	}
}
