package lead

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Mentions reports whether the text stands in the folio, the property or what
// the visitor wrote, whatever the case and the accents, and however a number
// is grouped. Every lead mentions the empty text.
func (l *Lead) Mentions(text string) bool {
	if text == "" {
		return true
	}
	const fewest = 4 // digits that tell one number from another
	if n := digits(text); len(n) >= fewest && n == ungrouped(text) &&
		(strings.Contains(l.RemoteID.String(), n) || strings.Contains(digits(l.Phone), n)) {
		return true
	}
	want := Fold(text)
	for _, f := range []Field{PropertyID, Name, Email, Phone, Message} {
		if strings.Contains(Fold(l.Get(f)), want) {
			return true
		}
	}
	return false
}

// IsSearchable reports whether anything is left to look for when case and
// accents are away: every lead mentions a text of accents alone.
func IsSearchable(text string) bool { return Fold(text) != "" }

// Fold returns the text without case and accents, for comparing texts that people
// write with and without them.
func Fold(s string) string {
	return strings.ToLower(only(norm.NFD.String(s), func(r rune) bool { return !unicode.Is(unicode.Mn, r) }))
}

func digits(s string) string {
	return only(s, func(r rune) bool { return r >= '0' && r <= '9' })
}

// ungrouped leaves out what only groups the digits of a number.
func ungrouped(s string) string {
	return only(s, func(r rune) bool { return !strings.ContainsRune(" -.()+", r) })
}

func only(s string, wanted func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if wanted(r) {
			return r
		}
		return -1
	}, s)
}
