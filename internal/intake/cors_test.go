package intake_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const corsAllow = "Access-Control-Allow-Origin"

func TestOrigins(t *testing.T) {
	tests := map[string]struct {
		origin  string
		allowed bool // listed by the site, so that the page may read the answer
		status  int
	}{
		"the site":                         {"https://casas.mx", true, 202},
		"the site in capitals":             {"HTTPS://Casas.MX", true, 202},
		"the site with its usual port":     {"https://casas.mx:443", true, 202},
		"a subdomain":                      {"https://www.casas.mx", true, 202},
		"a deep subdomain":                 {"https://a.b.casas.mx", true, 202},
		"no origin":                        {"", false, 202},
		"another scheme":                   {"http://casas.mx", false, 403},
		"another port":                     {"https://casas.mx:8443", false, 403},
		"another site":                     {"https://evil.mx", false, 403},
		"another site of ours":             {"https://homes.example", false, 403},
		"a look-alike before":              {"https://evilcasas.mx", false, 403},
		"a look-alike behind":              {"https://casas.mx.evil.mx", false, 403},
		"a dot behind":                     {"https://casas.mx.", false, 403},
		"a dot before":                     {"https://.casas.mx", false, 403},
		"someone in front of it":           {"https://evil.mx@casas.mx", false, 403},
		"a path behind it":                 {"https://casas.mx/", false, 403},
		"a list":                           {"https://casas.mx, https://evil.mx", false, 403},
		"a star":                           {"*", false, 403},
		"a wildcard":                       {"https://*.casas.mx", false, 403},
		"null":                             {"null", false, 403},
		"null in capitals":                 {"NULL", false, 403},
		"a scheme alone":                   {"https://", false, 403},
		"a file":                           {"file://", false, 403},
		"an extension":                     {"chrome-extension://abcdef", false, 403},
		"very long":                        {"https://" + strings.Repeat("a.", 4000) + "casas.mx", false, 403},
		"the relay":                        {"http://example.com", false, 202},
		"the relay behind a proxy's https": {"https://example.com", false, 202},
		"the relay on another port":        {"http://example.com:81", false, 403},
		"a subdomain of the relay":         {"http://a.example.com", false, 403},
		"the relay by another scheme":      {"ftp://example.com", false, 403},
		"the relay in capitals":            {"HTTPS://Example.COM", false, 202},
		"the site in another language":     {"https://casas-mx.translate.goog", true, 202},
		"a subdomain in another language":  {"https://www-casas-mx.translate.goog", true, 202},
		"another site in another language": {"https://evil-mx.translate.goog", false, 403},
		"the site, translated by nobody":   {"http://casas-mx.translate.goog", false, 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			w := d.post(jsonType, wholeJSON, "Origin", tt.origin)
			require.Equal(t, tt.status, w.Code)
			requireOrigin(t, w.Header(), tt.origin, tt.allowed)
			require.Equal(t, tt.status == 202, len(d.keeper.leads) == 1)

			w = d.ask("OPTIONS", "/f/casas", "", "Origin", tt.origin, "Access-Control-Request-Method", "POST")
			require.Equal(t, 204, w.Code)
			requireOrigin(t, w.Header(), tt.origin, tt.allowed)
			require.Equal(t, tt.allowed, w.Header().Get("Access-Control-Allow-Methods") != "")
		})
	}
}

func requireOrigin(t *testing.T, h map[string][]string, origin string, allowed bool) {
	t.Helper()
	if allowed {
		require.Equal(t, []string{origin}, h[corsAllow])
		require.Equal(t, []string{"Idempotency-Replayed, Retry-After, X-Request-Id"}, h["Access-Control-Expose-Headers"])
		require.Equal(t, []string{"true"}, h["Access-Control-Allow-Credentials"])
	} else {
		require.NotContains(t, h, corsAllow)
		require.NotContains(t, h, "Access-Control-Allow-Credentials")
		require.NotContains(t, h, "Access-Control-Allow-Headers")
	}
}

func TestAnOwnPageIsKnownBehindAProxyThatChangesTheHost(t *testing.T) {
	d := newRelay(t)
	require.Equal(t, 303, d.post(formType, wholeForm, "Origin", "https://relay.mx", "Sec-Fetch-Site", "same-origin").Code)
	require.Equal(t, 403, d.post(formType, wholeForm, "Origin", "https://relay.mx", "Sec-Fetch-Site", "same-site").Code)
	require.Equal(t, 403, d.post(formType, wholeForm, "Origin", "https://relay.mx", "Sec-Fetch-Site", "cross-site").Code)
	require.Equal(t, 403, d.post(formType, wholeForm, "Origin", "ftp://relay.mx", "Sec-Fetch-Site", "same-origin").Code)
}

