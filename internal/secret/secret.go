// Package secret holds values that must never be printed: a key or a token
// goes in once and comes out only through [Text.Reveal], so a log line, an
// error, a dump of the settings or a JSON answer shows dots instead.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
)

// dots is what stands wherever a secret would have been printed.
const dots = "•••"

// Text is a secret string. Its zero value is an absent secret.
type Text struct{ value string }

// New hides s.
func New(s string) Text { return Text{value: s} }

// Reveal returns the secret itself. Call it only where the value leaves for
// its one destination, such as a request header.
func (t Text) Reveal() string { return t.value }

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t.value == "" }

// Equal compares in constant time and tells nothing of the length.
func (t Text) Equal(other string) bool {
	a, b := sha256.Sum256([]byte(t.value)), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Format implements [fmt.Formatter], which every verb goes through, %#v too.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// String returns dots, or nothing when there is no secret.
func (t Text) String() string {
	if t.IsZero() {
		return ""
	}
	return dots
}

// MarshalText implements [encoding.TextMarshaler], which JSON and YAML use.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
