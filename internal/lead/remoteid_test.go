package lead_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/lead"
)

func TestParseRemoteID(t *testing.T) {
	tests := map[string]struct {
		typed string
		want  lead.RemoteID // 0: refused
	}{
		"a number":                      {"28339200000", 28339200000},
		"grouped for the phone":         {" 28 339 200 000 ", 28339200000},
		"grouped with narrow spaces":    {"28\u202f339\u00a0200 000", 28339200000},
		"the first":                     {"1", 1},
		"the last":                      {"9007199254740991", 1<<53 - 1},
		"leading zeros":                 {"007", 7},
		"one too many":                  {"9007199254740992", 0},
		"more than 64 bits":             {"99999999999999999999", 0},
		"zero":                          {"0", 0},
		"below zero":                    {"-1", 0},
		"with a sign":                   {"+1", 0},
		"nothing":                       {"", 0},
		"blanks":                        {"   ", 0},
		"a fraction":                    {"1.0", 0},
		"an exponent":                   {"1e3", 0},
		"hexadecimal":                   {"0x10", 0},
		"underscores":                   {"1_000", 0},
		"commas":                        {"1,000", 0},
		"Arabic digits":                 {"١٢٣", 0},
		"something behind":              {"12;DROP", 0},
		"a NUL":                         {"1\x002", 0},
		"a megabyte is not worth a try": {string(make([]byte, 1<<20)), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := lead.ParseRemoteID(tt.typed)
			require.Equal(t, tt.want, id)
			require.Equal(t, tt.want == 0, err != nil)
		})
	}
}

func TestRemoteIDReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := lead.RemoteID(rapid.Int64Range(1, 1<<53-1).Draw(t, "id"))
		read, err := lead.ParseRemoteID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, read)
	})
}

func TestTick(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		tick lead.Tick
		now  time.Time
		want int64
	}{
		"the beginning":                 {lead.Milliseconds, begin, 0},
		"a day in milliseconds":         {lead.Milliseconds, begin.AddDate(0, 0, 1), 86_400_000},
		"a day in seconds":              {lead.Seconds, begin.AddDate(0, 0, 1), 86_400},
		"no word means milliseconds":    {"", begin.Add(time.Second), 1000},
		"parts of a second are cut":     {lead.Seconds, begin.Add(1999 * time.Millisecond), 1},
		"another zone, the same moment": {lead.Seconds, begin.Add(time.Hour).In(time.FixedZone("", -6*3600)), 3600},
		"a clock that is years behind":  {lead.Seconds, begin.AddDate(0, 0, -1), -86_400},
		"seconds fit 31 bits for long":  {lead.Seconds, begin.AddDate(67, 0, 0), 2_114_380_800},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, tt.tick.Since(tt.now))
		})
	}
}