func TestAnEmptyListTakesOwnPagesOnly(t *testing.T) {
	d := newRelay(t)
	for origin, status := range map[string]int{"": 202, "http://example.com": 202, "https://casas.mx": 403, "https://": 403} {
		require.Equal(t, status, d.ask("POST", "/f", wholeJSON, "Content-Type", jsonType, "Origin", origin).Code, origin)
	}
}

func TestOriginNull(t *testing.T) {
	tests := map[string]struct {
		contentType string
		headers     []string
		taken       bool
	}{
		"a form's navigation":               {formType, []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html,*/*;q=0.8"}, true},
		"a multipart form's navigation":     {multiType, []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html,*/*;q=0.8"}, true},
		"an old browser's form":             {formType, []string{"Accept", "text/html,*/*;q=0.8"}, true},
		"an old browser's form, anything":   {formType, []string{"Accept", "*/*"}, true},
		"a fetch":                           {formType, []string{"Sec-Fetch-Mode", "cors", "Accept", "text/html"}, false},
		"a fetch without CORS":              {formType, []string{"Sec-Fetch-Mode", "no-cors"}, false},
		"an old script's request":           {formType, []string{"X-Requested-With", "XMLHttpRequest"}, false},
		"a script that asks for JSON":       {formType, []string{"Accept", "application/json"}, false},
		"JSON":                              {jsonType, []string{"Accept", "text/html"}, false},
		"JSON that says it is a navigation": {jsonType, []string{"Sec-Fetch-Mode", "navigate"}, false},
		"a form that is plain text":         {"text/plain", []string{"Sec-Fetch-Mode", "navigate"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			body := map[string]string{formType: wholeForm, multiType: wholeParts()}[tt.contentType]
			if body == "" {
				body = wholeJSON
			}
			w := d.post(tt.contentType, body, append(tt.headers, "Origin", "null")...)
			require.NotContains(t, w.Header(), corsAllow)
			if tt.taken {
				require.Equal(t, 303, w.Code)
			} else {
				require.Equal(t, 403, w.Code)
			}
		})
	}
}

func TestABeaconHasAnOriginToo(t *testing.T) {
	d := newRelay(t)
	require.Equal(t, 403, d.post("text/plain;charset=UTF-8", wholeJSON, "Origin", "https://evil.mx").Code)
	require.Equal(t, 202, d.post("text/plain;charset=UTF-8", wholeJSON, "Origin", "https://casas.mx").Code)
}

func TestPreflight(t *testing.T) {
	d := newRelay(t)
	asked := strings.ToLower("Accept,Content-Type,X-Requested-With,Idempotency-Key,Formspree-Client,Formspree-Session-Data") +
		",x-csrf-token,sentry-trace,baggage,traceparent,hx-request,hx-current-url,authorization"
	w := d.ask("OPTIONS", "/f/casas", "", "Origin", "https://casas.mx", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", asked)
	require.Equal(t, 204, w.Code)
	require.Empty(t, w.Body.String())
	require.Equal(t, "https://casas.mx", w.Header().Get(corsAllow))
	require.Equal(t, "POST, OPTIONS", w.Header().Get("Access-Control-Allow-Methods"))
	require.Equal(t, asked, strings.ToLower(strings.ReplaceAll(w.Header().Get("Access-Control-Allow-Headers"), " ", "")))
	require.Equal(t, "7200", w.Header().Get("Access-Control-Max-Age"))
	require.Equal(t, []string{"Accept, Origin", "Access-Control-Request-Headers"}, w.Header()["Vary"])
	require.Empty(t, d.keeper.leads)

	w = d.ask("OPTIONS", "/f/casas", "", "Origin", "https://casas.mx", "Access-Control-Request-Method", "POST")
	require.Equal(t, 204, w.Code)
	requireOrigin(t, w.Header(), "https://casas.mx", true)
	require.NotContains(t, w.Header(), "Access-Control-Allow-Headers")

	w = d.ask("OPTIONS", "/f/casas", "", "Origin", "https://casas.mx", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", strings.Repeat("x-unknown,", 300))
	require.Equal(t, 204, w.Code)
	for name := range w.Header() {
		require.NotContains(t, name, "Access-Control")
	}

	w = d.ask("OPTIONS", "/f/nobody", "", "Origin", "https://casas.mx", "Access-Control-Request-Method", "POST")
	require.Equal(t, 404, w.Code)
	require.NotContains(t, w.Header(), corsAllow)

	w = d.ask("OPTIONS", "/f/casas", "")
	require.Equal(t, 204, w.Code)
	require.Equal(t, "GET, HEAD, OPTIONS, POST", w.Header().Get("Allow"))
}

// A page of the site can read every answer, so that a script can tell what went wrong.
func TestEveryAnswerCanBeRead(t *testing.T) {
	const origin = "https://casas.mx"
	d := newRelay(t)
	type call struct{ method, path, contentType, body string }
	for status, c := range map[int]call{
		202: {"POST", "/f/casas", jsonType, wholeJSON},
		200: {"GET", "/f/casas", "", ""},
		303: {"POST", "/f/casas", formType, wholeForm},
		400: {"POST", "/f/casas", jsonType, "{"},
		404: {"POST", "/f/casas/more", jsonType, wholeJSON},
		405: {"PUT", "/f/casas", jsonType, wholeJSON},
		413: {"POST", "/f/casas", jsonType, strings.Repeat(" ", 64<<10+1)},
		415: {"POST", "/f/casas", "text/xml", "<a/>"},
		422: {"POST", "/f/casas", jsonType, "{}"},
	} {
		w := d.ask(c.method, c.path, c.body, "Content-Type", c.contentType, "Origin", origin)
		require.Equal(t, status, w.Code, w.Body.String())
		requireOrigin(t, w.Header(), origin, true)
	}
	d.wait = time.Second
	w := d.post(jsonType, wholeJSON, "Origin", origin)
	require.Equal(t, 429, w.Code)
	requireOrigin(t, w.Header(), origin, true)
	d.wait, d.keeper.fails = 0, errors.New("disk full")
	w = d.post(jsonType, wholeJSON, "Origin", origin)
	require.Equal(t, 503, w.Code)
	requireOrigin(t, w.Header(), origin, true)
}

// logLines returns the log's lines with the message.
func (d *relay) logLines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(d.log.String()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		if fields["message"] == message {
			found = append(found, fields)
		}
	}
	return found
}

func TestARefusedOriginIsReportedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRelay(t)
		for i := range 120 {
			d.post(jsonType, wholeJSON, "Origin", "https://new"+strings.Repeat("w", i)+".mx")
			time.Sleep(time.Second)
		}
		d.ask("POST", "/f", wholeJSON, "Content-Type", jsonType, "Origin", "https://inicio.mx")
		lines := d.logLines(t, "origin refused")
		require.Len(t, lines, 3)
		require.Equal(t, "casas", lines[0]["site"])
		require.Equal(t, "https://new.mx", lines[0]["origin"])
		require.Equal(t, "sites.casas.origins: [https://casas.mx, https://*.casas.mx, https://new.mx]", lines[0]["allow_with"])
		require.Equal(t, "default", lines[2]["site"], "another site is not held up")
		require.Equal(t, "LEADRELAY_ORIGINS=https://inicio.mx", lines[2]["allow_with"])
	})
}

