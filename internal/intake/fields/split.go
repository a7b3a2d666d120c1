package fields

import (
	"cmp"
	"slices"
	"strings"

	"leadrelay/internal/intake/body"
)

// splitField is a field, and what a sender says of it apart from its name.
type splitField struct {
	body.Field
	place     string // where it lies, if its name does not say so
	inputType string // such as textarea; empty if unknown
}

// record is a field that a sender splits into what it is called and what its
// value is. fields[0][name] and fields[0][value] are one record, and so are
// fields[email][title] and fields[email][value].
type record struct {
	attributes map[string]string
	values     []body.Field
	name       string // what the whole is called; empty if it is not a record
	isDone     bool   // nothing more is taken from it
}

// nameAttributes call a record by name, the best first; labelAttributes are what
// the visitor reads.
var (
	nameAttributes  = []string{"name", "customkey", "id", "key", "ref", "columnid", "fieldid", "questionid", "fieldname", "fieldtitle", "title", "label", "columnname", "question", "fieldlabel"}
	labelAttributes = []string{"title", "fieldtitle", "label", "question", "columnname", "fieldlabel"}
	otherAttributes = []string{"type", "required", "objecttypeid", "inputtype", "fieldtype"}
	// valueAttributes hold the value. So does the attribute that is named as the
	// type says: {"type":"email","email":"ana@casas.mx"}.
	valueAttributes = []string{"value", "values", "rawvalue", "answer", "stringvalue", "fieldvalue", "fieldinputvalue", "uservalue"}
	allAttributes   = set(slices.Concat(nameAttributes, otherAttributes, valueAttributes)...)
	// aboutAttributes hold more names of the record: {"field":{"ref":"email"},"text":"…"}.
	aboutAttributes = set("field", "question", "definition")
)

// inputTypes are the types of inputs that say what a field is for, where its
// name does not.
var inputTypes = map[string]Role{
	"email": RoleEmail, "inputemail": RoleEmail, "emailaddress": RoleEmail, "controlemail": RoleEmail,
	"tel": RolePhone, "phone": RolePhone, "phonenumber": RolePhone, "inputphonenumber": RolePhone, "controlphone": RolePhone,
	"textarea": RoleMessage, "longtext": RoleMessage, "controltextarea": RoleMessage, "paragraph": RoleMessage,
	"fullname": RoleName, "controlfullname": RoleName,
}

// attributeOf splits fields[email][value] into the record and the attribute.
func attributeOf(name string) (whole, attribute string, ok bool) {
	if !strings.HasSuffix(name, "]") || len(name) > maxName {
		return "", "", false
	}
	whole, leaf := cutBrackets(name)
	if isIndex(leaf) && whole != "" { // an element of values
		whole, leaf = cutBrackets(whole)
	}
	if whole == "" {
		return "", "", false
	}
	attribute = fold(leaf)
	if list, index := cutBrackets(whole); isIndex(index) && isValueAttribute(attribute) { // values[0][value]
		if outer, values := cutBrackets(list); outer != "" && fold(values) == "values" {
			return outer, attribute, true
		}
	}
	if outer, about := cutBrackets(whole); outer != "" && aboutAttributes[fold(about)] && !isIndex(about) {
		whole = outer
	}
	return whole, attribute, true
}

// cutBrackets cuts the last brackets off a[b][c].
func cutBrackets(name string) (whole, leaf string) {
	open := strings.LastIndexByte(name, '[')
	if open <= 0 || !strings.HasSuffix(name, "]") {
		return "", name
	}
	return name[:open], name[open+1 : len(name)-1]
}

func isValueAttribute(attribute string) bool { return slices.Contains(valueAttributes, attribute) }

// listOf returns the list that a path is an element of: fields, of fields[0].
func listOf(path string) (list string, ok bool) {
	list = withoutIndex(path)
	return list, len(list) < len(path)
}

// isSplit reports whether some of the fields may be pieces of records.
func isSplit(all []body.Field) bool {
	return slices.ContainsFunc(all, func(p body.Field) bool { _, _, ok := attributeOf(p.Name); return ok })
}

// joinSplit puts the pieces of each record together, where its value stood.
func (v *Vocabulary) joinSplit(all []body.Field) []splitField {
	joined := make([]splitField, 0, len(all))
	records := v.records(all)
	for _, p := range all {
		path, attribute, ok := attributeOf(p.Name)
		r := records[path]
		switch {
		case !ok || r == nil || !r.isAttribute(attribute), r.name == "" && !r.isDone:
			joined = append(joined, splitField{Field: p})
		case !r.isDone && r.isValue(attribute):
			r.isDone = true
			joined = append(joined, r.joined(path))
		}
	}
	return joined
}

