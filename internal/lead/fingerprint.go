package lead

import (
	"crypto/sha256"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fingerprint identifies what an attempt sent without storing it: 64 bits of the
// address or number, and 64 bits of the message. It is zero if none was written down
// for the attempt.
type Fingerprint [16]byte

// NewFingerprint returns the fingerprint of an attempt. It ignores white space and
// case, because EasyBroker may normalize what it gets.
func NewFingerprint(reach, message string) Fingerprint {
	var f Fingerprint
	first, second := hash64(reach), hash64(message)
	copy(f[:8], first[:])
	copy(f[8:], second[:])
	return f
}

// IsZero reports whether nothing is known of the attempt.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// Reaches reports whether the attempt sent that address or number.
func (f Fingerprint) Reaches(reach string) bool {
	return reach != "" && [8]byte(f[:8]) == hash64(reach)
}

// Says reports whether the attempt sent that message.
func (f Fingerprint) Says(message string) bool { return [8]byte(f[8:]) == hash64(message) }

// hash64 returns 64 bits of the SHA-256 of the text, ignoring white space and case.
func hash64(text string) [8]byte {
	folded := make([]byte, 0, 512)
	for word := range strings.FieldsSeq(text) {
		if len(folded) > 0 {
			folded = append(folded, ' ')
		}
		for _, r := range word {
			folded = utf8.AppendRune(folded, foldCase(r))
		}
	}
	sum := sha256.Sum256(folded)
	return [8]byte(sum[:8])
}

// foldCase returns the smallest rune that differs from r by case alone, as in
// [strings.EqualFold].
func foldCase(r rune) rune {
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
