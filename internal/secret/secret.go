// Package secret holds values that must never be printed. A key or a token comes out only
// through [Text.Reveal]. A log line, an error, the printed settings and JSON have dots
// instead.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
)

// Dots is printed instead of a secret.
const Dots = "•••"

// Text is a secret string. The zero value means that there is no secret.
type Text struct{ value string }

// New returns s as a secret.
func New(s string) Text { return Text{value: s} }

// Reveal returns the secret itself. Call it only to send the secret to its destination,
// such as in a request header.
func (t Text) Reveal() string { return t.value }

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t.value == "" }

// Equal compares in constant time and does not reveal the length.
func (t Text) Equal(other string) bool {
	a, b := sha256.Sum256([]byte(t.value)), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Format implements [fmt.Formatter], so that no verb prints the secret, not even %#v.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// String returns dots, or "" if there is no secret.
func (t Text) String() string {
	if t.IsZero() {
		return ""
	}
	return Dots
}

// MarshalText implements [encoding.TextMarshaler] for JSON and YAML.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
