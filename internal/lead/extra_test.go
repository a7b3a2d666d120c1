package lead_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestExtraIsCleanAndBounded(t *testing.T) {
	one := func(name, value string) []lead.Pair { return []lead.Pair{{Name: name, Value: value}} }
	many := func(n, size int) (all []lead.Pair) {
		for i := range n {
			all = append(all, lead.Pair{Name: fmt.Sprintf("campo %02d", i), Value: strings.Repeat("x", size)})
		}
		return all
	}
	tests := map[string]struct{ came, kept []lead.Pair }{
		"none":                         {nil, nil},
		"in the form's order":          {append(one("b", "1"), one("a", "2")...), append(one("b", "1"), one("a", "2")...)},
		"one name twice":               {append(one("zona", "Roma"), one("zona", "Condesa")...), append(one("zona", "Roma"), one("zona", "Condesa")...)},
		"a blank value":                {append(one("a", " \n"), one("b", "x")...), one("b", "x")},
		"a blank name":                 {one(" \u200b", "x"), nil},
		"control characters":           {one("a\x1b[2J\r\nb", "x\x00\u202ey\r\nz"), one("a[2J b", "xy\nz")},
		"accents in two pieces":        {one("Preocupacio\u0301n", "cafe\u0301"), one("Preocupación", "café")},
		"bytes that are no text":       {one("a\xff", "\xfe"), one("a\ufffd", "\ufffd")},
		"a name of 96 bytes":           {one(strings.Repeat("n", 96), "x"), one(strings.Repeat("n", 96), "x")},
		"a longer one, at a rune":      {one(strings.Repeat("n", 95)+"ñ", "x"), one(strings.Repeat("n", 95), "x")},
		"a value of 5,001 runes":       {one("a", strings.Repeat("é", 5001)), one("a", strings.Repeat("é", 5000))},
		"129 fields":                   {many(129, 1), many(128, 1)},
		"more than 32 KiB":             {many(7, 5000), many(6, 5000)},
		"a small one still finds room": {append(many(7, 5000), one("a", "b")...), append(many(6, 5000), one("a", "b")...)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q := lead.Inquiry{PropertyID: "EB-1", Email: "a@x.mx", Message: "Hola", Extra: tt.came}
			l, err := lead.New(q, "casas.mx", lead.DefaultRules(), noon)
			require.NoError(t, err)
			require.Equal(t, tt.kept, l.Extra)
		})
	}
}
