package lead

import (
	"strings"
	"unicode/utf8"
)

// Pair is a field that a form has and we have no word for.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// MaxExtra is how many extra fields a lead has at most.
const MaxExtra = 128

// What of each is kept: all that a visitor can type into a form, and too little
// to fill a disk.
const (
	mostExtraBytes   = 32 << 10 // names and values
	longestExtraName = 96       // bytes
	longestExtra     = 5000     // runes, as many as a message has
)

// cleanExtra makes a list of its own, in the order of the form. What is blank,
// or beyond the bounds, stays out; it is never an error.
func cleanExtra(extra []Pair) []Pair {
	var clean []Pair
	left := mostExtraBytes
	for _, p := range extra {
		p = Pair{Name: cutBytes(Line(p.Name), longestExtraName), Value: strings.TrimSpace(cut(Text(p.Value), longestExtra))}
		size := len(p.Name) + len(p.Value)
		if p.Name == "" || p.Value == "" || size > left {
			continue
		}
		if clean = append(clean, p); len(clean) == MaxExtra {
			break
		}
		left -= size
	}
	return clean
}

// cutBytes returns the whole runes in the first n bytes of s.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimSpace(s[:n])
}
