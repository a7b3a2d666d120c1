package lead_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/lead"
)

func TestAFingerprintKnowsWhatWasSent(t *testing.T) {
	f := lead.NewFingerprint("Ana@casas.mx", "¿Sigue?\n\nGracias")
	require.False(t, f.IsZero())
	require.True(t, f.Reaches("ana@casas.mx"))
	require.False(t, f.Reaches("ana@casas.mx.evil.mx"))
	require.True(t, f.Says(" ¿SIGUE? gracias "))
	require.False(t, f.Says("¿Sigue? Gracias."))
	require.False(t, f.Says("¿Sigue?"))
	require.True(t, lead.Fingerprint{}.IsZero())
}

// An attempt without address and number does not match every other such attempt.
func TestAFingerprintReachesNobodyWithoutAnAddress(t *testing.T) {
	f := lead.NewFingerprint("", "Hola")
	require.False(t, f.Reaches(""))
	require.True(t, f.Says("Hola"))
}

// A text that EasyBroker may have normalized is the same for a fingerprint as for a
// comparison of the texts.
func TestAFingerprintSeesWhatEqualFoldSees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("aAkK\u212asS\u017fñÑéÉßẞΣσςİiıI \n\t\u00a0ǅǆǄ")), rapid.Rune()))
		a := text.Draw(t, "a")
		b := rapid.OneOf(text, rapid.Just(strings.ToUpper(a)), rapid.Just(strings.ToLower(a)), rapid.Just(" "+a)).Draw(t, "b")
		join := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		require.Equal(t, strings.EqualFold(join(a), join(b)), lead.NewFingerprint("", a).Says(b))
	})
}
