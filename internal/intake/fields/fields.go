// Package fields tells what a visitor meant by the fields that a page, a
// plug-in or a CRM posts. It knows names in Spanish and English, and nothing of
// HTTP, sites' origins or stores.
//
// It is one idea in three steps, each in its own file. names.go says what the
// name of a field means, and how surely. places.go says where a field lies, and
// in which place the visitor is: name, e-mail and phone come from that place
// alone, so two people are never mixed into one. ranking.go chooses among
// several values for one field. What is not chosen is kept as extra, under the
// name it was posted with.
package fields

import (
	"strings"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
)

// Draft is what was posted, in our words. It is not checked yet.
type Draft struct {
	Next         string // where the form sends the visitor, as posted
	Language     string // which language it asks for
	SubmissionID string // the form's own id for the inquiry
	Shown        string // when our form was shown, signed
	Typed        string // the address that the visitor took back for the one that was meant
	Traps        []string

	entries   [len(Ours)]Entry
	context   map[string]string
	extra     []lead.Pair
	rest      []body.Field
	ambiguous bool
}

// Ours are the fields of a lead, in the order of their roles.
var Ours = [...]lead.Field{lead.PropertyID, lead.Name, lead.Email, lead.Phone, lead.Message}

// Entry is what came for one of our fields.
type Entry struct {
	Posted     string // the form's name for it; empty if nothing came for it
	Again      string // the name under which the value counts if all is posted again
	Value      string
	Unreadable bool // all that came for it is no text, such as true or an object

	place int
}

// Of returns what came for a field of ours.
func (d *Draft) Of(f lead.Field) Entry {
	for i, ours := range Ours {
		if ours == f {
			return d.entries[i]
		}
	}
	return Entry{}
}

// Set gives a field of ours a value that was not posted.
func (d *Draft) Set(f lead.Field, value string) {
	for i, ours := range Ours {
		if ours == f {
			d.entries[i].Value = value
		}
	}
}

// Context returns what came under a name of context, such as utm_source.
func (d *Draft) Context(name string) string { return d.context[name] }

// Rest returns all that was posted beside the values of our five fields. A page
// that shows these five carries the rest along unseen.
func (d *Draft) Rest() []body.Field { return d.rest }

// Inquiry returns the draft as an inquiry for the site.
func (d *Draft) Inquiry(siteID string) lead.Inquiry {
	q := lead.Inquiry{Site: siteID, Context: d.context, Extra: d.extra, Ambiguous: d.ambiguous}
	for i, e := range d.entries {
		q.Set(Ours[i], e.Value)
	}
	return q
}

// field is one posted value and what is known of it.
type field struct {
	body.Field
	role  Role
	rank  rank
	place int  // index in reader.places
	used  bool // its value is in the lead, so it need not be kept as extra
}

// isBlank reports a field that says nothing: blank, or a check box that is off.
func (f *field) isBlank() bool {
	return strings.TrimSpace(f.Value) == "" || (f.Kind == body.Bool && f.Value == "false")
}

// reader holds what is known while one body is read. It has room for a usual
// form, so that most cost one allocation.
type reader struct {
	fields []field
	places []place
	draft  Draft

	usualFields [8]field
	usualPlaces [2]place
}

// Read sorts the posted fields.
func (v *Vocabulary) Read(posted []body.Field) *Draft {
	r := new(reader)
	r.fields, r.places = r.usualFields[:0], r.usualPlaces[:0]
	if all := expand(v, posted); isSplit(all) {
		for _, p := range v.joinSplit(all) {
			r.add(v, p)
		}
	} else {
		for _, p := range all {
			r.add(v, splitField{Field: p})
		}
	}
	r.separateListed()
	person := r.visitorsPlace()
	r.chooseProperty(person)
	r.chooseName(person)
	r.choose(RoleEmail, person)
	r.choosePhone(person)
	r.chooseMessage(person)
	r.keepRest(person)
	return &r.draft
}

// add finds out what a field means, and acts at once on what steers the answer.
func (r *reader) add(v *Vocabulary, p splitField) {
	m := v.match(p.Name)
	d := &r.draft
	switch m.role {
	case roleNext:
		setFirst(&d.Next, p.Field)
	case roleLanguage:
		setFirst(&d.Language, p.Field)
	case roleSubmission:
		setFirst(&d.SubmissionID, p.Field)
	case roleShown:
		setFirst(&d.Shown, p.Field)
	case roleTyped:
		setFirst(&d.Typed, p.Field)
	case roleControl:
		if traps[foldLeaf(p.Name)] && p.Kind == body.Text && strings.TrimSpace(p.Value) != "" {
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
	r.fields = append(r.fields, field{Field: p.Field, role: m.role, rank: m.rank, place: r.placeAt(m.place)})
}

func setFirst(where *string, p body.Field) {
	if *where == "" && p.Kind == body.Text {
		*where = strings.TrimSpace(p.Value)
	}
}
