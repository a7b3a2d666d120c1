package intake_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever comes, the door does not fall, and what it keeps is sound.
func FuzzDecode(f *testing.F) {
	for _, contentType := range []string{jsonType, formType, multiType, "text/plain", "application/json;charset=utf-16", "multipart/form-data", ""} {
		for _, body := range []string{
			wholeJSON, wholeForm, wholeParts(), "", " ", "{", "{}", "[]", "null", `"x"`, `{"a":1,"A":2}`, jsonWith(`"a":"\ud800"`), jsonWith(`"a":"\\ud800"`),
			jsonWith(`"a":[[[[[[[[1]]]]]]]]`), jsonWith(`"phone":1e400`), `{"email":["a"],"name":{},"phone":5512345678}`, "a=b;c=d", "a=%zz", "a=%e9&%e9=b",
			wholeParts(field("file")+`; filename="x"`, "x"), "--xyz--", "--xyz\r\n\r\n", "\ufeff{}", "{\"\\u0000\":\"\x00\"}", `{"":{"":{"":[]}}}`, `{"a":"\`,
			strings.Repeat("&a=b", 70), "_next=//evil.mx&_language=en", "\xff\xfe", `{"a":"\u"}`, `{"a":"\ud83d\ude00\udc00"}`,
			`{"fields":[{"name":"email","value":"a@x.mx"},{"label":"Clave","value":"EB-1"},{"name":"","value":{}}],"name":{"first":"A","last":"B"}}`,
			wholeForm + pieces(3) + "&fields%5Bemail%5D%5Bvalue%5D=a&x%5B%5D=1&%5B%5D=1&%5B_a=2&.=3&a%5B0=4&Apellidos=B", wholeForm + strings.Repeat("&ñ=é", 40),
		} {
			f.Add(contentType, body)
		}
	}
	d := newRelay(f)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		d.shelf.leads = nil
		for _, accept := range []string{"application/json", "text/html"} {
			w := d.post(contentType, body, "Accept", accept, "Origin", "https://casas.mx")
			require.Contains(t, []int{202, 303, 400, 413, 415, 422}, w.Code)
			require.Equal(t, "https://casas.mx", w.Header().Get(corsAllow))
			if location := w.Header().Get("Location"); location != "" {
				requireKnownPlace(t, location)
			}
		}
		d.log.Reset()
		for _, l := range d.shelf.leads {
			require.Equal(t, "casas.mx", l.Source)
			require.NotContains(t, l.Name+l.Email+l.Phone+l.Message+l.PropertyID, "\x00")
			require.LessOrEqual(t, len(l.Extra), 32)
			require.LessOrEqual(t, len(l.Context), 17) // a long phone is kept there, too
			for _, p := range l.Extra {
				require.False(t, strings.HasPrefix(p.Name, "_") || strings.Contains(p.Name, "[_"), "%q is a control field", p.Name)
			}
		}
	})
}

// FuzzNext is any place that a form may name.
func FuzzNext(f *testing.F) {
	for _, next := range []string{"/a", "//evil.mx", `/\evil.mx`, "https://casas.mx/a", "https:evil.mx", "javascript:x", "https://casas.mx@evil.mx", "/%09/evil.mx", "/.//evil.mx", "https://www.casas.mx:443/"} {
		f.Add(next)
	}
	d := newRelay(f)
	f.Fuzz(func(t *testing.T, next string) {
		w := d.post(formType, wholeForm+"&_next="+url.QueryEscape(next), "Origin", "https://casas.mx")
		require.Equal(t, 303, w.Code)
		requireKnownPlace(t, w.Header().Get("Location"))
	})
}

func requireKnownPlace(t *testing.T, location string) {
	t.Helper()
	if strings.HasPrefix(location, "/f/casas/thanks?folio=") {
		return
	}
	u, err := url.Parse(location)
	require.NoError(t, err)
	require.Equal(t, "https", u.Scheme, location)
	host := strings.ToLower(u.Hostname())
	require.True(t, host == "casas.mx" || strings.HasSuffix(host, ".casas.mx"), location)
	require.Nil(t, u.User)
	require.NotContains(t, location, `\`)
}
