package fakebroker

import (
	"cmp"
	"encoding/json"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"leadrelay/internal/fakebroker/book"
	"leadrelay/internal/fakebroker/fault"
)

// knownFields returns the fields of a contact request, in the order of their errors.
func knownFields(half string) []string {
	fields := fault.ContactFields()
	if half == book.Partner {
		fields = append(fields, "remote_id")
	}
	return fields
}

// parseBody parses the body. Its answer names everything that is wrong.
func parseBody(f Faults, half string, body []byte) (Kept, *answer) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return Kept{}, failure(http.StatusBadRequest, "The body is not a JSON object")
	}
	if unknown := unknownNames(maps.Keys(fields), knownFields(half)); unknown != "" {
		return Kept{}, failure(http.StatusUnprocessableEntity, unknown)
	}
	k := Kept{API: half}
	if wrong := fill(&k, f, fields); len(wrong) > 0 {
		return Kept{}, failures(wrong...)
	}
	if k.PropertyID != "" && len(f.Properties) > 0 && !slices.Contains(f.Properties, k.PropertyID) {
		return Kept{}, failure(http.StatusNotFound, "No se encontró la propiedad")
	}
	return k, nil
}

// unknownNames returns an error text with all unknown names, or "".
func unknownNames(names iter.Seq[string], known []string) string {
	var unknown []string
	for name := range names {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	slices.Sort(unknown)
	return "Unpermitted parameters: " + strings.Join(unknown, ", ")
}

// fill copies the fields and returns what is wrong with them.
func fill(k *Kept, f Faults, fields map[string]json.RawMessage) (wrong []string) {
	into := map[string]*string{
		"property_id": &k.PropertyID, "name": &k.Name, "email": &k.Email,
		"phone": &k.Phone, "message": &k.Message, "source": &k.Source,
	}
	for _, name := range knownFields(book.Account) {
		if raw, ok := fields[name]; ok && json.Unmarshal(raw, into[name]) != nil {
			wrong = append(wrong, name+" must be a string")
		}
		if limit := f.MaxLength[name]; limit > 0 && utf8.RuneCountInString(*into[name]) > limit {
			wrong = append(wrong, name+" is too long (maximum is "+strconv.Itoa(limit)+" characters)")
		}
	}
	isThere := func(name string) bool { return strings.TrimSpace(*into[name]) != "" }
	for _, n := range needs(f, k) {
		if !slices.ContainsFunc(n.anyOf, isThere) {
			wrong = append(wrong, n.String())
		}
	}
	if k.API == book.Partner {
		wrong = append(wrong, fillRemoteID(k, f, fields["remote_id"])...)
	}
	return wrong
}

// need is a list of fields of which one must have a value.
type need struct {
	anyOf  []string
	unless string // another field; if it has a value, none of them is needed
}

// String returns the error text that names the fields.
func (n need) String() string {
	last := len(n.anyOf) - 1
	text := n.anyOf[last] + " can't be blank"
	if last > 0 {
		text = strings.Join(n.anyOf[:last], ", ") + " or " + text
	}
	if n.unless != "" {
		text += " without " + n.unless
	}
	return text
}

// What a contact request must have, in the order of its fields.
//
// A partner's has a property, a message, and an e-mail or a phone (page, ref).
// An account's has a source (ref), and with a property any one of name, e-mail
// and phone will do; one without is a general inquiry, with a name, a message,
// and an e-mail or a phone (PipedreamHQ/pipedream, create-contact-request).
var (
	partnerNeeds  = []need{{anyOf: []string{"property_id"}}, {anyOf: []string{"email", "phone"}}, {anyOf: []string{"message"}}}
	propertyNeeds = []need{{anyOf: []string{"name", "email", "phone"}}, {anyOf: []string{"source"}}}
	generalNeeds  = []need{
		{[]string{"name"}, "property_id"}, {[]string{"email", "phone"}, "property_id"}, {[]string{"message"}, "property_id"},
		{anyOf: []string{"source"}},
	}
)

// needs are those of the contact request, and what the faults require besides.
func needs(f Faults, k *Kept) []need {
	usual := generalNeeds
	switch {
	case k.API == book.Partner:
		usual = partnerNeeds
	case k.PropertyID != "":
		usual = propertyNeeds
	}
	if len(f.Require) == 0 {
		return usual
	}
	var all []need
	for _, name := range f.Require {
		all = append(all, need{anyOf: []string{name}})
	}
	isRequired := func(name string) bool { return slices.Contains(f.Require, name) }
	for _, n := range usual {
		if !slices.ContainsFunc(n.anyOf, isRequired) {
			all = append(all, n)
		}
	}
	place := func(n need) int { return slices.Index(knownFields(book.Account), n.anyOf[0]) }
	slices.SortStableFunc(all, func(a, b need) int { return cmp.Compare(place(a), place(b)) })
	return all
}

func fillRemoteID(k *Kept, f Faults, raw json.RawMessage) []string {
	err := json.Unmarshal(raw, &k.RemoteID)
	switch {
	case len(raw) == 0:
		return []string{"remote_id can't be blank"}
	case err != nil || k.RemoteID < 1:
		return []string{"remote_id is not a number"}
	case f.MaxRemoteID > 0 && k.RemoteID > f.MaxRemoteID:
		return []string{"remote_id must be less than or equal to " + strconv.FormatInt(f.MaxRemoteID, 10)}
	}
	return nil
}
