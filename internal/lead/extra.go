package lead

import (
	"strings"
	"unicode/utf8"
)

// Pair is a field that a form has and we have no word for.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Rank tells [New] what to leave out where there is no room for all: those of
	// the highest rank, and of these the last ones. A lead's own pairs have none.
	Rank int `json:"-"`
}

// MaxExtra is how many extra fields a lead has at most.
const MaxExtra = 128

// What of each is kept at most. All of them together have what [Lead.fit]
// leaves them.
const (
	longestExtraName = 96   // bytes
	longestExtra     = 5000 // runes, as many as a message has
)

// cleanExtra makes a list of its own, in the order of the form. What is blank
// stays out, and what is too long is cut and counted; it is never an error.
func (q *Inquiry) cleanExtra() {
	var clean []Pair
	for _, p := range q.Extra {
		name, value := Line(p.Name), Text(p.Value)
		p.Name, p.Value = cutBytes(name, longestExtraName), strings.TrimSpace(cut(value, longestExtra))
		if p.Name == "" || p.Value == "" {
			continue
		}
		if len(p.Value) < len(value) {
			q.LeftOut++
		}
		clean = append(clean, p)
	}
	q.Extra = clean
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
