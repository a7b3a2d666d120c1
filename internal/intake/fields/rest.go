package fields

import (
	"strings"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
)

// keepExtra keeps everything that is not part of the lead's five fields: names of
// context, which tell where the inquiry came from, and the rest as extra, in the
// form's order.
func (a *assigner) keepExtra(person int) {
	var kept []*field
	for i := range a.fields {
		f := &a.fields[i]
		if f.used {
			continue
		}
		if f.Kind != body.Nested {
			a.draft.rest = append(a.draft.rest, f.Field)
		}
		if f.role.ofLead() {
			a.claimContractName(f.role.entry())
		}
		if f.role.isControl() || strings.TrimSpace(f.Value) == "" || (f.role == RoleExtra && a.keepContext(f)) {
			continue
		}
		kept = append(kept, f)
	}
	for _, f := range kept {
		a.draft.extra = append(a.draft.extra, lead.Pair{Name: withoutIndex(f.Name), Value: f.Value, Rank: a.rankOf(f, person)})
	}
}

// rankOf returns the rank of an extra field. If there is no room for all, those of a
// low rank stay: first the ones that lost against a better value for one of our fields,
// then the ones that lie with the visitor.
func (a *assigner) rankOf(f *field, person int) int {
	switch {
	case f.role.ofLead():
		return 0
	case a.isNear(f.place, person):
		return 1
	}
	return 2
}

// claimContractName renames a value that has won against others, for the form that
// comes back: it gets the contract's own name in its place. A visitor may shorten the
// longest of two messages, and it has to win again.
func (a *assigner) claimContractName(i int) {
	e, name := &a.draft.entries[i], string(lead.Fields()[i])
	switch path := a.places[e.place].path; {
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

// keepContext keeps the field as context, and reports whether it did. The names come
// from outside, so their number is bounded. The first value of a name stays.
func (a *assigner) keepContext(f *field) bool {
	const most = 16
	d := &a.draft
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

// contextName returns the name under which a field is kept as context, or "" if it is
// not context.
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
