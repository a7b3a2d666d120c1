package intake_test

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

var (
	inputTag = regexp.MustCompile(`<input ([^>]*)>`)
	areaTag  = regexp.MustCompile(`(?s)<textarea ([^>]*)>\n(.*?)</textarea>`)
	nameAttr = regexp.MustCompile(`\bname="([^"]*)"`)
	value    = regexp.MustCompile(`\bvalue="([^"]*)"`)
)

// formOf returns what a browser would post from the page's form.
func formOf(t *testing.T, w *httptest.ResponseRecorder) url.Values {
	t.Helper()
	form := url.Values{}
	attr := func(re *regexp.Regexp, tag string) string {
		m := re.FindStringSubmatch(tag)
		if m == nil {
			return ""
		}
		return html.UnescapeString(m[1])
	}
	for _, tag := range inputTag.FindAllStringSubmatch(w.Body.String(), -1) {
		form.Add(attr(nameAttr, tag[1]), attr(value, tag[1]))
	}
	for _, tag := range areaTag.FindAllStringSubmatch(w.Body.String(), -1) {
		form.Add(attr(nameAttr, tag[1]), html.UnescapeString(tag[2]))
	}
	require.Regexp(t, `method="post" action="/f/(casas|costa)"`, w.Body.String())
	return form
}

// controls returns the names and values of the page's form, in the order in which a
// browser posts them.
func controls(t *testing.T, w *httptest.ResponseRecorder) (all [][]string) {
	t.Helper()
	both := regexp.MustCompile(`(?s)<input [^>]*\bname="([^"]*)"[^>]*\bvalue="([^"]*)"[^>]*>|<textarea [^>]*\bname="([^"]*)"[^>]*>\n(.*?)</textarea>`)
	for _, m := range both.FindAllStringSubmatch(w.Body.String(), -1) {
		all = append(all, []string{html.UnescapeString(m[1] + m[3]), html.UnescapeString(m[2] + m[4])})
	}
	require.NotEmpty(t, all)
	return all
}

// What makes two forms different, makes them different each time: they are filled in
// anew, with a stamp of their own.
func TestAFormIsFilledInEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRelay(t)
		stamp := regexp.MustCompile(`name="_shown" value="([^"]+)"`)
		links := [][]string{ // the path, and the language that the client accepts
			{"/f/homes", "es"}, {"/f/homes", "en"}, {"/f/homes?_language=en", "es"}, {"/f/casas", "es"}, {"/f/casas?property_id=EB-1", "es"},
			{"/f/casas?property_id=EB-2", "es"}, {"/f/casas?property_id=%3Cb%3E", "es"}, {"/f/casas?utm_source=ads", "es"},
		}
		seen := map[string]bool{}
		for _, link := range links {
			first := d.ask("GET", link[0], "", "Accept-Language", link[1])
			time.Sleep(time.Second)
			again := d.ask("GET", link[0], "", "Accept-Language", link[1])
			require.Equal(t, 200, again.Code)
			require.Equal(t, first.Header(), again.Header())
			was, is := stamp.FindStringSubmatch(first.Body.String()), stamp.FindStringSubmatch(again.Body.String())
			require.NotEqual(t, was[1], is[1], "each visitor has a stamp of his own")
			require.Equal(t, strings.ReplaceAll(first.Body.String(), was[1], is[1]), again.Body.String())
			seen[strings.ReplaceAll(again.Body.String(), is[1], "")] = true
		}
		require.Len(t, seen, len(links))
	})
}

func TestHostedForm(t *testing.T) {
	d := newRelay(t)
	w := d.ask("GET", "/f/casas?property_id=EB-AB1234&email=canary%40x.mx", "")
	require.Equal(t, 200, w.Code)
	requireHeaders(t, w)
	requirePolicy(t, w)
	require.NotContains(t, w.Body.String(), "canary")
	form := formOf(t, w)
	require.NotEmpty(t, form.Get("_shown"))
	form.Del("_shown")
	require.Equal(t, url.Values{"property_id": {"EB-AB1234"}, "name": {""}, "email": {""}, "phone": {""}, "message": {""}}, form)

	form.Set("email", "ana@casas.mx")
	form.Set("message", "Hola")
	w = d.post(formType, form.Encode(), "Origin", "http://example.com", "Referer", "http://example.com/f/casas")
	require.Equal(t, 303, w.Code)
	require.Equal(t, "EB-AB1234", d.one(t).PropertyID)
}

