package lead

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Mentions reports whether the folio or a field contains the text. Case, accents
// and the grouping of a number's digits are ignored. Every lead mentions the
// empty text.
func (l *Lead) Mentions(text string) bool {
	if text == "" {
		return true
	}
	const minDigits = 4 // fewer do not tell one number from another
	if n := Digits(text); len(n) >= minDigits && n == ungrouped(text) &&
		(strings.Contains(l.RemoteID.String(), n) || strings.Contains(Digits(l.Phone), n)) {
		return true
	}
	want := Fold(text)
	for _, f := range Fields() {
		if strings.Contains(Fold(l.Get(f)), want) {
			return true
		}
	}
	return false
}

// IsSearchable reports whether a text has anything to search for once case and
// accents are removed. Every lead mentions a text of accents alone.
func IsSearchable(text string) bool { return Fold(text) != "" }

// Fold returns the text without case and accents, for comparing texts that people write
// with and without them.
func Fold(s string) string {
	return strings.ToLower(filter(norm.NFD.String(s), func(r rune) bool { return !unicode.Is(unicode.Mn, r) }))
}

// Digits returns the ASCII digits of a text.
func Digits(s string) string {
	return filter(s, func(r rune) bool { return r >= '0' && r <= '9' })
}

// ungrouped removes the characters that only group the digits of a number.
func ungrouped(s string) string {
	return filter(s, func(r rune) bool { return !strings.ContainsRune(" -.()+", r) })
}

func filter(s string, keep func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if keep(r) {
			return r
		}
		return -1
	}, s)
}
