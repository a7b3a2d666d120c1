package courier

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestPhonesBecomeDialableWhereTheyCan(t *testing.T) {
	const mx = "+525512345678"
	for typed, want := range map[string]string{
		"5512345678":          mx,
		"55 1234 5678":        mx,
		"(55) 1234-5678":      mx,
		"55.1234.5678":        mx,
		"+52 55 1234 5678":    mx,
		"+52 1 55 1234 5678":  mx,
		"+5215512345678":      mx,
		"5215512345678":       mx,
		"52 55 1234 5678":     mx,
		"044 55 1234 5678":    mx,
		"045 55 1234 5678":    mx,
		"01 55 1234 5678":     mx,
		"00 52 55 1234 5678":  mx,
		"+52 (55) 1234 5678":  mx,
		"442 123 4567":        "+524421234567",
		"55 1234 5678 x123":   mx,
		"+1 415 555 2671":     "+14155552671",
		"+34 612 345 678":     "+34612345678",
		"+54 9 11 2345 6789":  "+5491123456789",
		"+55 (11) 91234-5678": "+5511912345678",
		"":                    "",
		"llámame en la tarde": "llámame en la tarde",
		"12345":               "12345",
		"55 1234":             "55 1234",
		"+":                   "+",
		"0000000000000000000": "0000000000000000000",
	} {
		require.Equal(t, want, dialable(typed, "MX"), typed)
	}
	require.Equal(t, "+5491123456789", dialable("011 15 2345-6789", "AR"))
	require.Equal(t, "55 1234 5678", dialable("55 1234 5678", "XX"), "an unknown country")
}

func TestSourceIsLeftOutOnRequest(t *testing.T) {
	l := lead.Lead{Source: "casas.mx"}
	require.Empty(t, Route{}.Request(l).Source)
	require.Equal(t, "casas.mx", Route{SendSource: true}.Request(l).Source)
}

func TestJitterStaysWithinAFifth(t *testing.T) {
	for i := range 1000 {
		wait := time.Duration(1 + rand.Int64N(int64(time.Hour)))
		got := jitter(wait, lead.Claim{Lead: lead.Lead{RemoteID: lead.RemoteID(1e10 + i)}, Tries: i % 9})
		require.GreaterOrEqual(t, got, wait*79/100)
		require.LessOrEqual(t, got, wait*121/100+1)
	}
}

func TestLooksComeEarlyThenLessOftenAndOnceWhenTheListHasSettled(t *testing.T) {
	sent := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	settled := sent.Add(5 * time.Minute)
	var looks []time.Duration
	for at := sent; at.Before(sent.Add(time.Hour)); {
		at = nextLookUp(at, sent, settled, true)
		looks = append(looks, at.Sub(sent))
	}
	require.Equal(t, []time.Duration{
		5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second,
		5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, 40 * time.Minute, 50 * time.Minute, time.Hour,
	}, looks)
}
