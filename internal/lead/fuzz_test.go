package lead_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"leadrelay/internal/lead"
)

// seeds are texts that programs have stumbled over.
var seeds = []string{
	"", " ", "Ana", "José", "Jose\u0301", "a\x00b", "\xff\xfe", "a\r\nb", "a\rb", "\u2028\u2029\u0085", "\u202eabc\u202c", "\u2066x\u2069",
	"\u200b\u2060\ufeff", "👨‍👩‍👧‍👦🇲🇽", "\u0301a", " \u0301", "e\u200b\u0301", "a\u00a0\u0301", "\u1100\u200b\u1161", "ﬁ ﷺ", "\x1b[31m",
	strings.Repeat("\u0301", 64), "a" + strings.Repeat("\u0301\u0327", 40), "\u0344\u0958\u2adc", "\uD7A3", "\ufffd", "\U0010FFFF\uFFFE",
}

func requireClean(t require.TestingT, s string, lineEnds string) {
	require.True(t, utf8.ValidString(s), "%q is no UTF-8", s)
	require.True(t, norm.NFC.IsNormalString(s), "%q is not composed", s)
	require.Equal(t, strings.TrimSpace(s), s)
	for _, r := range s {
		switch {
		case strings.ContainsRune(lineEnds, r):
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u2028', r == '\u2029':
			require.Fail(t, "control character", "%q has %U", s, r)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean := lead.Text(s)
		requireClean(t, clean, "\n\t")
		require.Equal(t, clean, lead.Text(clean))
	})
}

func FuzzLine(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean := lead.Line(s)
		requireClean(t, clean, "")
		require.NotContains(t, clean, "  ")
		require.Equal(t, clean, lead.Line(clean))
	})
}

func FuzzNew(f *testing.F) {
	for _, s := range seeds {
		f.Add("EB-1"+s, s, s+"@x.mx", s, "hola "+s)
	}
	f.Add("EB-AB1234", "Ana", "Ana <mailto:ana@X.MX>,", "+52 55 1234 5678", "Hola")
	f.Add("EB-AB1234", "Ana", "ana@\u0130.\u1e9emx", "+52 55 1234 5678", "Hola")
	f.Fuzz(func(t *testing.T, property, name, email, phone, message string) {
		q := lead.Inquiry{
			PropertyID: property, Name: name, Email: email, Phone: phone, Message: message,
			Context: map[string]string{"page_url": message},
			Extra:   []lead.Pair{{Name: name, Value: message}},
		}
		l, err := lead.New(q, "casas.mx", lead.Rules{}, noon)
		if err != nil {
			requireInvalid(t, err)
			return
		}
		requireSound(t, l)
		l.LeftOut = 0
		again, err := lead.New(l.Inquiry, "casas.mx", lead.Rules{}, noon)
		require.NoError(t, err)
		require.Equal(t, l, again)
	})
}

func requireInvalid(t *testing.T, err error) {
	var invalid *lead.InvalidError
	require.ErrorAs(t, err, &invalid)
	seen := map[lead.Field]bool{}
	for _, e := range invalid.Fields {
		require.False(t, seen[e.Field], "%s is wrong twice", e.Field)
		seen[e.Field] = true
	}
}

// requireSound checks what the rest of the program relies on.
func requireSound(t require.TestingT, l lead.Lead) {
	for _, f := range lead.Fields() {
		lineEnds := ""
		if f == lead.Message {
			lineEnds = "\n\t"
		}
		requireClean(t, l.Get(f), lineEnds)
	}
	requireClean(t, l.Context["page_url"], "")
	require.LessOrEqual(t, utf8.RuneCountInString(l.Name), 200)
	require.LessOrEqual(t, len(l.Email), 254)
	require.LessOrEqual(t, utf8.RuneCountInString(l.Phone), 40)
	require.LessOrEqual(t, utf8.RuneCountInString(l.Message), 5000)
	require.LessOrEqual(t, len(l.PropertyID), 64)
	for _, value := range l.Context {
		require.LessOrEqual(t, utf8.RuneCountInString(value), 500)
	}
	for _, p := range l.Extra {
		requireClean(t, p.Name, "")
		requireClean(t, p.Value, "\n\t")
		require.LessOrEqual(t, len(p.Name), 64)
		require.LessOrEqual(t, utf8.RuneCountInString(p.Value), 1000)
	}
}

func TestAnyTextBecomesSound(t *testing.T) {
	piece := rapid.SampledFrom(append(seeds, "a@x.mx", "mailto:", "<", ">", "\n", "\t", "é", "0", "-", "."))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Map(rapid.SliceOfN(piece, 0, 8), func(p []string) string { return strings.Join(p, "") })
		q := lead.Inquiry{
			PropertyID: text.Draw(t, "property"), Name: text.Draw(t, "name"), Email: text.Draw(t, "email"),
			Phone: text.Draw(t, "phone"), Message: text.Draw(t, "message"),
		}
		l, err := lead.New(q, "casas.mx", lead.Rules{}, noon)
		if err == nil {
			requireSound(t, l)
		}
	})
}

// Latin letters are taken as they are. The runes around them are cleaned, composed or
// collapsed.
func TestLatinLettersAreClean(t *testing.T) {
	for r := '\u00a0'; r < '\u0340'; r++ {
		typed := "a" + string(r) + "a"
		text := norm.NFC.String(strings.ReplaceAll(typed, "\u00ad", ""))
		require.Equal(t, text, lead.Text(typed), "%U", r)
		require.Equal(t, strings.ReplaceAll(text, "\u00a0", " "), lead.Line(typed), "%U", r)
	}
}

// The worst texts that fit into a body of 64 KiB must not keep a processor busy.
func TestNewIsQuickWithTheWorstTexts(t *testing.T) {
	const bound = 250 * time.Millisecond // with the race detector; alone it is a few
	const each = 64 << 10 / 5
	fill := func(s string) string { return strings.Repeat(s, each/len(s)) }
	tests := map[string]string{
		"dots":           fill("a."),
		"at signs":       fill("@"),
		"open brackets":  fill("<"),
		"accents":        fill("\u0301"),
		"mixed accents":  fill("\u0327\u0301"),
		"control":        fill("\x01"),
		"broken":         fill("\xff"),
		"spaces":         fill(" "),
		"line ends":      fill("\r\n"),
		"mailto":         fill("mailto:"),
		"jamo":           fill("\u1100\u1161\u11a8"),
		"ligatures":      fill("\ufb2c"),
		"joiners":        fill("👨‍"),
		"words":          fill("a "),
		"capital i dots": "a@" + fill("\u0130"),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			took := bound
			for tries := 0; took >= bound && tries < 5; tries++ { // the machine may be busy
				begun := time.Now()
				_, _ = lead.New(lead.Inquiry{PropertyID: text, Name: text, Email: text, Phone: text, Message: text}, "", lead.DefaultRules(), noon)
				took = time.Since(begun)
			}
			require.Less(t, took, bound)
		})
	}
}
