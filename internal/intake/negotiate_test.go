package intake_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNegotiation(t *testing.T) {
	tests := map[string]struct {
		contentType string
		headers     []string
		asJSON      bool
	}{
		"a form asks for nothing":            {formType, nil, false},
		"a form takes anything":              {formType, []string{"Accept", "*/*"}, false},
		"a browser's form":                   {formType, []string{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}, false},
		"a form that wants JSON":             {formType, []string{"Accept", "application/json"}, true},
		"a form that wants JSON first":       {formType, []string{"Accept", "application/json, text/plain, */*;q=0.5"}, true},
		"a form that names JSON alone":       {formType, []string{"Accept", "application/json, text/plain, */*"}, true},
		"a form that names HTML alone":       {formType, []string{"Accept", "text/html, */*"}, false},
		"a form that wants JSON most":        {formType, []string{"Accept", "text/html;q=0.8,application/json"}, true},
		"a form that wants both":             {formType, []string{"Accept", "application/json, text/html"}, false},
		"a form that wants HTML most":        {formType, []string{"Accept", "application/json;q=0.3, text/html;q=0.4"}, false},
		"a form that wants no HTML":          {formType, []string{"Accept", "*/*, text/html;q=0"}, true},
		"a form that wants any application":  {formType, []string{"Accept", "application/*"}, true},
		"a form that wants problems as JSON": {formType, []string{"Accept", "application/problem+json"}, true},
		"capitals":                           {formType, []string{"Accept", "Application/JSON; Q=1.0, Text/HTML; Q=0.1"}, true},
		"two headers":                        {formType, []string{"Accept", "text/html;q=0.1", "Accept", "application/json"}, true},
		"weights of nonsense":                {formType, []string{"Accept", "application/json;q=x, text/html;q=NaN"}, false},
		"weights above one":                  {formType, []string{"Accept", "application/json;q=9, text/html;q=1"}, false},
		"a script's form":                    {formType, []string{"X-Requested-With", "XMLHttpRequest", "Accept", "text/html"}, true},
		"a script in small letters":          {formType, []string{"X-Requested-With", "xmlhttprequest"}, true},
		"a fetch that takes anything":        {formType, []string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, true},
		"a fetch on the relay's own page":    {formType, []string{"Sec-Fetch-Mode", "same-origin"}, true},
		"a fetch that wants HTML":            {formType, []string{"Sec-Fetch-Mode", "cors", "Accept", "text/html"}, false},
		"a form's navigation":                {formType, []string{"Sec-Fetch-Mode", "navigate", "Accept", "*/*"}, false},
		"an app":                             {formType, []string{"X-Requested-With", "com.example.app"}, false},
		"JSON asks for nothing":              {jsonType, nil, true},
		"JSON takes anything":                {jsonType, []string{"Accept", "*/*"}, true},
		"JSON that wants HTML":               {jsonType, []string{"Accept", "text/html"}, false},
		"JSON that wants both":               {jsonType, []string{"Accept", "text/html, application/json"}, true},
		"JSON that wants HTML most":          {jsonType, []string{"Accept", "text/html, application/json;q=0.9"}, false},
		"a beacon":                           {"text/plain;charset=UTF-8", []string{"Accept", "*/*"}, true},
		"an Accept of nonsense":              {jsonType, []string{"Accept", ",;q,=;;,/,"}, true},
		"an Accept of 60 KiB":                {formType, []string{"Accept", strings.Repeat("a/b;q=0.1,", 6000) + "application/json"}, true},
		"something that is neither":          {formType, []string{"Accept", "image/png"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := wholeForm
			if tt.contentType != formType {
				body = wholeJSON
			}
			d := newRelay(t)
			w := d.post(tt.contentType, body, tt.headers...)
			require.Equal(t, map[bool]int{true: 202, false: 303}[tt.asJSON], w.Code, w.Body.String())

			w = d.post(tt.contentType, "=", tt.headers...)
			require.Equal(t, tt.asJSON, w.Header().Get("Content-Type") == "application/problem+json", w.Header())
		})
	}
}

func TestLanguage(t *testing.T) {
	const es, en = "Recibimos tu mensaje", "We received your message"
	tests := map[string]struct {
		site, language, accept string
		want                   string
	}{
		"the site's":                   {"casas", "", "en", es},
		"the form's":                   {"casas", "en", "es", en},
		"the form's, with its country": {"casas", "en-US", "es", en},
		"the form's, in capitals":      {"casas", " EN ", "es", en},
		"one that we do not speak":     {"casas", "fr", "en", es},
		"the browser's":                {"homes", "", "fr, en;q=0.8, es;q=0.2", en},
		"the browser's, Spanish":       {"homes", "", "es-MX,es;q=0.9,en;q=0.8", es},
		"none":                         {"homes", "", "", es},
		"the form's over the browser":  {"homes", "es", "en", es},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			form := wholeForm + "&_language=" + tt.language
			d := newRelay(t)
			w := d.ask("POST", "/f/"+tt.site, form, "Content-Type", formType, "Accept", jsonType, "Accept-Language", tt.accept)
			require.Equal(t, 202, w.Code)
			require.Contains(t, w.Body.String(), tt.want)
		})
	}
}

func TestTheLanguageFollowsTheVisitor(t *testing.T) {
	d := newRelay(t)
	w := d.post(formType, wholeForm+"&_language=en")
	require.Equal(t, "/f/casas/thanks?folio=28339200001&_language=en", w.Header().Get("Location"))
	w = d.ask("GET", w.Header().Get("Location"), "")
	require.Contains(t, w.Body.String(), "We received your message")
	require.Equal(t, "en", w.Header().Get("Content-Language"))

	w = d.post(jsonType, `{"_language":"en"}`)
	require.Contains(t, w.Body.String(), "property_id")
	require.Equal(t, "en", w.Header().Get("Content-Language"))
	require.NotContains(t, readProblem(t, w).Errors[0].Message, "Escribe")

	w = d.ask("POST", "/f/nobody", wholeForm, "Content-Type", formType, "Accept-Language", "en")
	require.Contains(t, w.Body.String(), `<html lang="en"`)
}
