package lead

import (
	"maps"
	"slices"
)

// The size of a lead is bounded in bytes of JSON, so that the limits on posts also
// bound how much of the disk a flood can fill. maxBytes bounds the whole lead: with
// its row, its pages and its indexes it takes at most 16 kB. The fields get room
// first, then context up to its own bound. Extra fields get the rest.
const (
	maxBytes        = 14_000
	maxMessageBytes = 12_000 // 5,000 characters of Spanish, 4,000 of Chinese, 3,000 emoji
	maxContextBytes = 4_000
	maxEscape       = len(`\u0000`) // the most bytes of JSON that one byte becomes
	bodyOverhead    = 170           // the names of the fields, quotes and braces, and a trace
	pairOverhead    = len(`{"name":"","value":""},`)
	contextOverhead = len(`"":"",`)
)

// jsonSize returns how many bytes a clean text has in JSON, without its quotes.
func jsonSize(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\', c == '\n', c == '\t':
			n++
		case c < ' ':
			n += len(`u0000`)
		}
	}
	return n
}

// TextBytes returns how many bytes the texts of the inquiry take: those of its
// fields, and all of them with context and extra fields.
func (q *Inquiry) TextBytes() (fields, all int) {
	for _, f := range Fields() {
		fields += len(q.Get(f))
	}
	all = fields
	for name, value := range q.Context {
		all += len(name) + len(value) + contextOverhead
	}
	for _, p := range q.Extra {
		all += len(p.Name) + len(p.Value) + pairOverhead
	}
	return fields, all
}

// fit drops what there is no room for and counts it. The fields always fit; context
// and extra fields may not. Most leads have room for everything.
func (l *Lead) fit() {
	if _, bytes := l.TextBytes(); len(l.Extra) == 0 && maxEscape*(bytes+len(l.Source)) <= maxContextBytes {
		return
	}
	room := maxBytes - bodyOverhead - jsonSize(l.Source)
	for _, f := range Fields() {
		room -= jsonSize(l.Get(f))
	}
	room -= l.fitContext(min(room, maxContextBytes))
	l.fitExtra(room)
}

// contextFirst lists the names of context that get room before any other.
var contextFirst = []string{ambiguous, sanitized, phoneTyped, "consent", "page_url"}

// fitContext drops context that does not fit into room bytes and returns how many
// bytes the rest uses.
func (l *Lead) fitContext(room int) (used int) {
	for name, value := range l.Context {
		used += contextSize(name, value)
	}
	if used <= room {
		return used
	}
	used = 0
	others := slices.Sorted(maps.Keys(l.Context))
	others = slices.DeleteFunc(others, func(name string) bool { return slices.Contains(contextFirst, name) })
	for _, name := range slices.Concat(contextFirst, others) {
		switch need := contextSize(name, l.Context[name]); {
		case l.Context[name] == "":
		case used+need > room:
			delete(l.Context, name)
			l.LeftOut++
		default:
			used += need
		}
	}
	return used
}

func contextSize(name, value string) int { return jsonSize(name) + jsonSize(value) + contextOverhead }

// fitExtra drops extra fields that do not fit into room bytes. The rest stays in
// the order of the form. Fields of a low rank get room first. A small field may
// still fit after one that was too large.
func (l *Lead) fitExtra(room int) {
	if len(l.Extra) == 0 {
		return
	}
	last := 0
	for _, p := range l.Extra {
		last = max(last, p.Rank)
	}
	stays, kept := make([]bool, len(l.Extra)), 0
	for rank := 0; rank <= last; rank++ {
		for i, p := range l.Extra {
			need := jsonSize(p.Name) + jsonSize(p.Value) + pairOverhead
			if p.Rank == rank && kept < MaxExtra && need <= room {
				stays[i] = true
				kept++
				room -= need
			}
		}
	}
	l.LeftOut += len(l.Extra) - kept
	all := l.Extra
	l.Extra = all[:0]
	for i, p := range all {
		if stays[i] {
			l.Extra = append(l.Extra, Pair{Name: p.Name, Value: p.Value})
		}
	}
	if kept == 0 {
		l.Extra = nil
	}
}
