package lead_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestWhoIsSurelyAnotherPerson(t *testing.T) {
	tests := map[string]struct {
		email, phone, otherEmail, otherPhone string
		another                              bool
	}{
		"another e-mail and phone":            {"ana@casas.mx", "5512345678", "eva@casas.mx", "5587654321", true},
		"another e-mail":                      {"ana@casas.mx", "5512345678", "eva@casas.mx", "5512345678", false},
		"another phone":                       {"ana@casas.mx", "5512345678", "ana@casas.mx", "5587654321", false},
		"the same in capitals":                {"ana@casas.mx", "1", "ANA@casas.mx", "2", false},
		"the same phone, typed another way":   {"ana@casas.mx", "55 1234 5678", "eva@casas.mx", "(55) 1234-5678", false},
		"another e-mail without phones":       {"ana@casas.mx", "", "eva@casas.mx", "", true},
		"an e-mail here, a phone there":       {"ana@casas.mx", "", "", "5512345678", true},
		"nothing here":                        {"", "", "eva@casas.mx", "5512345678", false},
		"nothing there":                       {"ana@casas.mx", "", "", "", false},
		"nothing at all":                      {"", "", "", "", false},
		"the same person":                     {"ana@casas.mx", "5512345678", "ana@casas.mx", "5512345678", false},
		"another e-mail, and no phone so far": {"ana@casas.mx", "", "eva@casas.mx", "5512345678", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q, other := lead.Inquiry{Email: tt.email, Phone: tt.phone}, lead.Inquiry{Email: tt.otherEmail, Phone: tt.otherPhone}
			require.Equal(t, tt.another, q.IsOfAnother(&other))
			require.Equal(t, tt.another, other.IsOfAnother(&q))
		})
	}
}

func TestKeysAreApart(t *testing.T) {
	q := lead.Inquiry{Site: "casas", Email: "ana@casas.mx", Phone: "5512345678"}
	other := lead.Inquiry{Site: "casas", Email: "eva@casas.mx", Phone: "5512345678"}
	keys := []lead.Digest{
		lead.KeyOf("casas", "k"), q.OwnKeyOf("k"), other.OwnKeyOf("k"), q.OwnKeyOf("l"),
		lead.DeliveryKeyOf("casas", "k", q.Content()), lead.DeliveryKeyOf("casas", "k", other.Content()), lead.DeliveryKeyOf("homes", "k", q.Content()),
	}
	for i, key := range keys {
		require.False(t, key.IsZero())
		require.NotContains(t, keys[:i], key)
	}
	require.True(t, q.OwnKeyOf("").IsZero())
	require.True(t, lead.DeliveryKeyOf("casas", "", q.Content()).IsZero())
}
