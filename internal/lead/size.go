package lead

import (
	"maps"
	"slices"
)

// What a lead may cost is bounded in bytes, as JSON writes them: then the limits
// on posts bound what a flood can fill of the disk. mostBytes is all of it, so
// that a lead with its row, its pages and its indexes has 16 kB at most. The
// five fields come first; context has its share, and extra fields what is left.
const (
	mostBytes        = 14_000
	mostMessageBytes = 12_000 // 5,000 characters of Spanish, 4,000 of Chinese, 3,000 emoji
	mostContextBytes = 4_000
	aroundBody       = 100 // the names of the fields, and what is around them
	aroundPair       = len(`{"name":"","value":""},`)
	aroundContext    = len(`"":"",`)
)

// size is how many bytes a clean text has in JSON.
func size(s string) int {
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

// fitting is how many runes of s have a size of at most most bytes together.
func fitting(s string, most int) (runes int) {
	for i, r := range s {
		if most -= size(s[i : i+len(string(r))]); most < 0 {
			return runes
		}
		runes++
	}
	return runes
}

// fit leaves out what there is no room for, and counts it. What the visitor
// typed goes before where he came from; most leads have room for all.
func (l *Lead) fit() {
	room := mostBytes - aroundBody - size(l.Source)
	for _, f := range []Field{PropertyID, Name, Email, Phone, Message} {
		room -= size(l.Get(f))
	}
	room -= l.fitContext(min(room, mostContextBytes))
	l.fitExtra(room)
}

// firstOfContext are the names of context that get room before any other.
var firstOfContext = []string{ambiguous, sanitized, phoneTyped, "consent", "page_url"}

// fitContext returns how many of the bytes it has used.
func (l *Lead) fitContext(room int) (used int) {
	for name, value := range l.Context {
		used += sizeOfContext(name, value)
	}
	if used <= room {
		return used
	}
	used = 0
	others := slices.Sorted(maps.Keys(l.Context))
	others = slices.DeleteFunc(others, func(name string) bool { return slices.Contains(firstOfContext, name) })
	for _, name := range slices.Concat(firstOfContext, others) {
		switch need := sizeOfContext(name, l.Context[name]); {
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

func sizeOfContext(name, value string) int { return size(name) + size(value) + aroundContext }

// fitExtra leaves the fields in the order of the form. Those of a low rank get
// room first, and a small one still finds some behind one that was too large.
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
			need := size(p.Name) + size(p.Value) + aroundPair
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
