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

// What of such fields is kept: enough for a person to read, too little to fill
// a disk.
const (
	mostExtra        = 32
	mostExtraBytes   = 8 << 10 // names and values
	longestExtraName = 64      // bytes
	longestExtra     = 1000    // runes
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
		if clean = append(clean, p); len(clean) == mostExtra {
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