// joined is the record as one field.
func (r *record) joined(path string) splitField {
	place, ok := listOf(path)
	if !ok {
		place, _ = cutBrackets(path)
	}
	first := r.values[0]
	f := splitField{Field: body.Field{Name: r.name, Value: first.Value, Kind: first.Kind}, place: place, inputType: r.typeOf()}
	for _, more := range r.values[1:] {
		if f.Value != more.Value && more.Kind == body.Text {
			f.Value += ", " + more.Value
		}
	}
	return f
}

func (r *record) typeOf() string {
	return cmp.Or(r.attributes["type"], r.attributes["inputtype"], r.attributes["fieldtype"])
}

func (r *record) isValue(attribute string) bool {
	return isValueAttribute(attribute) || (attribute != "" && !allAttributes[attribute] && attribute == fold(r.attributes["type"]))
}

func (r *record) isAttribute(attribute string) bool {
	return allAttributes[attribute] || r.isValue(attribute)
}

// records finds what has a value and a name for it.
func (v *Vocabulary) records(all []body.Field) map[string]*record {
	found := map[string]*record{}
	for _, p := range all {
		path, attribute, ok := attributeOf(p.Name)
		if !ok {
			continue
		}
		if found[path] == nil {
			found[path] = &record{attributes: map[string]string{}}
		}
		if a := found[path].attributes; a[attribute] == "" {
			a[attribute] = p.Value
		}
	}
	for _, p := range all {
		if path, attribute, ok := attributeOf(p.Name); ok && found[path].isValue(attribute) {
			found[path].addValue(attribute, p)
		}
	}
	valued, labels := map[string]bool{}, definitions(found)
	for path, r := range found {
		if list, ok := listOf(path); ok && len(r.values) > 0 {
			valued[list] = true
		}
	}
	for path, r := range found {
		list, inList := listOf(path)
		r.name = v.nameOf(path, r, labels)
		r.isDone = len(r.values) == 0 && inList && valued[list] // as its neighbors, but without a value
	}
	return found
}

// addValue adds a value that says something. What is nested only announces what
// is in it, and a raw value is the value again.
func (r *record) addValue(attribute string, p body.Field) {
	said := len(r.values) > 0 && strings.TrimSpace(r.values[0].Value) != ""
	switch {
	case !said:
		r.values = []body.Field{p}
	case p.Kind != body.Nested && attribute != "rawvalue" && strings.TrimSpace(p.Value) != "":
		r.values = append(r.values, p)
	}
}

// definitions are the labels of fields whose values stand elsewhere, by their
// ids.
func definitions(found map[string]*record) map[string]string {
	labels := map[string]string{}
	for _, r := range found {
		label := r.label()
		if len(r.values) > 0 || label == "" {
			continue
		}
		for _, id := range []string{"id", "ref", "key"} {
			if r.attributes[id] != "" {
				labels[r.attributes[id]] = label
			}
		}
	}
	return labels
}

func (r *record) label() string {
	for _, a := range labelAttributes {
		if label := strings.TrimSpace(r.attributes[a]); label != "" {
			return label
		}
	}
	return ""
}

// nameOf is the name of a record: the first of its names that we know, or the
// words that the visitor read. A lead with a name and a value is none.
func (v *Vocabulary) nameOf(path string, r *record, labels map[string]string) string {
	if len(r.values) == 0 {
		return ""
	}
	list, inList := listOf(path)
	switch {
	case !inList && v.knows(path):
		return path
	case inList && v.match(list).role.ofPerson(): // emails[0]: its label says which of them
		return list
	}
	if !inList && r.attributes["name"] != "" {
		return ""
	}
	var fallback string
	for _, a := range nameAttributes {
		name := strings.TrimSpace(r.attributes[a])
		for _, known := range []string{name, labels[name]} {
			if known != "" && v.knows(known) {
				return known
			}
		}
		fallback = cmp.Or(fallback, labels[name])
	}
	label := cmp.Or(r.label(), fallback)
	if label != "" || !inList {
		return label
	}
	return cmp.Or(r.attributes["name"], r.attributes["id"], r.attributes["key"])
}
