package lead_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"leadrelay/internal/lead"
)

// asked returns an inquiry with fields, context and extra fields.
func asked() lead.Inquiry {
	return lead.Inquiry{
		PropertyID: "EB-1", Name: "Ana Ñandú", Email: "ana@casas.mx", Phone: "55 1234 5678", Message: "¿Sigue?\n\nGracias",
		Context: map[string]string{"page_url": "https://casas.mx/1", "utm_source": "feria", "consent": "sí"},
		Extra: []lead.Pair{
			{Name: "¿Crédito?", Value: "Infonavit"}, {Name: "zona", Value: "Roma\nCondesa"}, {Name: "Zona", Value: "Del Valle"}, {Name: "fields[x]", Value: "{message}"},
		},
	}
}

func TestATemplateIsFilled(t *testing.T) {
	const message = "¿Sigue?\n\nGracias"
	for name, test := range map[string]struct{ template, want string }{
		"the message alone":                 {"{message}", message},
		"context below":                     {"{message}\n\nPágina: {page_url}\nDe: {utm_source}", message + "\n\nPágina: https://casas.mx/1\nDe: feria"},
		"context above":                     {"[{utm_source}]\n{message}", "[feria]\n" + message},
		"a line without a value":            {"{message}\nCampaña: {utm_campaign}\nDe: {utm_source}", message + "\nDe: feria"},
		"a line of which one value is here": {"{message}\n{utm_source} / {utm_campaign}", message + "\nferia /"},
		"no value at all":                   {"{message}\n\n{utm_term}\nCampaña: {utm_campaign}", message},
		"a line without a field":            {"{message}\n--\nMás: {nada}\nfin", message + "\n--\nfin"},
		"the message's line":                {"{nada}: {message} ({name})", ": " + message + " (Ana Ñandú)"},
		"all of our fields":                 {"{message}\n{property_id} {name} {email} {phone}", message + "\nEB-1 Ana Ñandú ana@casas.mx 55 1234 5678"},
		"a form's own field":                {"{message}\nCrédito: {¿Crédito?}", message + "\nCrédito: Infonavit"},
		"values of several lines":           {"{message}\n{ZONA}.", message + "\nRoma Condesa, Del Valle."},
		"names in another case":             {"{ Message }\n{UTM_Source}", message + "\nferia"},
		"a value that looks like a field":   {"{message}\n{fields[x]}", message + "\n{message}"},
		"braces":                            {"{{{{{message}}}\n{{utm_source}} } {{", "{{" + message + "}\n{utm_source} } {"},
		"line ends of another system":       {"{message}\r\nDe: {utm_source}\r\n", message + "\nDe: feria"},
		"accents in two pieces":             {"{message}\n{¿Cre\u0301dito?}", message + "\nInfonavit"},
	} {
		t.Run(name, func(t *testing.T) {
			template, err := lead.ParseTemplate(test.template)
			require.NoError(t, err)
			q := asked()
			require.Equal(t, test.want, template.Fill(&q))
			require.Equal(t, asked(), q)
			again, err := lead.ParseTemplate(template.String())
			require.NoError(t, err)
			require.Equal(t, template, again)
		})
	}
}

func TestWithoutATemplateTheMessageIsTheVisitors(t *testing.T) {
	q := asked()
	require.Equal(t, q.Message, lead.Template{}.Fill(&q))
	require.Empty(t, lead.Template{}.String())
}

func TestAMalformedTemplateIsRefused(t *testing.T) {
	const once, brace = "{message} exactly once", "a brace itself is written {{"
	for name, test := range map[string]struct{ template, want string }{
		"nothing":                    {"", once},
		"no message":                 {"Página: {page_url}", once},
		"a message in two braces":    {"{{message}}", once},
		"the message twice":          {"{message}\n{Message}", once},
		"twice on a line":            {"{message} {message}", once},
		"a brace left open":          {"{message} {page_url", brace},
		"a name over two lines":      {"{message} {page\n_url}", brace},
		"a brace inside of a name":   {"{message} {page{url}", brace},
		"no name":                    {"{message} { }", brace},
		"a name that shows no shape": {"{message} {\u200b}", brace},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lead.ParseTemplate(test.template)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestContextGivesWayToALongMessage(t *testing.T) {
	long := func(n int) string { return strings.Repeat("é", n) }
	for name, test := range map[string]struct {
		template string
		message  string
		want     string
	}{
		"all fits":                          {"{message}\n{utm_source}", long(4994), long(4994) + "\nferia"},
		"one rune too long":                 {"{message}\n{utm_source}", long(4995), long(4995)},
		"the last lines first":              {"{utm_source}\n{message}\n{name}\n{page_url}", long(4980), "feria\n" + long(4980) + "\nAna Ñandú"},
		"what stands above goes last":       {"{name}\n{utm_source}\n{message}\n{page_url}", long(4988), "Ana Ñandú\n" + long(4988)},
		"as long as a message may be":       {"Hola:\n{message}\n{utm_source}", long(5000), long(5000)},
		"what stands on the message's line": {"Dice: {message}", long(4999), long(4999)},
	} {
		t.Run(name, func(t *testing.T) {
			template, err := lead.ParseTemplate(test.template)
			require.NoError(t, err)
			q := asked()
			q.Message = test.message
			require.Equal(t, test.want, template.Fill(&q))
		})
	}
}

// For every template and all values, the result has the visitor's complete message
// once, and EasyBroker accepts its length.
func TestAnyTemplateKeepsTheMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{"{utm_source}", "{x}", "{name}", "\n", " ", "Página: ", "{{", "}}", "}", "é"}))
		parts := append(append(pieces.Draw(t, "before"), "{message}"), pieces.Draw(t, "after")...)
		template, err := lead.ParseTemplate(strings.Join(parts, ""))
		require.NoError(t, err)
		l, err := lead.New(lead.Inquiry{
			PropertyID: "EB-1", Email: "a@x.mx", Message: strings.Repeat("¿Sigue?\n", rapid.IntRange(0, 624).Draw(t, "length")) + "Hola",
			Context: map[string]string{"utm_source": rapid.String().Draw(t, "source")}, Extra: []lead.Pair{{Name: "x", Value: rapid.String().Draw(t, "x")}},
		}, "casas.mx", lead.DefaultRules(), noon)
		require.NoError(t, err)
		got := template.Fill(&l.Inquiry)
		require.Equal(t, 1, strings.Count(got, l.Message))
		require.LessOrEqual(t, utf8.RuneCountInString(got), 5000)
	})
}
