package lead_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// greedy returns an inquiry that needs more room than there is, made of one character.
func greedy(character string, message int) lead.Inquiry {
	q := lead.Inquiry{
		PropertyID: strings.Repeat("E", 64), Email: strings.Repeat("a", 60) + "@" + strings.Repeat("b.", 90) + "mx",
		Name: strings.Repeat(character, 200), Phone: strings.Repeat(character, 60), Message: strings.Repeat(character, message),
		Context: map[string]string{"page_url": strings.Repeat(character, 600), "consent": "Acepto."},
	}
	for i := range 16 {
		q.Context[fmt.Sprintf("utm_%d", i)] = strings.Repeat(character, 500)
	}
	for i := range 300 {
		q.Extra = append(q.Extra, lead.Pair{Name: fmt.Sprint(i), Value: strings.Repeat(character, 1000)})
	}
	return q
}

// The fields and the consent are kept. The rest is dropped and counted.
func TestALeadHasItsSize(t *testing.T) {
	for _, tt := range []struct {
		character string
		message   int
	}{{"<", 5000}, {"\"", 5000}, {"x", 5000}, {"ñ", 5000}, {"房", 4000}, {"🏠", 3000}, {"\\", 0}} {
		t.Run(tt.character, func(t *testing.T) {
			q := greedy(tt.character, tt.message)
			l, err := lead.New(q, "casas.mx", lead.Rules{}, noon)
			require.NoError(t, err)
			require.Equal(t, q.Message, l.Message)
			require.Equal(t, q.Name, l.Name)
			for _, name := range []string{"phone_typed", "consent"} {
				require.NotEmpty(t, l.Context[name], name)
			}
			gone := len(q.Context) + 1 - len(l.Context) + len(q.Extra) - len(l.Extra)
			require.GreaterOrEqual(t, l.LeftOut, gone)
			require.Positive(t, gone)
			require.Len(t, q.Extra, 300, "the caller's is as it was")
			require.Len(t, q.Context, 18)
		})
	}
}

// A message of few characters may have many bytes. The error says how many of these
// characters there is room for, and a message of that length is accepted.
func TestAMessageIsTooLongInBytes(t *testing.T) {
	for character, most := range map[string]int{"房": 4000, "🏠": 3000} {
		q := lead.Inquiry{Message: strings.Repeat(character, 5000)}
		_, err := lead.New(q, "casas.mx", lead.Rules{}, noon)
		invalid, ok := errors.AsType[*lead.InvalidError](err)
		require.True(t, ok)
		require.Equal(t, []lead.FieldError{{Field: lead.Message, Code: lead.TooLong, Max: most}}, invalid.Fields)
		q.Message = strings.Repeat(character, most)
		_, err = lead.New(q, "casas.mx", lead.Rules{}, noon)
		require.NoError(t, err)
	}
}

// A release with larger limits kept the lead. Editing it drops nothing else.
func TestAnEditLeavesTheRestAsItIs(t *testing.T) {
	l := lead.Lead{Inquiry: greedy("x", 10), State: lead.Failed}
	l.Phone, l.Email = "55", "a@x.mx"
	context, extra := len(l.Context), len(l.Extra)
	require.NoError(t, l.Edit(map[lead.Field]string{lead.Name: "Luz"}, lead.DefaultRules()))
	require.Equal(t, "Luz", l.Name)
	require.Len(t, l.Context, context)
	require.Len(t, l.Extra, extra)
}

// A field needs no line of its own to be clean and bounded.
func TestEveryFieldIsCleanAndBounded(t *testing.T) {
	for _, f := range lead.Fields() {
		_, err := lead.New(with(f, "a\x00\x1b[31mb"), "casas.mx", lead.Rules{}, noon)
		l, _ := lead.New(with(f, "a\x1b[31mb"), "casas.mx", lead.Rules{}, noon)
		requireClean(t, l.Get(f), "\n\t")
		if f == lead.Phone || f == lead.Message {
			require.NoError(t, err)
		} else {
			require.Equal(t, []string{string(f) + " CONTROL_CHARACTER"}, codes(t, err))
		}
		l, err = lead.New(with(f, strings.Repeat("a", 20<<10)), "casas.mx", lead.Rules{}, noon)
		if err != nil {
			require.Equal(t, []string{string(f) + " TOO_LONG"}, codes(t, err))
		}
		require.LessOrEqual(t, len(l.Get(f)), 40)
	}
}

// However long the fields are that the rules let through, all of them fit.
func TestTheFieldsAlwaysFit(t *testing.T) {
	var q lead.Inquiry
	size := 0
	for _, f := range lead.Fields() {
		longest := 0
		for _, character := range []string{"a", "\"", "房", "🏠"} {
			q.Set(f, strings.Repeat(character, 20<<10))
			if f == lead.Email {
				q.Set(f, strings.Repeat("a", 60)+"@"+strings.Repeat("b.", 95)+"mx")
			}
			_, err := lead.New(q, "casas.mx", lead.Rules{}, noon)
			if invalid, ok := errors.AsType[*lead.InvalidError](err); ok && invalid.Fields[0].Max > 0 {
				q.Set(f, strings.Repeat(character, invalid.Fields[0].Max))
			}
			l, err := lead.New(q, "casas.mx", lead.Rules{}, noon)
			if err == nil {
				text, err := json.Marshal(l.Get(f))
				require.NoError(t, err)
				longest = max(longest, len(text))
			}
			q.Set(f, "")
		}
		require.Positive(t, longest, f)
		size += longest + len(`"":,`) + len(f)
	}
	require.LessOrEqual(t, size, 14_000-100, "the message may have fewer bytes, or a field fewer characters")
}

func TestTextBytes(t *testing.T) {
	q := lead.Inquiry{Context: map[string]string{"utm": "x"}, Extra: []lead.Pair{{Name: "zona", Value: "Roma"}}}
	for _, f := range lead.Fields() {
		q.Set(f, "ñ")
	}
	fields, all := q.TextBytes()
	require.Equal(t, 2*len(lead.Fields()), fields)
	require.Equal(t, fields+len(`"utm":"x",`)+len(`{"name":"zona","value":"Roma"},`), all)
}
