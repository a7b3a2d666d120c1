// Package fields works out what a visitor meant by the fields that a page, a
// plug-in or a CRM posts. It knows names in Spanish and English, and nothing about
// HTTP, origins or stores.
//
// It has three steps, each in its own file. names.go tells what the name of a field
// means, and how surely. places.go tells where a field lies, and which place is the
// visitor's. Name, e-mail and phone come from that place only, so two people are
// never mixed into one. choose.go chooses among several values for one field. What
// is not chosen is kept as extra, under the name it was posted with.
package fields

import (
	"slices"
	"strings"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
)

// Draft is what was posted, under our names. It has not been validated.
type Draft struct {
	Next         string   // where the form sends the visitor, as posted
	Language     string   // which language it asks for
	SubmissionID string   // the form's own id for the inquiry
	Shown        string   // when our form was shown, signed
	Typed        string   // the mistyped address that the visitor has corrected
	TestSecret   string   // with which it says that it is a test
	Traps        []string // the values of honeypots

	entries   [RoleFirst]Entry // in the order of lead.Fields
	context   map[string]string
	extra     []lead.Pair
	rest      []body.Field
	ambiguous bool
}

// Entry is what came for one of our fields.
type Entry struct {
	Posted     string // the form's name for it; empty if nothing came for it
	Again      string // the name under which the value wins if everything is posted again
	Value      string
	Unreadable bool // what came for it is not text, such as true or an object

	place int
}

// Of returns what came for one of our fields.
func (d *Draft) Of(f lead.Field) Entry {
	for i, ours := range lead.Fields() {
		if ours == f {
			return d.entries[i]
		}
	}
	return Entry{}
}

// Set gives one of our fields a value that was not posted.
func (d *Draft) Set(f lead.Field, value string) {
	for i, ours := range lead.Fields() {
		if ours == f {
			d.entries[i].Value = value
		}
	}
}

// Context returns the value of a name of context, such as utm_source.
func (d *Draft) Context(name string) string { return d.context[name] }

// Rest returns everything that was posted besides the values of our five fields. A
// page that shows these five carries the rest along unseen.
func (d *Draft) Rest() []body.Field { return d.rest }

// NotUnderstood returns the names of fields that have a value and mean nothing to us.
func (d *Draft) NotUnderstood() (names []string) {
	for _, p := range d.extra {
		if p.Rank > 0 && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// Inquiry returns the draft as an inquiry for the site.
func (d *Draft) Inquiry(siteID string) lead.Inquiry {
	q := lead.Inquiry{Site: siteID, Context: d.context, Extra: d.extra, Ambiguous: d.ambiguous}
	for i, f := range lead.Fields() {
		q.Set(f, d.entries[i].Value)
	}
	return q
}

// field is one posted value and what is known about it.
type field struct {
	body.Field
	role  Role
	rank  rank
	place int  // index in assigner.places
	used  bool // its value is in the lead, so it need not be kept as extra
}

// assigner assigns the fields of one body. It has room for a usual form, so most
// bodies cost one allocation.
type assigner struct {
	fields []field
	places []place
	draft  Draft

	usualFields [8]field
	usualPlaces [2]place
}

// Assign assigns the posted fields to the fields of a lead.
func (v *Vocabulary) Assign(posted []body.Field) *Draft {
	a := new(assigner)
	a.fields, a.places = a.usualFields[:0], a.usualPlaces[:0]
	if all := expand(v, posted); isSplit(all) {
		for _, p := range v.joinSplit(all) {
			a.add(v, p)
		}
	} else {
		for _, p := range all {
			a.add(v, joinedField{Field: p})
		}
	}
	a.mergeLists()
	person := a.visitorsPlace()
	a.chooseProperty(person)
	a.chooseName(person)
	a.choose(RoleEmail, person)
	a.choosePhone(person)
	a.chooseMessage(person)
	a.keepExtra(person)
	return &a.draft
}

// add finds out what a field means, and reads what steers the answer.
func (a *assigner) add(v *Vocabulary, p joinedField) {
	m := v.match(p.Name)
	d := &a.draft
	switch m.role {
	case roleNext:
		setIfEmpty(&d.Next, p.Field)
	case roleLanguage:
		setIfEmpty(&d.Language, p.Field)
	case roleSubmission:
		setIfEmpty(&d.SubmissionID, p.Field)
	case roleShown:
		setIfEmpty(&d.Shown, p.Field)
	case roleTest:
		setIfEmpty(&d.TestSecret, p.Field)
	case roleTyped:
		setIfEmpty(&d.Typed, p.Field)
	case roleControl:
		if traps[foldLast(p.Name)] && p.Kind == body.Text && strings.TrimSpace(p.Value) != "" {
			d.Traps = append(d.Traps, p.Value)
		}
	case RoleExtra:
		if role, ok := inputTypes[fold(p.inputType)]; ok {
			m.role, m.rank = role, rankType
		}
	}
	if m.place == "" {
		m.place = p.place
	}
	a.fields = append(a.fields, field{Field: p.Field, role: m.role, rank: m.rank, place: a.placeAt(m.place)})
}

func setIfEmpty(where *string, p body.Field) {
	if *where == "" && p.Kind == body.Text {
		*where = strings.TrimSpace(p.Value)
	}
}
