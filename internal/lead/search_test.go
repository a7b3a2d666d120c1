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
		"pedro":          false,
		"source":         false,
		"message":        false,
		"casas.mx":       false,
		"m%j":            false,
		"5599999999":     false,
	} {
		require.Equal(t, want, l.Mentions(text), text)
	}
}