// A link to the form, in a mail or an advertisement, says where its visitor comes from.
// The lead keeps that, even if the form has to come back once.
func TestHostedFormKeepsTheCampaign(t *testing.T) {
	d := newRelay(t)
	const long = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	w := d.ask("GET", "/f/casas?property_id=EB-1&utm_source=boletín&UTM_Medium=correo&utm-x=1&utm_campaign=%22%3E%3Cb%3E&utm_term=%ff&utm_content=&gclid=7&email=x%40y.mx&_gotcha=1&utm_id="+long+long+long, "")
	require.Equal(t, 200, w.Code)
	require.NotContains(t, w.Body.String(), "<b>")
	form := formOf(t, w)
	for _, name := range []string{"utm-x", "utm_content", "utm_id", "utm_term", "gclid", "_gotcha"} {
		require.NotContains(t, form, name)
	}
	require.Empty(t, form.Get("email"))

	form.Set("email", "ana@casas")
	form.Set("message", "Hola")
	again := d.post(formType, form.Encode(), "Origin", "http://example.com")
	require.Equal(t, 422, again.Code)
	form = formOf(t, again)
	form.Set("email", "ana@casas.mx")
	require.Equal(t, 303, d.post(formType, form.Encode(), "Origin", "http://example.com").Code)
	require.Equal(t, map[string]string{"utm_source": "boletín", "utm_medium": "correo", "utm_campaign": `"><b>`}, d.one(t).Context)
}

func TestHostedFormKeepsNoMoreThanACampaign(t *testing.T) {
	d := newRelay(t)
	query := url.Values{"property_id": {"EB-1"}}
	for i := range 500 {
		query.Set(fmt.Sprintf("utm_%03d", i), "x")
	}
	w := d.ask("GET", "/f/casas?"+query.Encode(), "")
	require.Equal(t, 8, strings.Count(w.Body.String(), `name="utm_`))
	require.Equal(t, 1, strings.Count(w.Body.String(), `name="utm_007"`), "the same each time")
}

func TestHostedFormRefusesAPropertyAtOnce(t *testing.T) {
	for property, shown := range map[string]bool{
		"": true, "EB-1": true, " EB-1 ": true, "../x": false, "<script>": false, "EB\x00": false, strings.Repeat("a", 65): false, "\xff": false,
	} {
		w := newRelay(t).ask("GET", "/f/casas?property_id="+url.QueryEscape(property), "")
		require.Equal(t, 200, w.Code)
		require.Equal(t, shown, !strings.Contains(w.Body.String(), `aria-invalid="true"`), "%q", property)
		require.NotContains(t, w.Body.String(), "<script>")
	}
}

func TestHostedFormSpeaksTheAskedLanguage(t *testing.T) {
	d := newRelay(t)
	w := d.ask("GET", "/f/casas?_language=en", "")
	require.Contains(t, w.Body.String(), `<html lang="en"`)
	require.Equal(t, "en", formOf(t, w).Get("_language"))
}

// The form marks the wrong fields and loses nothing that was typed.
func TestFormAgain(t *testing.T) {
	posted := url.Values{
		"clave": {"EB-AB1234"}, "your-name": {"Ana \"<b>\" O'Neill"}, "correo": {"ana@casas"}, "teléfono": {"55 1234 5678"},
		"Tu Pregunta": {"\n  línea uno\nlínea dos & más </textarea>"},
		"_next":       {"/gracias"}, "_gotcha": {""}, "cf-turnstile-response": {"token"}, "utm_source": {"feria"}, "color": {"azul", "rojo"},
	}
	d := newRelay(t)
	w := d.post(formType, posted.Encode(), "Origin", "https://www.casas.mx")
	require.Equal(t, 422, w.Code)
	requireHeaders(t, w)
	requirePolicy(t, w)
	require.Contains(t, w.Body.String(), "Escribe el correo completo")
	require.Equal(t, 1, strings.Count(w.Body.String(), `aria-invalid="true"`))
	require.NotContains(t, w.Body.String(), "<b>")

	form := formOf(t, w)
	posted.Set("_next", "https://www.casas.mx/gracias") // a path would mean the relay's own from here
	require.Equal(t, posted, form)

	form.Set("correo", "ana@casas.mx")
	w = d.post(formType, form.Encode(), "Origin", "http://example.com")
	require.Equal(t, 303, w.Code)
	require.Equal(t, "https://www.casas.mx/gracias", w.Header().Get("Location"))
	l := d.one(t)
	require.Equal(t, "55 1234 5678", l.Phone)
	require.Equal(t, "línea uno\nlínea dos & más </textarea>", l.Message)
	require.Equal(t, "feria", l.Context["utm_source"])
}

