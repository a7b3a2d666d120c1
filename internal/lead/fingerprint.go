package lead

import (
	"crypto/sha256"
	"strings"
	"unicode"
)

// Fingerprint tells what an attempt sent without keeping it: 64 bits of whom
// to reach, and 64 of the message. Its zero value is that of an attempt of
// which nothing was written down.
type Fingerprint [16]byte

// NewFingerprint returns the fingerprint of an attempt. Blanks and case make no
// difference, as EasyBroker may tidy up what it gets.
func NewFingerprint(reach, message string) Fingerprint {
	var f Fingerprint
	copy(f[:8], half(reach))
	copy(f[8:], half(message))
	return f
}

// IsZero reports whether nothing is known of the attempt.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// Reaches reports whether the attempt named that address or number.
func (f Fingerprint) Reaches(reach string) bool {
	return reach != "" && string(f[:8]) == string(half(reach))
}

// Says reports whether the attempt sent that message.
func (f Fingerprint) Says(message string) bool { return string(f[8:]) == string(half(message)) }

func half(text string) []byte {
	sum := sha256.Sum256([]byte(strings.Map(simplest, strings.Join(strings.Fields(text), " "))))
	return sum[:8]
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
