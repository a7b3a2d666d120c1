package lead_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestALeadIsFoundByWhatAPersonRemembers(t *testing.T) {
	l := lead.Lead{
		RemoteID: 28252880123, Source: "casas.mx",
		Inquiry: lead.Inquiry{
			PropertyID: "EB-AB1234", Name: "María José Ñandú", Email: "mj@ejemplo.mx", Phone: "(55) 1234-5678",
			Message: `¿Sigue "disponible"? Gracias <3`,
		},
	}
	for text, want := range map[string]bool{
		"":               true,
		"maria jose":     true,
		"MARÍA":          true,
		"ñandú":          true,
		"nandu":          true,
		"mj@EJEMPLO":     true,
		"28252880123":    true,
		"28 252 880 123": true,
		"0123":           true,
		"5512345678":     true,
		"55 1234 5678":   true,
		"1234-5678":      true,
		"eb-ab1234":      true,
		`"disponible"?`:  true,
		"gracias <3":     true,
		"ñandú maría":    true,
		"nandu gracias":  true,
		"maria pedro":    false,
		"jose 5678":      true,
		"jose 9999":      false,
		"28,252,880,123": true,
		"#28252880123":   true,
		"880 123":        true,

		"+52 55 1234 5678":   true,
		"+52 1 55 1234 5678": true,
		"00525512345678":     true,
		"044 55 1234 5678":   true,
		"(55) 1234-5678":     true,
		"55.1234.5678":       true,
		"12345678":           true,
		"+52 33 1234 5678":   false,

		"pedro":      false,
		"source":     false,
		"message":    false,
		"casas.mx":   false,
		"m%j":        false,
		"5599999999": false,
	} {
		require.Equal(t, want, l.Mentions(text), text)
	}
}

// Either of two numbers may have a prefix that the other has not.
func TestAPhoneIsFoundWithAndWithoutItsPrefix(t *testing.T) {
	for phone, typed := range map[string][]string{
		"+52 55 1234 5678":   {"5512345678", "+525512345678", "+52 1 55 1234 5678", "1234 5678"},
		"+52 1 55 1234 5678": {"5512345678", "+52 55 1234 5678", "(55) 1234-5678"},
		"9 1234 5678":        {"+56 9 1234 5678", "912345678", "0056 912345678"},
		"+54 9 11 1234-5678": {"11 1234 5678", "+54 11 1234 5678"},
	} {
		l := lead.Lead{RemoteID: 7, Inquiry: lead.Inquiry{Phone: phone}}
		for _, text := range typed {
			require.True(t, l.Mentions(text), "%s as %s", phone, text)
		}
		require.False(t, l.Mentions("5512345679"), phone)
	}
	short := lead.Lead{Inquiry: lead.Inquiry{Phone: "5678"}}
	require.False(t, short.Mentions("5512345678"), "the end of a number is not the number")
}
