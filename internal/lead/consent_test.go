package lead_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// What a visitor has agreed to is known word for word, with the notice, the page and the time.
func TestConsent(t *testing.T) {
	for text, notice := range map[string]string{
		"Al enviar aceptas el aviso de privacidad: https://casas.mx/aviso?v=2": "https://casas.mx/aviso?v=2",
		"Acepto el aviso (https://casas.mx/aviso).":                            "https://casas.mx/aviso",
		"Acepto https://casas.mx/terminos y https://casas.mx/aviso.":           "https://casas.mx/aviso",
		"sí": "",
	} {
		l := lead.Lead{ReceivedAt: noon, Inquiry: lead.Inquiry{Context: map[string]string{"consent": text, "page_url": "https://casas.mx/1"}}}
		require.Equal(t, lead.Consent{Text: text, Notice: notice, Page: "https://casas.mx/1", At: noon}, l.Consent())
		require.True(t, (&lead.Filter{Notice: notice}).Matches(&l, nil))
		require.False(t, (&lead.Filter{Notice: "https://casas.mx/otro"}).Matches(&l, nil))
	}
	none := lead.Lead{ReceivedAt: noon, Inquiry: lead.Inquiry{Context: map[string]string{"page_url": "https://casas.mx/1"}}}
	require.Zero(t, none.Consent())
	require.False(t, (&lead.Filter{Notice: "https://casas.mx/aviso"}).Matches(&none, nil))
}
