package intake_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// FuzzPost sends posts of any kind, from the request to the answer. The handler does not
// panic and does not take long, and what it keeps, logs and answers is sound.
func FuzzPost(f *testing.F) {
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, contentType := range []string{jsonType, formType, multiType, "text/plain", "application/json;charset=utf-16", "multipart/form-data", ""} {
		for _, body := range []string{
			wholeJSON, wholeForm, wholeParts(), "", " ", "{", "{}", "[]", "null", `"x"`, `{"a":1,"A":2}`, jsonWith(`"a":"\ud800"`), jsonWith(`"a":"\\ud800"`),
			jsonWith(`"a":[[[[[[[[1]]]]]]]]`), jsonWith(`"phone":1e400`), `{"email":["a"],"name":{},"phone":5512345678}`, "a=b;c=d", "a=%zz", "a=%e9&%e9=b",
			wholeParts(field("file")+`; filename="x"`, "x"), "--xyz--", "--xyz\r\n\r\n", "\ufeff{}", "{\"\\u0000\":\"\x00\"}", `{"":{"":{"":[]}}}`, `{"a":"\`,
			strings.Repeat("&a=b", 70), "_next=//evil.mx&_language=en", "\xff\xfe", `{"a":"\u"}`, `{"a":"\ud83d\ude00\udc00"}`,
			`{"fields":[{"name":"email","value":"a@x.mx"},{"label":"Clave","value":"EB-1"},{"name":"","value":{}}],"name":{"first":"A","last":"B"}}`,
			wholeForm + pieces(3) + "&fields%5Bemail%5D%5Bvalue%5D=a&x%5B%5D=1&%5B%5D=1&%5B_a=2&.=3&a%5B0=4&Apellidos=B", wholeForm + strings.Repeat("&ñ=é", 40),
			jsonWith(`"utm_\u0000":"\u202e","page_url":"\u0000","consent":"\u2028"`), wholeForm + "&utm_a=%00%ff&name=%F0%9F%91%A9%E2%80%8D",
		} {
			f.Add(contentType, browser, "https://casas.mx", body)
			f.Add(contentType, "application/json", "", body)
		}
	}
	f.Add(formType+"; charset=\xff", "text/*;q=2,;=,", "null", wholeForm)
	f.Add("multipart/form-data; boundary*=utf-8''x", "\x00", "https://casas.mx\r\nX: y", "--x\r\n\r\n--x--")
	d := newRelay(f)
	f.Fuzz(func(t *testing.T, contentType, accept, origin, body string) {
		d.keeper.leads = nil
		w := d.quickly(t, func() *httptest.ResponseRecorder {
			return d.post(contentType, body, "Accept", accept, "Origin", origin)
		})
		require.Contains(t, []int{202, 303, 400, 403, 413, 415, 422}, w.Code)
		requireSoundAnswer(t, w)
		if known := origin == "https://casas.mx"; known {
			require.Equal(t, origin, w.Header().Get(corsAllow))
			require.NotEqual(t, 403, w.Code)
		}
		require.Equal(t, w.Code < 400, len(d.keeper.leads) > 0)
		for _, l := range d.keeper.leads {
			requireSoundLead(t, l)
			for _, p := range l.Extra {
				require.False(t, strings.HasPrefix(p.Name, "_") || strings.Contains(p.Name, "[_"), "%q is a control field", p.Name)
			}
		}
		d.requireSoundLog(t)
	})
}

// quickly requires an answer within the time that one may take. On a busy machine it
// tries more than once.
func (d *relay) quickly(t *testing.T, ask func() *httptest.ResponseRecorder) (w *httptest.ResponseRecorder) {
	t.Helper()
	const longest, tries = 50 * time.Millisecond, 20
	for range tries {
		begun := time.Now()
		if w = ask(); time.Since(begun) < longest {
			return w
		}
	}
	require.Fail(t, "it takes too long")
	return nil
}

// requireSoundAnswer requires an answer that a program or a browser can read, without
// line ends in its headers.
func requireSoundAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	for name, values := range w.Header() {
		require.NotRegexp(t, `[\x00-\x1f\x7f]`, name+strings.Join(values, ""))
	}
	text := w.Body.String()
	require.True(t, utf8.ValidString(text))
	require.NotContains(t, text, "\x00")
	if kind := w.Header().Get("Content-Type"); strings.HasSuffix(kind, "json") {
		require.True(t, json.Valid(w.Body.Bytes()))
	} else {
		require.Equal(t, w.Code != 303, strings.HasPrefix(kind, "text/html"))
	}
	if location := w.Header().Get("Location"); location != "" {
		requireKnownPlace(t, location)
	}
}

// requireSoundLead checks what the store and EasyBroker rely on.
func requireSoundLead(t *testing.T, l lead.Lead) {
	t.Helper()
	require.Equal(t, "casas.mx", l.Source)
	texts := []string{l.PropertyID, l.Name, l.Email, l.Phone}
	for name, value := range l.Context {
		texts = append(texts, name, value)
	}
	for _, text := range append(texts, l.Message) {
		require.True(t, utf8.ValidString(text), "%q", text)
		require.NotRegexp(t, `[\p{Cc}\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]`, strings.NewReplacer("\n", "", "\t", "").Replace(text))
	}
	require.NotRegexp(t, `[\n\t]`, strings.Join(texts, ""))
}

// requireSoundLog requires lines that are one object each, and empties the log.
func (d *relay) requireSoundLog(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(d.log.String()) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	d.log.Reset()
}

// FuzzNext posts forms with any address of a next page, from any page.
func FuzzNext(f *testing.F) {
	for _, next := range []string{"/a", "//evil.mx", `/\evil.mx`, "https://casas.mx/a", "https:evil.mx", "javascript:x", "https://casas.mx@evil.mx", "/%09/evil.mx", "/.//evil.mx", "https://www.casas.mx:443/"} {
		f.Add(next, "")
	}
	f.Add("gracias", "https://casas.mx/p/1?x=y")
	f.Add("./año?sí", "https://casas-mx.translate.goog//evil.mx/")
	d := newRelay(f)
	f.Fuzz(func(t *testing.T, next, page string) {
		w := d.post(formType, wholeForm+"&_next="+url.QueryEscape(next), "Referer", page, "Origin", "https://casas.mx")
		require.Equal(t, 303, w.Code)
		requireKnownPlace(t, w.Header().Get("Location"))
		w = d.post(formType, wholeForm+"&_next="+url.QueryEscape(next), "Referer", page)
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
