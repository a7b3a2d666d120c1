package locale

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var problems = []string{
	"unreadable", "origin_not_allowed", "unknown_site", "not_found", "method_not_allowed", "in_progress", "wrong_state", "too_large",
	"unsupported_type", "invalid", "key_reused", "too_many", "internal", "try_again", "too_slow",
}

var codes = []string{
	"REQUIRED_FIELD_MISSING", "REQUIRED_FIELD_EMPTY", "TYPE_EMAIL", "TYPE_TEXT", "TYPE_PROPERTY", "TOO_LONG",
	"CONTROL_CHARACTER", "EMAIL_OR_PHONE",
}

func TestBothLanguagesSayTheSameThings(t *testing.T) {
	verb := regexp.MustCompile(`%.`)
	require.Len(t, en, len(es))
	for key, text := range es {
		require.NotEmpty(t, text, key)
		require.NotEmpty(t, en[key], key)
		require.Equal(t, verb.FindAllString(text, -1), verb.FindAllString(en[key], -1), key)
	}
}

func TestEveryProblemAndCodeHasItsTexts(t *testing.T) {
	for _, code := range problems {
		for _, part := range []string{"title", "detail", "next"} {
			require.True(t, has(ES, "problem."+code+"."+part), "%s %s", code, part)
		}
	}
	for _, code := range codes {
		require.True(t, has(ES, "field."+code), code)
		require.True(t, has(ES, "parameter."+code), code)
	}
}

// Every key in the program must exist. Keys that are built of parts are covered by the
// lists above.
func TestEveryKeyInTheProgramExists(t *testing.T) {
	call := regexp.MustCompile(`(?:\blocale\.Text\([^,()]+, |\bt \$?\.Lang |\bt "es" )"([^"]+)"`)
	source := regexp.MustCompile(`\.(html|go)$`)
	found := 0
	root := os.DirFS("../..")
	require.NoError(t, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !source.MatchString(path) || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, path)
		for _, m := range call.FindAllSubmatch(text, -1) {
			found++
			if !strings.HasSuffix(string(m[1]), ".") { // "label." and the like are completed at run time
				require.True(t, has(ES, string(m[1])), "%s uses %s", path, m[1])
			}
		}
		return err
	}))
	require.Positive(t, found)
}

func TestText(t *testing.T) {
	tests := map[string]struct{ got, want string }{
		"Spanish":                              {Text(ES, "accepted.message"), "Recibimos tu mensaje"},
		"English":                              {Text(EN, "accepted.message"), "We received your message"},
		"an unknown language is Spanish":       {Text("fr", "accepted.message"), "Recibimos tu mensaje"},
		"arguments fill the placeholders":      {Text(ES, "form.errors.many", 3), "Corrige 3 datos y envía de nuevo"},
		"an unknown key is its own text":       {Text(ES, "no.such.key", 1), "no.such.key"},
		"a field's own text wins":              {FieldText(EN, "REQUIRED_FIELD_EMPTY", "name"), "Enter your name."},
		"a field without its own has the code": {FieldText(EN, "REQUIRED_FIELD_EMPTY", "color"), "Fill this in."},
		"a limit is named":                     {FieldText(ES, "TOO_LONG", "message", 4000), "Acorta tu mensaje a 4000 caracteres o menos."},
		"an unknown code is its own text":      {FieldText(ES, "NEW_CODE", "email"), "field.NEW_CODE"},
	}
	for sentence, tt := range tests {
		t.Run(sentence, func(t *testing.T) { require.Equal(t, tt.want, tt.got) })
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { Text(EN, "accepted.message") }))
}

func TestMatch(t *testing.T) {
	tests := map[string]struct {
		header string
		want   Lang
	}{
		"nothing asked for":             {"", ES},
		"Mexican Spanish":               {"es-MX,es;q=0.9,en;q=0.8", ES},
		"American English":              {"en-US,en;q=0.9,es;q=0.8", EN},
		"the weight counts, not order":  {"es;q=0.2, en;q=0.9", EN},
		"weight zero is a refusal":      {"en;q=0, de", ES},
		"the first language we speak":   {"de-DE, fr;q=0.9, en;q=0.1", EN},
		"none that we speak":            {"de-DE, fr;q=0.9", ES},
		"anything will do":              {"*", ES},
		"Latin American Spanish":        {"es-419", ES},
		"rubbish":                       {"en;;;q=x,,\x00", ES},
		"a header longer than any real": {strings.Repeat("en,", 1000), ES},
	}
	for sentence, tt := range tests {
		t.Run(sentence, func(t *testing.T) { require.Equal(t, tt.want, Match(tt.header)) })
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("es-MX,es;q=0.9,en;q=0.8")
	f.Fuzz(func(t *testing.T, header string) {
		require.Contains(t, []Lang{ES, EN}, Match(header))
	})
}
