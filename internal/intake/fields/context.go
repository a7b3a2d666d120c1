package fields

import (
	"strings"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
)

// keepRest keeps all that is not part of the lead: what tells where the inquiry
// came from by its name, and the rest as extra, in the form's order. Where there
// is no room for all, what lost against a better value for one of our fields
// stays, then what lies with the visitor.
func (r *reader) keepRest(person int) {
	var kept []*field
	for i := range r.fields {
		f := &r.fields[i]
		if f.used {
			continue
		}
		if f.Kind != body.Nested {
			r.draft.rest = append(r.draft.rest, f.Field)
		}
		if f.role.ofLead() {
			r.winAgain(f.role.entry())
		}
		if f.role.isControl() || strings.TrimSpace(f.Value) == "" || (f.role == RoleExtra && r.keepContext(f)) {
			continue
		}
		kept = append(kept, f)
	}
	for _, f := range kept {
		r.draft.extra = append(r.draft.extra, lead.Pair{Name: withoutIndex(f.Name), Value: f.Value, Rank: r.rankOf(f, person)})
	}
}

// rankOf tells what is left out first.
func (r *reader) rankOf(f *field, person int) int {
	switch {
	case f.role.ofLead():
		return 0
	case r.isNear(f.place, person):
		return 1
	}
	return 2
}

// winAgain gives a value for which there are others the contract's own name in
// its place. A visitor may shorten the longest of two messages, and it has to win
// again.
func (r *reader) winAgain(i int) {
	e, name := &r.draft.entries[i], string(Ours[i])
	switch path := r.places[e.place].path; {
	case e.Value == "":
		return
	case path == "":
		e.Again = name
	case strings.Contains(path, "["):
		e.Again = path + "][" + name + "]"
	default:
		e.Again = path + "[" + name + "]"
	}
}

// keepContext reports whether the field is context. Its names come from
// outside, so their number is bounded; the first of a name stays.
func (r *reader) keepContext(f *field) bool {
	const most = 16
	d := &r.draft
	name := contextName(f.Name)
	if name == "" || (len(d.context) >= most && d.context[name] == "") {
		return false
	}
	if d.context == nil {
		d.context = make(map[string]string, 4)
	}
	if d.context[name] == "" {
		d.context[name] = f.Value
	}
	return d.context[name] == f.Value
}

// contextName is the name under which context is kept, or "" when it is none.
func contextName(name string) string {
	const longest = 40
	if len(name) > maxName {
		return ""
	}
	parent, leaf := split(name)
	for parent != "" && (isIndex(leaf) || isValueWord(fold(leaf))) {
		parent, leaf = split(parent)
	}
	leaf = strings.TrimSpace(leaf)
	if len(leaf) > longest {
		return ""
	}
	switch fold(leaf) {
	case "pageurl", "pageuri", "sourceurl":
		return "page_url"
	case "consent":
		return "consent"
	}
	key := strings.ReplaceAll(strings.ToLower(leaf), "-", "_")
	if strings.HasPrefix(key, "utm_") && isWord(key) {
		return key
	}
	return ""
}

func isWord(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}