// The path is not logged, since anybody may write anything into one.
func TestAnUnknownSiteIsReportedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRelay(t)
		for i := range 90 {
			method := []string{"POST", "OPTIONS"}[i%2]
			require.Equal(t, 404, d.ask(method, "/f/canary", wholeJSON, "Content-Type", jsonType, "Origin", "https://casas.mx").Code)
			time.Sleep(time.Second)
		}
		lines := d.logLines(t, "post to a site that there is not")
		require.Len(t, lines, 2)
		require.Equal(t, "https://casas.mx", lines[0]["origin"])
		require.Equal(t, []any{"casas", "default", "homes"}, lines[0]["sites"])
		require.NotContains(t, d.log.String(), "canary")
	})
	for _, origin := range []string{"https://\x1b[31m.mx", "https://" + strings.Repeat("a", 400), "null", ""} {
		d := newRelay(t)
		require.Equal(t, 404, d.ask("POST", "/f/canary", wholeJSON, "Content-Type", jsonType, "Origin", origin).Code)
		require.NotContains(t, d.logLines(t, "post to a site that there is not")[0], "origin")
	}
}

func TestAnOddOriginIsNotWrittenToTheLog(t *testing.T) {
	for _, origin := range []string{"https://\x1b[31m.mx", "javascript:alert(1)", "https://a b", "https://" + strings.Repeat("a", 400)} {
		d := newRelay(t)
		require.Equal(t, 403, d.post(jsonType, wholeJSON, "Origin", origin).Code)
		lines := d.logLines(t, "origin refused")
		require.Len(t, lines, 1)
		require.Equal(t, "unreadable", lines[0]["origin"])
		require.NotContains(t, lines[0], "allow_with")
	}
}

