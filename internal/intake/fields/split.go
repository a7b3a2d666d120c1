package fields

import (
	"cmp"
	"slices"
	"strings"

	"leadrelay/internal/intake/body"
)

// joinedField is a field, and what a sender says about it apart from its name.
type joinedField struct {
	body.Field
	place     string // where it lies, if its name does not say so
	inputType string // the type of its input, such as textarea; empty if unknown
}

// splitField is a field that a sender splits into attributes, such as its name and its
// value: fields[0][name] and fields[0][value], or fields[email][title] and
// fields[email][value].
type splitField struct {
	attributes map[string]string
	values     []body.Field
	name       string // its name; empty if it is not a split field
	isDone     bool   // nothing more is taken from it
}

// nameAttributes hold the name of a split field, the best first; labelAttributes are what
// the visitor reads.
var (
	nameAttributes  = []string{"name", "customkey", "id", "key", "ref", "columnid", "fieldid", "questionid", "fieldname", "fieldtitle", "title", "label", "columnname", "question", "fieldlabel"}
	labelAttributes = []string{"title", "fieldtitle", "label", "question", "columnname", "fieldlabel"}
	otherAttributes = []string{"type", "required", "objecttypeid", "inputtype", "fieldtype"}
	// valueAttributes hold the value. So does the attribute that is named as the
	// type says: {"type":"email","email":"ana@casas.mx"}.
	valueAttributes = []string{"value", "values", "rawvalue", "answer", "stringvalue", "fieldvalue", "fieldinputvalue", "uservalue"}
	allAttributes   = set(slices.Concat(nameAttributes, otherAttributes, valueAttributes)...)
	// aboutAttributes hold more names of the field: {"field":{"ref":"email"},"text":"…"}.
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

// attributeOf splits fields[email][value] into the field and the attribute.
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

// isSplit reports whether some of these may be attributes of split fields.
func isSplit(all []body.Field) bool {
	return slices.ContainsFunc(all, func(p body.Field) bool { _, _, ok := attributeOf(p.Name); return ok })
}

// joinSplit joins the attributes of each split field, where its value stood.
func (v *Vocabulary) joinSplit(all []body.Field) []joinedField {
	joined := make([]joinedField, 0, len(all))
	found := v.splitFields(all)
	for _, p := range all {
		path, attribute, ok := attributeOf(p.Name)
		s := found[path]
		switch {
		case !ok || s == nil || !s.isAttribute(attribute), s.name == "" && !s.isDone:
			joined = append(joined, joinedField{Field: p})
		case !s.isDone && s.isValue(attribute):
			s.isDone = true
			joined = append(joined, s.joined(path))
		}
	}
	return joined
}

// joined returns the split field as one field.
func (s *splitField) joined(path string) joinedField {
	place, ok := listOf(path)
	if !ok {
		place, _ = cutBrackets(path)
	}
	first := s.values[0]
	f := joinedField{Field: body.Field{Name: s.name, Value: first.Value, Kind: first.Kind}, place: place, inputType: s.typeOf()}
	for _, more := range s.values[1:] {
		if f.Value != more.Value && more.Kind == body.Text {
			f.Value += ", " + more.Value
		}
	}
	return f
}

func (s *splitField) typeOf() string {
	return cmp.Or(s.attributes["type"], s.attributes["inputtype"], s.attributes["fieldtype"])
}

func (s *splitField) isValue(attribute string) bool {
	return isValueAttribute(attribute) || (attribute != "" && !allAttributes[attribute] && attribute == fold(s.attributes["type"]))
}

func (s *splitField) isAttribute(attribute string) bool {
	return allAttributes[attribute] || s.isValue(attribute)
}

// splitFields finds the split fields: values that each have a name.
func (v *Vocabulary) splitFields(all []body.Field) map[string]*splitField {
	found := map[string]*splitField{}
	for _, p := range all {
		path, attribute, ok := attributeOf(p.Name)
		if !ok {
			continue
		}
		if found[path] == nil {
			found[path] = &splitField{attributes: map[string]string{}}
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
	for path, s := range found {
		if list, ok := listOf(path); ok && len(s.values) > 0 {
			valued[list] = true
		}
	}
	for path, s := range found {
		list, inList := listOf(path)
		s.name = v.nameOf(path, s, labels)
		s.isDone = len(s.values) == 0 && inList && valued[list] // as its neighbors, but without a value
	}
	return found
}

// addValue adds a value that is not blank. A nested value only announces what is in it,
// and a raw value repeats the value.
func (s *splitField) addValue(attribute string, p body.Field) {
	said := len(s.values) > 0 && strings.TrimSpace(s.values[0].Value) != ""
	switch {
	case !said:
		s.values = []body.Field{p}
	case p.Kind != body.Nested && attribute != "rawvalue" && strings.TrimSpace(p.Value) != "":
		s.values = append(s.values, p)
	}
}

// definitions returns the labels of fields whose values stand elsewhere, by the ids of
// the fields.
func definitions(found map[string]*splitField) map[string]string {
	labels := map[string]string{}
	for _, s := range found {
		label := s.label()
		if len(s.values) > 0 || label == "" {
			continue
		}
		for _, id := range []string{"id", "ref", "key"} {
			if s.attributes[id] != "" {
				labels[s.attributes[id]] = label
			}
		}
	}
	return labels
}

func (s *splitField) label() string {
	for _, a := range labelAttributes {
		if label := strings.TrimSpace(s.attributes[a]); label != "" {
			return label
		}
	}
	return ""
}

// nameOf returns the name of a split field: the first of its names that we know, or the
// words that the visitor read. It returns "" if it is not a split field, such as a
// lead with a name and a value.
func (v *Vocabulary) nameOf(path string, s *splitField, labels map[string]string) string {
	if len(s.values) == 0 {
		return ""
	}
	list, inList := listOf(path)
	switch {
	case !inList && v.knows(path):
		return path
	case inList && v.match(list).role.ofPerson(): // emails[0]: its label tells which of them
		return list
	}
	if !inList && s.attributes["name"] != "" {
		return ""
	}
	var fallback string
	for _, a := range nameAttributes {
		name := strings.TrimSpace(s.attributes[a])
		for _, known := range []string{name, labels[name]} {
			if known != "" && v.knows(known) {
				return known
			}
		}
		fallback = cmp.Or(fallback, labels[name])
	}
	label := cmp.Or(s.label(), fallback)
	if label != "" || !inList {
		return label
	}
	return cmp.Or(s.attributes["name"], s.attributes["id"], s.attributes["key"])
}
