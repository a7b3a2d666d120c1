package grams

import (
	"slices"
	"unicode/utf8"

	"leadrelay/internal/lead"
)

// Query is what a lead must have: something of each clause.
type Query []clause

// clause is a choice: a lead must have all spans of one of them.
type clause [][]span

// span is the keys from the first to the last.
type span struct{ first, last key }

func just(k key) span { return span{k, k} }

// For returns what a lead must have to match the filter, so far as the index knows: its
// site, its property and what the text needs.
func For(f lead.Filter) (q Query) {
	if f.Site != "" {
		q = append(q, clause{{just(named(siteKind, f.Site))}})
	}
	if f.Site == "" && f.Sites != nil {
		var of clause
		for _, site := range f.Sites {
			of = append(of, []span{just(named(siteKind, site))})
		}
		q = append(q, of)
	}
	if f.PropertyID != "" {
		q = append(q, clause{{just(named(propertyKind, f.PropertyID))}})
	}
	for _, t := range lead.Terms(f.Text) {
		c := clause{{just(hugeKind)}, spansOf(t.Text), coarse(spansOf(t.Text))}
		if t.Number != "" {
			spans := numberSpans(t.Number)
			c = append(c, spans, coarse(spans))
		}
		q = append(q, c)
	}
	return q
}

// numberSpans returns what a number needs that is the end of the one that was typed, or
// has all of it.
func numberSpans(number string) (spans []span) {
	number = number[max(0, len(number)-lead.CommonDigits):]
	n := longDigits
	if len(number) < n {
		n = shortDigits
	}
	return []span{just(digitsOf(number[:n])), just(digitsOf(number[len(number)-n:]))}
}

// spansOf returns what the text needs. Letters that overlap add little, each span is a
// page to read, and those of a long text are spread over it. Of a text of one or two
// letters any continuation will do.
func spansOf(text string) (spans []span) {
	const letters, most = 3, 5
	runes := []rune(text)
	if len(runes) < letters {
		if i := slices.IndexFunc(runes, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
			return []span{just(one(runes[i]))}
		}
		first := append(runes, 0, 0)
		end := append(slices.Clone(runes), utf8.RuneSelf-1, utf8.RuneSelf-1)
		return []span{{three(first[0], first[1], first[2]), three(end[0], end[1], end[2])}}
	}
	last := len(runes) - letters
	n := min(most, (len(runes)+letters-1)/letters)
	for i := range n {
		at := last * i / max(1, n-1)
		spans = append(spans, just(three(runes[at], runes[at+1], runes[at+2])))
	}
	return spans
}

// coarse returns what a large lead has if it has the spans.
func coarse(spans []span) []span {
	all := make([]span, len(spans))
	for i, s := range spans {
		all[i] = just(largeKind)
		if s.first == s.last {
			all[i] = just(s.first.coarse())
		}
	}
	return all
}
