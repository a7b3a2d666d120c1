package courier

import (
	"testing"

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
		require.Equal(t, want, Dialable(typed, "MX"), typed)
	}
	require.Equal(t, "+5491123456789", Dialable("011 15 2345-6789", "AR"))
	require.Equal(t, "55 1234 5678", Dialable("55 1234 5678", "XX"), "an unknown country")
}

func TestSourceIsLeftOutOnRequest(t *testing.T) {
	l := lead.Lead{Source: "casas.mx"}
	require.Empty(t, Route{}.Request(l).Source)
	require.Equal(t, "casas.mx", Route{SendSource: true}.Request(l).Source)
}
