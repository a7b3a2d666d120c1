package lead_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestAPersonInAnySpelling(t *testing.T) {
	by := func(f func(string) (lead.Person, error), typed string) lead.Person {
		t.Helper()
		p, err := f(typed)
		require.NoError(t, err, typed)
		return p
	}
	ana := &lead.Inquiry{Email: "Ana.Luz@ejemplo.mx", Phone: "+52 1 (55) 1234-5678"}
	for _, typed := range []string{"ana.luz@ejemplo.mx", " ANA.LUZ@EJEMPLO.MX ", "Ana <ana.luz@ejemplo.mx>", "mailto:ana.luz@ejemplo.mx"} {
		require.True(t, by(lead.PersonByEmail, typed).Has(ana), typed)
	}
	for _, typed := range []string{"5512345678", "55 1234 5678", "+525512345678", "+52 1 55 1234 5678", "(55) 1234.5678", "12345678"} {
		require.True(t, by(lead.PersonByPhone, typed).Has(ana), typed)
	}
	for _, typed := range []string{"luz@ejemplo.mx", "ana.luz@ejemplo.mx.example", "xana.luz@ejemplo.mx"} {
		require.False(t, by(lead.PersonByEmail, typed).Has(ana), typed)
	}
	for _, typed := range []string{"5512345679", "8112345678", "55123456"} {
		require.False(t, by(lead.PersonByPhone, typed).Has(ana), typed)
	}
	require.False(t, by(lead.PersonByPhone, "12345678").Has(&lead.Inquiry{Phone: "5678"}), "four digits are nobody's")
	require.False(t, by(lead.PersonByPhone, "12345678").Has(&lead.Inquiry{}))
	require.False(t, by(lead.PersonByEmail, "ana@x.mx").Has(&lead.Inquiry{}))
	for _, typed := range []string{"", "ana", "@", "ana@x", "1234567", "55 1234 5678 y 55 9876 5432", "noches: 5512345678", "1234567890123456"} {
		_, err := lead.PersonByEmail(typed)
		require.ErrorIs(t, err, lead.ErrNobody, typed)
		_, err = lead.PersonByPhone(typed)
		require.ErrorIs(t, err, lead.ErrNobody, typed)
	}
}
