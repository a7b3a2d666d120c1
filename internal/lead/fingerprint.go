package lead

import (
	"crypto/sha256"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fingerprint tells what an attempt sent without keeping it: 64 bits of whom
// to reach, and 64 of the message. Its zero value is that of an attempt of
// which nothing was written down.
type Fingerprint [16]byte

// NewFingerprint returns the fingerprint of an attempt. Blanks and case make no
// difference, as EasyBroker may tidy up what it gets.
func NewFingerprint(reach, message string) Fingerprint {
	var f Fingerprint
	first, second := half(reach), half(message)
	copy(f[:8], first[:])
	copy(f[8:], second[:])
	return f
}

// IsZero reports whether nothing is known of the attempt.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// Reaches reports whether the attempt named that address or number.
func (f Fingerprint) Reaches(reach string) bool {
	return reach != "" && [8]byte(f[:8]) == half(reach)
}

// Says reports whether the attempt sent that message.
func (f Fingerprint) Says(message string) bool { return [8]byte(f[8:]) == half(message) }

func half(text string) [8]byte {
	folded := make([]byte, 0, 512)
	for word := range strings.FieldsSeq(text) {
		if len(folded) > 0 {
			folded = append(folded, ' ')
		}
		for _, r := range word {
			folded = utf8.AppendRune(folded, simplest(r))
		}
	}
	sum := sha256.Sum256(folded)
	return [8]byte(sum[:8])
}

// simplest returns the first of all runes that differ from r by their case
// alone, as [strings.EqualFold] sees it.
func simplest(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z':
		return r - 'a' + 'A'
	case r < 0x80:
		return r
	}
	first := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		first = min(first, next)
	}
	return first
}
