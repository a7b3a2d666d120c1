package lead

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Term is a part of what a person looks for. A lead must have all of them.
type Term struct {
	Text   string // stands in a field, without case and accents
	Number string // or is in the folio or the phone, if it is not empty
}

// Terms returns what a lead must have to mention the text: each of its words, in any
// order, or the number that it is, however its digits are grouped.
func Terms(text string) []Term {
	text = Fold(text)
	if n := number(text); n != "" {
		return []Term{{Text: text, Number: n}}
	}
	var terms []Term
	for _, word := range strings.Fields(text) {
		terms = append(terms, Term{Text: word, Number: number(word)})
	}
	return terms
}

// number returns the digits of a folio or a phone, or nothing if the text is neither.
func number(text string) string {
	const minDigits = 4 // fewer do not tell one number from another
	if n := Digits(text); len(n) >= minDigits && n == ungrouped(text) {
		return n
	}
	return ""
}

// Mentions reports whether the lead has all that a person looks for. Case, accents
// and the grouping of a number's digits are ignored. Every lead mentions the
// empty text.
func (l *Lead) Mentions(text string) bool { return l.HasAll(Terms(text)) }

// HasAll reports whether the lead has all of the terms.
func (l *Lead) HasAll(terms []Term) bool {
	if len(terms) == 0 {
		return true
	}
	texts := make([]string, len(Fields()))
	for i, f := range Fields() {
		texts[i] = Fold(l.Get(f))
	}
	for _, t := range terms {
		if !stands(t.Text, texts) && (t.Number == "" || !strings.Contains(l.RemoteID.String(), t.Number) && !isSamePhone(t.Number, Digits(l.Phone))) {
			return false
		}
	}
	return true
}

func stands(text string, in []string) bool {
	for _, s := range in {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

// CommonDigits is how many digits a number and a phone have in common at their ends,
// at least, if one of them has a prefix that the other has not.
const CommonDigits = 8

// isSamePhone reports whether the digits of a phone are those that were typed, or part
// of them is. Either may have a prefix, of the country or for mobiles, that the other
// has not: +52 55 1234 5678 is 55 1234 5678, and was +52 1 55 1234 5678.
func isSamePhone(typed, phone string) bool {
	const national = 10 // digits, at most
	if len(typed) > national && strings.Contains(phone, typed[len(typed)-national:]) {
		return true
	}
	return strings.Contains(phone, typed) || len(phone) >= CommonDigits && strings.HasSuffix(typed, phone)
}

// IsSearchable reports whether a text has anything to search for once case and
// accents are removed. Every lead mentions a text of accents alone.
func IsSearchable(text string) bool { return Fold(text) != "" }

// Fold returns the text without case and accents, for comparing texts that people write
// with and without them.
func Fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return strings.ToLower(filter(norm.NFD.String(s), func(r rune) bool { return !unicode.Is(unicode.Mn, r) }))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Digits returns the ASCII digits of a text.
func Digits(s string) string {
	return filter(s, func(r rune) bool { return r >= '0' && r <= '9' })
}

// ungrouped removes the characters that only group the digits of a number.
func ungrouped(s string) string {
	return filter(s, func(r rune) bool { return !strings.ContainsRune(" -.,()+/#", r) })
}

func filter(s string, keep func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if keep(r) {
			return r
		}
		return -1
	}, s)
}