// A page that was opened as a file has no origin, and no setting can allow it.
func TestAnOriginThatIsNullHasARemedy(t *testing.T) {
	d := newRelay(t)
	require.Equal(t, 403, d.post(jsonType, wholeJSON, "Origin", "null").Code)
	lines := d.logLines(t, "origin refused")
	require.Len(t, lines, 1)
	require.Equal(t, "null", lines[0]["origin"])
	require.Contains(t, lines[0]["remedy"], "over http")
	require.NotContains(t, lines[0], "allow_with")
}

// An origin opens its own site and no other, whatever the method and whatever a preflight
// asks for.
func TestAnOriginOpensItsOwnSiteOnly(t *testing.T) {
	opens := map[string]string{ // the site of each origin
		"https://casas.mx": "casas", "https://www.casas.mx": "casas", "https://homes.example": "homes",
		"": "", "null": "", "https://evil.mx": "", "http://casas.mx": "", "https://casas.mx:8443": "", "https://casas.mx.": "", "https://casas.mx.evil.mx": "",
		"https://sub.homes.example": "", "http://example.com": "", "https://CASAS.MX.evil.mx": "", "https://casas.mx\x00": "", "https://casas.mx https://evil.mx": "",
	}
	d := newRelay(t)
	for origin, opened := range opens {
		for _, id := range []string{"default", "casas", "homes", "nobody", "casas/thanks", "casas/more"} {
			for _, method := range []string{"POST", "OPTIONS", "GET", "HEAD", "PUT", "DELETE", "TRACE", "FOO"} {
				headers := []string{"Content-Type", jsonType, "Origin", origin}
				if method == "OPTIONS" {
					headers = append(headers, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization, x-evil", "Access-Control-Request-Private-Network", "true")
				}
				w := d.ask(method, "/f/"+id, wholeJSON, headers...)
				site, _, _ := strings.Cut(id, "/")
				requireOrigin(t, w.Header(), origin, opened == site && opened != "")
				require.Contains(t, w.Header().Get("Vary"), "Origin", "%s %s from %q", method, id, origin)
				require.NotContains(t, w.Header(), "Access-Control-Allow-Private-Network")
				require.NotContains(t, w.Header().Get("Access-Control-Allow-Methods"), "PUT")
			}
		}
	}
}

// No browser sends two origins in one request.
func TestTwoOriginHeaders(t *testing.T) {
	for _, pair := range [][2]string{
		{"https://evil.mx", "https://evil.mx"}, {"https://evil.mx", "null"}, {"https://evil.mx", ""}, {"https://evil.mx", "https://casas.mx"},
		{"https://casas.mx", "https://evil.mx"}, {"https://casas.mx", "https://casas.mx"}, {"https://casas.mx", ""}, {"", "https://casas.mx"}, {"", ""}, {"null", "null"},
		{"http://example.com", "https://evil.mx"}, {"http://example.com", "http://example.com"},
	} {
		for _, headers := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Mode", "navigate", "Accept", "text/html"}} {
			d := newRelay(t)
			headers = append(headers, "Origin", pair[0], "Origin", pair[1])
			w := d.post(formType, wholeForm, headers...)
			require.Equal(t, 403, w.Code, pair)
			requireOrigin(t, w.Header(), "", false)
			require.Empty(t, d.keeper.leads)
			w = d.ask("OPTIONS", "/f/casas", "", append(headers, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "accept")...)
			requireOrigin(t, w.Header(), "", false)
			refused := d.logLines(t, "origin refused")
			require.Equal(t, "several at once", refused[0]["origin"])
			require.NotContains(t, refused[0], "allow_with")
		}
	}
}

