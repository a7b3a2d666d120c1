package intake

import (
	"cmp"
	"slices"
	"strings"

	"leadrelay/internal/intake/body"
)

// record is a field that comes in pieces, as some form plug-ins send it: its
// value, and beside it what it is called. fields[0][name] and fields[0][value]
// are one, and so are fields[email][title] and fields[email][value].
type record struct {
	attributes map[string]string
	value      body.Field
	name       string // what the whole is called; empty when it is no record
	done       bool   // nothing more is said of it: its value is, or there is none
}

// recordPieces are the pieces that say something about a field.
var recordPieces = map[string]bool{
	"value": true, "rawvalue": true, "name": true, "id": true, "key": true, "title": true, "label": true, "type": true, "required": true, "objecttypeid": true,
}

// piece splits fields[email][value] into what is spoken of and what is said.
func piece(p body.Field) (whole, attribute string, ok bool) {
	open := strings.LastIndexByte(p.Name, '[')
	if open <= 0 || len(p.Name) > longestName || !strings.HasSuffix(p.Name, "]") {
		return "", "", false
	}
	attribute = fold(p.Name[open:])
	return p.Name[:open], attribute, recordPieces[attribute]
}

func isValue(attribute string) bool { return attribute == "value" || attribute == "rawvalue" }

// list is the list that a path is an element of: fields, of fields[0].
func list(path string) (name string, ok bool) {
	name = withoutIndex(path)
	return name, len(name) < len(path)
}

// whole puts the fields that come in pieces together, where their value stood.
func (k *desk) whole(all []body.Field) []body.Field {
	if !slices.ContainsFunc(all, func(p body.Field) bool { _, attribute, ok := piece(p); return ok && isValue(attribute) }) {
		return all
	}
	records := k.records(all)
	together := make([]body.Field, 0, len(all))
	for _, p := range all {
		path, attribute, ok := piece(p)
		r := records[path]
		switch {
		case !ok || (r.name == "" && !r.done):
			together = append(together, p)
		case !r.done && isValue(attribute):
			r.done = true
			together = append(together, body.Field{Name: r.name, Value: r.value.Value, Kind: r.value.Kind})
		}
	}
	return together
}

// records finds what has a value and a name for it.
func (k *desk) records(all []body.Field) map[string]*record {
	found, valued := map[string]*record{}, map[string]bool{}
	for _, p := range all {
		path, attribute, ok := piece(p)
		if !ok {
			continue
		}
		if found[path] == nil {
			found[path] = &record{attributes: map[string]string{}}
		}
		found[path].add(attribute, p)
		if in, ok := list(path); ok && isValue(attribute) {
			valued[in] = true
		}
	}
	for path, r := range found {
		in, inList := list(path)
		r.name = k.called(path, r)
		r.done = r.value.Name == "" && inList && valued[in] // as its neighbors, but without a value
	}
	return found
}

func (r *record) add(attribute string, p body.Field) {
	switch {
	case !isValue(attribute):
		r.attributes[attribute] = p.Value
	case strings.TrimSpace(r.value.Value) == "":
		r.value = p
	}
}

// called is the name of a record: the first of its names that we know, or the
// words that the visitor read. A lead with a name and a value is none.
func (k *desk) called(path string, r *record) string {
	if r.value.Name == "" {
		return ""
	}
	_, inList := list(path)
	if !inList && k.knows(path) {
		return path
	}
	a := r.attributes
	if !inList && a["name"] != "" {
		return ""
	}
	for _, name := range []string{a["name"], a["id"], a["key"], a["title"], a["label"]} {
		if name != "" && k.knows(name) {
			return name
		}
	}
	if words := cmp.Or(strings.TrimSpace(a["title"]), strings.TrimSpace(a["label"])); words != "" || !inList {
		return words
	}
	return cmp.Or(a["name"], a["id"], a["key"])
}

func (k *desk) knows(name string) bool {
	m, _ := k.meaning(name)
	return m != isForeign || contextKey(name) != ""
}
