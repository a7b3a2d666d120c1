package lead

import (
	"strings"
	"unicode/utf8"
)

// Pair is a field of a form that is not one of ours.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Rank tells [New] what to drop if there is no room for everything: pairs of the
	// highest rank, the last ones first. The pairs of a lead have rank 0.
	Rank int `json:"-"`
}

// MaxExtra is the largest number of extra fields of a lead.
const MaxExtra = 128

// Limits of one extra field. [Lead.fit] bounds all of them together.
const (
	maxExtraName  = 96         // bytes
	maxExtraValue = maxMessage // runes
)

// cleanExtra cleans the extra fields into a new list, in the order of the form. It
// drops blank fields. It shortens and counts fields that are too long; they are
// never an error.
func (q *Inquiry) cleanExtra() {
	var clean []Pair
	for _, p := range q.Extra {
		name, value := Line(p.Name), Text(p.Value)
		p.Name, p.Value = truncateBytes(name, maxExtraName), strings.TrimSpace(truncate(value, maxExtraValue))
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

// truncateBytes returns the complete runes in the first n bytes of s, trimmed.
func truncateBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimSpace(s[:n])
}