// Headers that a page asks for are allowed unchanged, and answered the same each time.
func TestAPreflightAllowsWhatItAsksFor(t *testing.T) {
	tests := map[string]struct {
		asked   []string
		allowed string // empty if the preflight is refused
	}{
		"a framework's header":      {[]string{"x-csrf-token"}, "x-csrf-token"},
		"several, in their order":   {[]string{"hx-request,baggage,accept"}, "hx-request, baggage, accept"},
		"with blanks and capitals":  {[]string{" X-CSRF-Token ,\tsentry-trace"}, "X-CSRF-Token, sentry-trace"},
		"in two lines":              {[]string{"accept", "baggage"}, "accept, baggage"},
		"an empty one among them":   {[]string{"accept,,baggage,"}, "accept, baggage"},
		"a name of all it may have": {[]string{"a!#$%&'*+-.^_`|~9"}, "a!#$%&'*+-.^_`|~9"},
		"a star":                    {[]string{"*"}, "*"},
		"just short enough":         {[]string{strings.Repeat("x", 1024)}, strings.Repeat("x", 1024)},
		"too long":                  {[]string{strings.Repeat("x", 1025)}, ""},
		"too long in two lines":     {[]string{strings.Repeat("x", 600), strings.Repeat("x", 600)}, ""},
		"a blank in a name":         {[]string{"x csrf"}, ""},
		"a quote":                   {[]string{`accept,"x"`}, ""},
		"a colon":                   {[]string{"x:y"}, ""},
		"a line end":                {[]string{"accept\r\nset-cookie: a=b"}, ""},
		"letters beyond ASCII":      {[]string{"x-año"}, ""},
		"a zero byte":               {[]string{"x\x00"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			headers := []string{"Origin", "https://casas.mx", "Access-Control-Request-Method", "POST"}
			for _, asked := range tt.asked {
				headers = append(headers, "Access-Control-Request-Headers", asked)
			}
			for range 2 {
				w := d.ask("OPTIONS", "/f/casas", "", headers...)
				require.Equal(t, 204, w.Code)
				requireOrigin(t, w.Header(), "https://casas.mx", tt.allowed != "")
				require.Equal(t, tt.allowed, w.Header().Get("Access-Control-Allow-Headers"))
			}
			headers[1] = "https://evil.mx"
			requireOrigin(t, d.ask("OPTIONS", "/f/casas", "", headers...).Header(), "", false)
		})
	}
}

// A page may send its cookies along, because nothing here reads them. The answers are the
// same with and without, and set no cookie.
func TestNoCookieIsSetOrRead(t *testing.T) {
	const cookies = "session=abc; _language=en; token=t; Idempotency-Key=k; __Host-leadrelay=1"
	for _, q := range []struct{ method, path, contentType, body string }{
		{"POST", "/f/casas", jsonType, wholeJSON}, {"POST", "/f/casas", formType, wholeForm}, {"POST", "/f/casas", formType, "email=a"},
		{"POST", "/f/casas", "text/xml", "<a/>"}, {"POST", "/f/nobody", formType, wholeForm}, {"GET", "/f/casas/thanks?folio=7", "", ""},
		{"OPTIONS", "/f/casas", "", ""}, {"PUT", "/f/casas", "", ""}, {"GET", "/f/casas/theme.css", "", ""}, {"GET", "/f/casas/more", "", ""},
	} {
		without, with := newRelay(t), newRelay(t)
		headers := []string{"Content-Type", q.contentType, "Origin", "https://casas.mx"}
		plain := without.ask(q.method, q.path, q.body, headers...)
		mixed := with.ask(q.method, q.path, q.body, append(headers, "Cookie", cookies)...)
		require.Equal(t, plain.Header(), mixed.Header(), q)
		require.Equal(t, plain.Body.String(), mixed.Body.String(), q)
		require.Equal(t, len(without.keeper.leads), len(with.keeper.leads))
		require.NotContains(t, mixed.Header(), "Set-Cookie")
		require.Equal(t, q.path != "/f/nobody", mixed.Header().Get("Access-Control-Allow-Credentials") == "true", q)
		require.Equal(t, without.log.String(), with.log.String())
		for i, l := range with.keeper.leads {
			require.Equal(t, without.keeper.leads[i].Inquiry, l.Inquiry)
		}
	}
}

// However much a preflight asks for, the answer is immediate and short.
func TestAPreflightWithManyHeaders(t *testing.T) {
	d := newRelay(t)
	for name, asked := range map[string]string{
		"3 KiB of names":  strings.Repeat("x-unknown,", 300),
		"8 KiB of names":  strings.Repeat("x-unknown,", 820),
		"commas":          strings.Repeat(",", 12<<10),
		"blanks":          strings.Repeat(" ,", 6<<10),
		"one long name":   strings.Repeat("x", 12<<10),
		"not one that is": strings.Repeat("\x7f", 2<<10),
	} {
		t.Run(name, func(t *testing.T) {
			w := d.quickly(t, func() *httptest.ResponseRecorder {
				return d.ask("OPTIONS", "/f/casas", "", "Origin", "https://casas.mx", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", asked)
			})
			require.Equal(t, 204, w.Code)
			for name := range w.Header() {
				require.NotContains(t, name, "Access-Control")
			}
		})
	}
}