// A form that comes back shows five fields and carries along everything else that was
// posted. What the visitor writes into the five counts.
func TestFormAgainDoesNotLetAnOldValueWin(t *testing.T) {
	long := strings.Repeat("x", 5001)
	tests := map[string]struct {
		posted  []string
		mended  string // what the visitor writes into the field
		field   lead.Field
		isExtra string // what is kept beside it
	}{
		"the contract's name":     {[]string{"correo", "ana@casas", "email", "otra@casas"}, "ana@casas.mx", lead.Email, "ana@casas"},
		"one name twice":          {[]string{"email", "ana@casas", "email", "otra@casas.mx"}, "ana@casas.mx", lead.Email, "otra@casas.mx"},
		"two aliases":             {[]string{"correo", "ana@casas", "mail", "otra@casas.mx"}, "ana@casas.mx", lead.Email, "otra@casas.mx"},
		"the longest of two":      {[]string{"email", "ana@casas.mx", "mensaje", long, "comentarios", "Llámenme por la tarde"}, "Hola", lead.Message, "Llámenme por la tarde"},
		"in a place of their own": {[]string{"contact[name]", "Ana", "contact[correo]", "ana@casas", "contact[mail]", "otra@casas.mx"}, "ana@casas.mx", lead.Email, "otra@casas.mx"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			w := d.post(formType, encoded(append(tt.posted, "clave", "EB-1", "mensaje", "Hola")...))
			require.Equal(t, 422, w.Code)
			shown := regexp.MustCompile(`id="f-` + string(tt.field) + `" name="([^"]*)"`).FindStringSubmatch(w.Body.String())
			require.NotNil(t, shown)
			inOrder := controls(t, w)
			for i, c := range inOrder {
				if c[0] == shown[1] {
					inOrder[i][1] = tt.mended
					break
				}
			}
			require.Equal(t, 303, d.post(formType, encoded(slices.Concat(inOrder...)...)).Code)
			l := d.one(t)
			require.Equal(t, tt.mended, l.Get(tt.field))
			require.True(t, slices.ContainsFunc(l.Extra, func(p lead.Pair) bool { return p.Value == tt.isExtra }), l.Extra)
		})
	}
}

func TestFormAgainInTheVisitorsLanguage(t *testing.T) {
	w := newRelay(t).post(formType, "email=a%40b&_language=en")
	require.Equal(t, 422, w.Code)
	require.Contains(t, w.Body.String(), `<html lang="en"`)
	require.Equal(t, "en", formOf(t, w).Get("_language"))
}

func TestFormAgainAfterJSON(t *testing.T) {
	w := newRelay(t).post(jsonType, `{"email":"a@b","name":{"a":1},"n":42,"x":{"y":1},"_gotcha":"z"}`, "Accept", "text/html")
	require.Equal(t, 422, w.Code)
	form := formOf(t, w)
	require.Equal(t, "a@b", form.Get("email"))
	require.Equal(t, "42", form.Get("n"))
	require.Equal(t, "z", form.Get("_gotcha"))
	require.False(t, form.Has("x"))
}

// A page that says "try again" has a button for it, with everything that was typed.
func TestTryAgainKeepsWhatWasTyped(t *testing.T) {
	d := newRelay(t)
	d.keeper.fails = errors.New("disk full")
	w := d.post(formType, wholeForm+"&_gotcha=&utm_source=feria")
	require.Equal(t, 503, w.Code)
	require.Equal(t, "30", w.Header().Get("Retry-After"))
	requireHeaders(t, w)
	requirePolicy(t, w)
	form := formOf(t, w)
	require.Equal(t, "feria", form.Get("utm_source"))
	d.keeper.fails = nil
	require.Equal(t, 303, d.post(formType, form.Encode()).Code)
	require.Equal(t, "ana@casas.mx", d.one(t).Email)
}

// Browsers check a page's form-action against the redirect after the post.
func TestPolicyLetsTheFormEndOnTheSite(t *testing.T) {
	d := newRelay(t)
	policy := d.ask("GET", "/f/casas", "").Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "form-action 'self' https://casas.mx https://*.casas.mx;")
	policy = d.ask("GET", "/f/homes", "").Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "form-action 'self' https://homes.example https://homes.example;")
	policy = d.ask("GET", "/other", "", "Accept", "text/html").Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "form-action 'self';")
}

