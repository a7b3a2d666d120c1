package intake_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNamesThatMeanNothingAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRelay(t)
		const form = "propiedad=EB-1&caja1=Ana+Secreta&caja2=ana%40secreta.mx&caja3=Hola&caja3=Hola&vacia="
		for range 3 {
			require.Equal(t, 422, d.post(formType, form).Code)
		}
		time.Sleep(time.Minute)
		require.Equal(t, 422, d.post(formType, form).Code)
		lines := d.logLines(t, "fields missing, and others not understood")
		require.Len(t, lines, 2, "once a minute")
		require.Equal(t, "casas", lines[0]["site"])
		require.Equal(t, []any{"email", "message"}, lines[0]["missing"])
		require.Equal(t, []any{"caja1", "caja2", "caja3"}, lines[0]["not_understood"])
		require.Equal(t, "sites.casas.fields", lines[0]["map_with"])
		require.NotContains(t, strings.ToLower(d.log.String()), "secreta")
	})
}

func TestOnlyNamesThatAnAuthorGivesAreLogged(t *testing.T) {
	d := newRelay(t)
	form := url.Values{"a": {"x"}}
	for _, name := range []string{
		"ana@secreta.mx", "Ana Secreta", "5512345678", "55-1234-5678", "secreta\x1b[31m", "secreta\nx", strings.Repeat("secreta", 5), "secreta.mx", "<secreta>",
	} {
		form.Set(name, "x")
	}
	d.post(formType, form.Encode())
	lines := d.logLines(t, "fields missing, and others not understood")
	require.Len(t, lines, 1)
	require.Equal(t, []any{"a"}, lines[0]["not_understood"])

	d = newRelay(t)
	for _, n := range strings.Split("abcdefghijklmno", "") {
		form.Set("x"+n, "x")
	}
	d.post(formType, form.Encode())
	require.Len(t, d.logLines(t, "fields missing, and others not understood")[0]["not_understood"], 8)
}

// Most posts that lack something lack it because nobody typed it.
func TestNamesAreLoggedOnlyIfAFieldIsNotThere(t *testing.T) {
	for name, form := range map[string]string{
		"all is well":        wholeForm + "&caja1=x",
		"left empty":         "property_id=EB-1&message=Hola&email=&caja1=x",
		"nothing is unknown": "property_id=EB-1&message=Hola",
	} {
		d := newRelay(t)
		d.post(formType, form)
		require.Empty(t, d.logLines(t, "fields missing, and others not understood"), name)
	}
}

// The visitor cannot mend a page that names no property, but can fill in a box.
func TestAFormWithoutAPropertySpeaksOfThePage(t *testing.T) {
	const rest = "&name=Ana&email=ana%40casas.mx&message=Hola"
	for form, want := range map[string]string{
		"x=1" + rest:                       "Este formulario no dice de qué propiedad se trata; avisa a quien administra el sitio.",
		"_language=en" + rest:              "This form does not say which property it is about; please tell whoever runs the site.",
		"property_id=" + rest:              "Escribe la clave de la propiedad, por ejemplo EB-AB1234.",
		"_language=en&property_id=" + rest: "Enter the property ID, for example EB-AB1234.",
	} {
		require.Contains(t, newRelay(t).post(formType, form, "Accept", "text/html").Body.String(), want)
		require.Contains(t, newRelay(t).post(formType, form, "Accept", jsonType).Body.String(), want)
	}
}

// Nobody is told that nothing was lost above boxes that are empty.
func TestWhatWasTypedIsPromisedOnlyWhereItIsSeen(t *testing.T) {
	const kept = "No perdimos lo que escribiste"
	d := newRelay(t)
	require.NotContains(t, d.post(formType, "caja1=Ana&caja2=Hola", "Accept", "text/html").Body.String(), kept)
	require.Contains(t, d.post(formType, "caja1=Ana&mensaje=Hola", "Accept", "text/html").Body.String(), kept)
}
