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
	ranked := func(rank int, all []lead.Pair) []lead.Pair {
		for i := range all {
			all[i].Rank = rank
		}
		return all
	}
	tests := map[string]struct {
		came, kept []lead.Pair
		leftOut    int
	}{
		"none":                         {nil, nil, 0},
		"in the form's order":          {append(one("b", "1"), one("a", "2")...), append(one("b", "1"), one("a", "2")...), 0},
		"one name twice":               {append(one("zona", "Roma"), one("zona", "Condesa")...), append(one("zona", "Roma"), one("zona", "Condesa")...), 0},
		"a blank value":                {append(one("a", " \n"), one("b", "x")...), one("b", "x"), 0},
		"a blank name":                 {one(" \u200b", "x"), nil, 0},
		"control characters":           {one("a\x1b[2J\r\nb", "x\x00\u202ey\r\nz"), one("a[2J b", "xy\nz"), 0},
		"accents in two pieces":        {one("Preocupacio\u0301n", "cafe\u0301"), one("Preocupación", "café"), 0},
		"bytes that are no text":       {one("a\xff", "\xfe"), one("a\ufffd", "\ufffd"), 0},
		"a name of 96 bytes":           {one(strings.Repeat("n", 96), "x"), one(strings.Repeat("n", 96), "x"), 0},
		"a longer one, at a rune":      {one(strings.Repeat("n", 95)+"ñ", "x"), one(strings.Repeat("n", 95), "x"), 0},
		"a value of 5,001 runes":       {one("a", strings.Repeat("é", 5001)), one("a", strings.Repeat("é", 5000)), 1},
		"what bends or hides a text":   {one("a\u200e\u200f\u061c", "so\u00adft \U000e0041\U000e0042x"), one("a", "soft x"), 0},
		"flags and families stay":      {one("🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "👨‍👩‍👧‍👦🇲🇽🏳️‍🌈"), one("🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "👨‍👩‍👧‍👦🇲🇽🏳️‍🌈"), 0},
		"a text behind a flag":         {one("a", "🏴"+strings.Repeat("\U000e0041", 30)+"x\U000e0041"), one("a", "🏴"+strings.Repeat("\U000e0041", 7)+"x"), 0},
		"129 fields":                   {many(129, 1), many(128, 1), 1},
		"more than there is room for":  {many(4, 5000), many(2, 5000), 2},
		"a small one still finds room": {append(many(4, 5000), one("a", "b")...), append(many(2, 5000), one("a", "b")...), 2},
		"marks that JSON doubles":      {one("a", strings.Repeat("\"", 4900)), one("a", strings.Repeat("\"", 4900)), 0},
		"two of these":                 {append(one("a", "x"+strings.Repeat("\n", 4900)+"x"), one("b", strings.Repeat("\\", 4900))...), one("a", "x"+strings.Repeat("\n", 4900)+"x"), 1},
		"the visitor's before others":  {append(ranked(2, many(3, 4000)), one("mensaje", strings.Repeat("x", 5000))...), append(many(2, 4000), one("mensaje", strings.Repeat("x", 5000))...), 1},
		"what is near before others":   {append(ranked(2, many(3, 4000)), ranked(1, one("zona", "Roma"))...), append(many(3, 4000), one("zona", "Roma")...), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q := lead.Inquiry{PropertyID: "EB-1", Email: "a@x.mx", Message: "Hola", Extra: tt.came}
			l, err := lead.New(q, "casas.mx", lead.DefaultRules(), noon)
			require.NoError(t, err)
			require.Equal(t, tt.kept, l.Extra)
			require.Equal(t, tt.leftOut, l.LeftOut)
		})
	}
}