func TestThanks(t *testing.T) {
	d := newRelay(t)
	w := d.ask("GET", "/f/casas/thanks?folio=28339200001", "", "Referer", "https://www.casas.mx/p/1")
	require.Equal(t, 200, w.Code)
	requireHeaders(t, w)
	requirePolicy(t, w)
	require.Contains(t, w.Body.String(), "Recibimos tu mensaje")
	require.Regexp(t, `28\S{1,6}339\S{1,6}200\S{1,6}001`, strings.ReplaceAll(w.Body.String(), " ", "&nbsp;"))
	require.Contains(t, w.Body.String(), `href="https://www.casas.mx/p/1"`)

	w = d.ask("GET", "/f/casas/thanks?folio=1", "", "Referer", "https://evil.mx/")
	require.Contains(t, w.Body.String(), `href="https://casas.mx"`)
	require.NotContains(t, w.Body.String(), "evil")

	for _, folio := range []string{"", "0", "-1", "x", "1.5", "9007199254740992", "<script>", "1%00", "1&folio=2x"} {
		w = d.ask("GET", "/f/casas/thanks?folio="+url.QueryEscape(folio), "")
		require.Equal(t, 404, w.Code, folio)
		require.NotContains(t, w.Body.String(), "<script>")
	}
}

// A site that requires one of two fields says so at both.
func TestTheFormAsksForOneOfTwo(t *testing.T) {
	d := newRelay(t)
	page := d.ask("GET", "/f/homes", "", "Accept-Language", "es").Body.String()
	require.Contains(t, page, `Correo electrónico <span class="optional">(uno de los dos)</span>`)
	require.Contains(t, page, `Teléfono o WhatsApp <span class="optional">(uno de los dos)</span>`)
	require.NotContains(t, d.ask("GET", "/f/casas", "").Body.String(), "uno de los dos")
	wrong := d.ask("POST", "/f/homes", "name=Ana", "Content-Type", formType, "Accept", "text/html", "Accept-Language", "es").Body.String()
	require.Equal(t, 2, strings.Count(wrong, "Escribe tu correo o tu teléfono para poder responderte."))
}

// agency returns a relay for a site with everything that its pages can show.
func agency(t *testing.T) *relay {
	t.Helper()
	return agencyWith(t, "")
}

// agencyWith returns the same with words of its own in front of its privacy notice.
func agencyWith(t *testing.T, notice string) *relay {
	t.Helper()
	d := newRelay(t)
	s := site.Site{
		ID: "costa", Source: "costa.mx", Name: "Casas de la Costa", Color: "#ffd400", Privacy: "https://costa.mx/aviso?v=2", PrivacyText: notice,
		Origins: origins(t, "https://costa.mx"), Locale: "es", Rules: lead.DefaultRules(), Tick: lead.Milliseconds,
	}
	d.open(intake.New([]site.Site{s}, d.keeper, intake.Options{}))
	return d
}

