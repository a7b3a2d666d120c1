package intake_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// mistyped is a form with a mistyped address, as a browser posts it without a script.
var mistyped = url.Values{"clave": {"EB-1"}, "nombre": {"Ana"}, "correo": {" ana@GMIAL.com "}, "mensaje": {"Hola"}, "utm_source": {"anuncio"}, "Presupuesto": {"4 millones"}}

func with(form url.Values, pairs ...string) url.Values {
	all := url.Values{}
	for name, values := range form {
		all[name] = values
	}
	for i := 0; i < len(pairs); i += 2 {
		all.Set(pairs[i], pairs[i+1])
	}
	return all
}

func (c *counter) all(t *testing.T) []lead.Lead {
	t.Helper()
	leads, _, err := c.store.List(t.Context(), lead.Filter{Limit: 100})
	require.NoError(t, err)
	return leads
}

// The inquiry is on disk before the visitor is asked, so it is sent even if the page is
// closed. One press corrects the address of the same lead.
func TestAMistypedAddressIsSetRight(t *testing.T) {
	c := newCounter(t, atOnce)
	w := c.post("/f/casas", formType, with(mistyped, "_next", "/gracias").Encode(), "Origin", "https://casas.mx")
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), "Recibimos tu mensaje")
	require.Contains(t, w.Body.String(), "¿Quisiste decir ana@gmail.com?")
	require.Contains(t, w.Body.String(), `<a href="https://casas.mx/gracias">No, así está bien</a>`)
	require.NotContains(t, strings.Join(w.Header().Values("Location"), ""), "ana")
	first := c.all(t)[0]
	require.Equal(t, "ana@gmial.com", first.Email)
	require.Equal(t, time.Minute, first.DueAt.Sub(first.ReceivedAt), "it waits until the visitor has read that")

	form := formOf(t, w)
	w = c.post("/f/casas", formType, form.Encode(), "Origin", "http://example.com", "Referer", "http://example.com/f/casas")
	require.Equal(t, 303, w.Code)
	require.Equal(t, "https://casas.mx/gracias", w.Header().Get("Location"))
	require.Equal(t, 1, c.leads(t))
	l := c.all(t)[0]
	require.Equal(t, first.RemoteID, l.RemoteID)
	require.Equal(t, []string{"ana@gmail.com", "Ana", "EB-1", "Hola"}, []string{l.Email, l.Name, l.PropertyID, l.Message})
	require.Equal(t, "anuncio", l.Context["utm_source"])
	require.Contains(t, l.Extra, lead.Pair{Name: "Presupuesto", Value: "4 millones"})
	require.Contains(t, l.Extra, lead.Pair{Name: "typed_email", Value: "ana@GMIAL.com"}, "nothing typed is dropped")
	require.False(t, l.DueAt.After(time.Now()), "there is nothing to wait for any more")
}

// A stranger who knows the folio, or guesses, changes no lead. Whoever knows everything
// that was written can only correct the typo.
func TestOnlyTheVisitorSetsAnAddressRight(t *testing.T) {
	tests := map[string]url.Values{
		"another message":      with(mistyped, "mensaje", "Hola.", "correo", "ana@gmail.com", "_typed_email", "ana@gmial.com"),
		"another name":         with(mistyped, "nombre", "", "correo", "ana@gmail.com", "_typed_email", "ana@gmial.com"),
		"another's address":    with(mistyped, "correo", "eva@gmail.com", "_typed_email", "ana@gmial.com"),
		"an address elsewhere": with(mistyped, "correo", "ana@casas.mx", "_typed_email", "ana@gmial.com"),
		"a word of its own":    with(mistyped, "correo", "ana@gmail.com"),
		"the folio":            {"folio": {"1"}, "correo": {"ana@gmail.com"}, "_typed_email": {"ana@gmial.com"}, "clave": {"EB-1"}, "mensaje": {"x"}},
	}
	for name, form := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t, atOnce)
			require.Equal(t, 200, c.post("/f/casas", formType, mistyped.Encode()).Code)
			c.post("/f/casas", formType, form.Encode())
			require.Equal(t, 2, c.leads(t), "it is an inquiry like any other")
			require.Equal(t, "ana@gmial.com", c.all(t)[1].Email)
		})
	}
	c := newCounter(t, atOnce)
	c.post("/f/casas", formType, mistyped.Encode())
	c.post("/f/homes", formType, with(mistyped, "correo", "ana@gmail.com", "_typed_email", "ana@gmial.com", "telefono", "5512345678").Encode())
	require.Equal(t, 2, c.leads(t), "sites have nothing in common")
}

// An inquiry that does not look mistyped is not delayed, and is answered like any other.
func TestAGoodAddressIsNotAskedAbout(t *testing.T) {
	for _, email := range []string{"ana@gmail.com", "ana@outlook.es", "ana@yahoo.com.mx", "ana@live.com.mx", "ana@gmail.com.mx", "ana@hotmail.com.mx", "ana@prodigy.net.mx", "ana@gmx.com", "ana@gmil.mx.casas.mx"} {
		c := newCounter(t, atOnce)
		require.Equal(t, 303, c.post("/f/casas", formType, with(mistyped, "correo", email).Encode()).Code, email)
		l := c.all(t)[0]
		require.Equal(t, l.ReceivedAt, l.DueAt, email)
	}
}