func TestPagesHaveTheSitesNameAndColor(t *testing.T) {
	d := agency(t)
	const theme = "/f/costa/theme.css?ffd400"
	for name, w := range map[string]*httptest.ResponseRecorder{
		"form":    d.ask("GET", "/f/costa", ""),
		"again":   d.ask("POST", "/f/costa", "email=x", "Content-Type", formType, "Accept", "text/html"),
		"thanks":  d.ask("GET", "/f/costa/thanks?folio=28339200001", ""),
		"problem": d.ask("POST", "/f/costa", " ", "Content-Type", formType, "Accept", "text/html"),
		"nowhere": d.ask("GET", "/f/costa/nada", "", "Accept", "text/html"),
	} {
		requireHeaders(t, w)
		requirePolicy(t, w)
		require.Contains(t, w.Body.String(), `<link rel="stylesheet" href="`+theme+`">`, name)
		require.Contains(t, w.Body.String(), `<header class="site">Casas de la Costa</header>`, name)
	}
	w := d.ask("GET", theme, "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), "--accent: #")
	require.Equal(t, "public, max-age=86400", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, 405, d.ask("POST", theme, "").Code)

	plain := newRelay(t)
	require.NotContains(t, plain.ask("GET", "/f/casas", "").Body.String(), "theme.css")
	require.Equal(t, 404, plain.ask("GET", "/f/casas/theme.css", "").Code)
	require.Equal(t, 404, plain.ask("GET", "/f/nadie/theme.css", "").Code)
}

// A problem page links back to the site, but not away from what was typed.
func TestProblemPagesLeadBack(t *testing.T) {
	d := agency(t)
	const back = `<a href="https://costa.mx">Volver al sitio</a>`
	require.Contains(t, d.ask("GET", "/f/costa/nada", "", "Accept", "text/html").Body.String(), back)
	require.NotContains(t, d.ask("POST", "/f/costa", " ", "Content-Type", formType, "Accept", "text/html").Body.String(), back)
	require.NotContains(t, d.ask("GET", "/f/nadie", "", "Accept", "text/html").Body.String(), "<header")
}

// The lead keeps what the visitor agreed to, in the words that were shown.
func TestConsentIsEvidence(t *testing.T) {
	for lang, want := range map[string]string{
		"es": "Al enviar aceptas el aviso de privacidad: https://costa.mx/aviso?v=2",
		"en": "By sending you accept the privacy notice: https://costa.mx/aviso?v=2",
	} {
		d := agency(t)
		w := d.ask("GET", "/f/costa?property_id=EB-1&_language="+lang, "")
		require.Contains(t, w.Body.String(), `<a href="https://costa.mx/aviso?v=2" target="_blank" rel="noopener">`)
		form := formOf(t, w)
		require.Equal(t, want, form.Get("consent"))
		form.Set("email", "ana") // the form comes back, and has it once
		w = d.ask("POST", "/f/costa", form.Encode(), "Content-Type", formType, "Accept", "text/html")
		require.Equal(t, 422, w.Code)
		form = formOf(t, w)
		require.Equal(t, []string{want}, form["consent"])
		form.Set("email", "ana@ejemplo.mx")
		form.Set("message", "Hola")
		require.Equal(t, 303, d.ask("POST", "/f/costa", form.Encode(), "Content-Type", formType, "Accept", "text/html").Code)
		require.Equal(t, want, d.one(t).Context["consent"])
	}
	w := newRelay(t).ask("GET", "/f/casas", "")
	require.NotContains(t, w.Body.String(), "consent")
	own := agencyWith(t, "Casas SA usa tus datos <para responderte>. Al enviar aceptas su").ask("GET", "/f/costa", "")
	require.Contains(t, own.Body.String(), `usa tus datos &lt;para responderte&gt;. Al enviar aceptas su <a href=`)
	require.Equal(t, "Casas SA usa tus datos <para responderte>. Al enviar aceptas su aviso de privacidad: https://costa.mx/aviso?v=2", formOf(t, own).Get("consent"))
}

// While too many ask for pages, who has typed something gets it back all the same.
// All others get a few words, soon.
func TestPagesWaitForTheirTurn(t *testing.T) {
	d := newRelay(t)
	turns, rendered := 0, 0
	d.open(intake.New(sites(t), d.keeper, intake.Options{Turn: func(*http.Request) (func(), bool) {
		turns--
		return func() { rendered++ }, turns >= 0
	}}))
	turns = 2
	require.Equal(t, 200, d.ask("GET", "/f/casas?property_id=EB-1", "").Code)
	require.Equal(t, 200, d.ask("GET", "/f/casas/thanks?folio=1", "").Code)
	require.Equal(t, 2, rendered)

	tests := map[string]struct {
		method, path, body string
		status             int
		says, in           string
	}{
		"a form":            {"GET", "/f/casas?property_id=EB-2", "", 503, "no se pudo mostrar", "text/plain"},
		"a thank-you page":  {"GET", "/f/casas/thanks?folio=1", "", 503, "no se pudo mostrar", "text/plain"},
		"it, in English":    {"GET", "/f/homes/thanks?folio=1", "", 503, "could not be shown", "text/plain"},
		"the first page":    {"HEAD", "/", "", 503, "", "text/plain"},
		"no page":           {"GET", "/other", "", 404, "does not exist", "text/plain"},
		"a post to no site": {"POST", "/f/nobody", "a=b", 404, "", "text/plain"},
		"an inquiry":        {"POST", "/f/casas", wholeForm, 303, "", ""},
		"half an inquiry":   {"POST", "/f/casas", "name=Ana", 422, `value="Ana"`, "text/html"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			turns = 0
			w := d.ask(test.method, test.path, test.body, "Accept", "text/html", "Accept-Language", "en", "Content-Type", formType)
			require.Equal(t, test.status, w.Code)
			require.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), test.in), w.Header())
			require.Contains(t, w.Body.String(), test.says)
			require.GreaterOrEqual(t, turns, -1, "a page is waited for once")
			if test.status == 503 {
				require.Equal(t, "5", w.Header().Get("Retry-After"))
				requireHeaders(t, w)
			}
		})
	}
	require.Equal(t, 2, rendered)
}
