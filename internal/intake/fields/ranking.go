package fields

import (
	"cmp"
	"strings"
	"unicode"

	"leadrelay/internal/intake/body"
)

// canBe reports whether the field has a value that can be one of the role. What
// is not text condemns no lead: it is as absent, unless nothing else came.
func (f *field) canBe(role Role) bool {
	switch {
	case f.isBlank():
		return false
	case f.Kind == body.Text:
		return role != RolePhone || f.rank < rankAlias || strings.ContainsFunc(f.Value, unicode.IsDigit) // whatsapp=Sí is no phone
	case f.Kind == body.Number && role == RoleMessage:
		return true
	case f.Kind == body.Number && (role == RolePhone || role == RoleProperty || role == RoleArea || role == RoleCountry):
		return isIndex(whole(f.Value))
	}
	return false
}

// value returns the text of the field as one of the role.
func (f *field) value(role Role) string {
	if role == RolePhone {
		if n := whole(strings.TrimSpace(f.Value)); isIndex(n) {
			return n
		}
	}
	return f.Value
}

// whole takes off the fraction that a spreadsheet gives a number: 5511112222.0.
func whole(number string) string {
	digits, fraction, ok := strings.Cut(number, ".")
	if ok && digits != "" && fraction != "" && strings.Trim(fraction, "0") == "" {
		return digits
	}
	return number
}

// shape says how much the value looks like one of the role: the more, the
// better.
func (f *field) shape(role Role) int {
	v := strings.TrimSpace(f.Value)
	switch role {
	case RoleEmail:
		return yes(strings.Contains(v, "@"))
	case RolePhone:
		const fewest = 7 // digits of a local number
		return yes(count(v, unicode.IsDigit) >= fewest && count(v, unicode.IsLetter) <= count(v, unicode.IsDigit))
	case RoleName:
		return yes(!strings.Contains(v, "@") && strings.ContainsFunc(v, unicode.IsLetter))
	case RoleProperty:
		// A bare number is the row of somebody's table; ids such as EB-XXXX01 have
		// letters (dev.easybroker.com/docs/contact-request).
		return yes(isID(v)) + yes(isID(v) && strings.ContainsFunc(v, unicode.IsLetter) && strings.ContainsFunc(v, unicode.IsDigit))
	}
	return 0
}

func yes(is bool) int {
	if is {
		return 1
	}
	return 0
}

func count(s string, is func(rune) bool) (n int) {
	for _, r := range s {
		if is(r) {
			n++
		}
	}
	return n
}

func isID(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// isCandidate reports whether the field can be the role: it lies in the
// visitor's place, or the site's map names it wherever it lies.
func (f *field) isCandidate(role Role, person int) bool {
	return f.role == role && (f.place == person || f.rank == rankSite) && f.canBe(role)
}

// best returns the candidate for the role that goes before the others, or nil.
func (r *reader) best(role Role, person int) *field {
	var best *field
	for i := range r.fields {
		f := &r.fields[i]
		if f.isCandidate(role, person) && (best == nil || compare(f, best, role) < 0) {
			best = f
		}
	}
	return best
}

// compare orders two values for a role: the contract's own name goes first, then
// the site's, then what has the shape, then what is named more surely.
func compare(a, b *field, role Role) int {
	if min(a.rank, b.rank) <= rankSite {
		return cmp.Compare(a.rank, b.rank)
	}
	return cmp.Or(cmp.Compare(b.shape(role), a.shape(role)), cmp.Compare(a.rank, b.rank))
}

// choose takes the best candidate for a field of ours.
func (r *reader) choose(role Role, person int) {
	if best := r.best(role, person); best != nil {
		r.take(role, best)
	} else {
		r.nameAbsent(role, person)
	}
}

// take makes a field's value the lead's.
func (r *reader) take(role Role, f *field) {
	f.used = true
	r.draft.entries[role] = Entry{Posted: withoutIndex(f.Name), Again: f.Name, Value: f.value(role), place: f.place}
	for i := range r.fields { // the same value twice is said once
		if other := &r.fields[i]; other.role == role && !other.used && strings.TrimSpace(other.Value) == strings.TrimSpace(f.Value) {
			other.used = true
		}
	}
}

// nameAbsent tells an error what the form calls a field that has no value: the
// blank one, or what is no text, in the visitor's place if it is there.
func (r *reader) nameAbsent(role Role, person int) {
	e := &r.draft.entries[role]
	if e.Value != "" {
		return
	}
	for i := range r.fields {
		f := &r.fields[i]
		if f.role.ofLead() && f.role.entry() == int(role) && r.isNear(f.place, person) && (e.Posted == "" || f.place == person) {
			*e = Entry{Posted: withoutIndex(f.Name), Again: f.Name, Unreadable: f.Kind != body.Text && !f.isOff()}
		}
		if e.Unreadable {
			return
		}
	}
}

// isOff reports a check box that is off.
func (f *field) isOff() bool { return f.Kind == body.Bool && f.Value == "false" }

// chooseProperty takes the property wherever it lies, near the visitor first.
// Two different ids that are as good as each other make the lead ambiguous.
func (r *reader) chooseProperty(person int) {
	var best *field
	for i := range r.fields {
		f := &r.fields[i]
		if f.role != RoleProperty || !f.canBe(RoleProperty) || (f.rank >= rankWeak && f.shape(RoleProperty) < 2) {
			continue
		}
		switch {
		case best == nil || r.compareProperties(f, best, person) < 0:
			best = f
			r.draft.ambiguous = false
		case r.compareProperties(f, best, person) == 0 && strings.TrimSpace(f.Value) != strings.TrimSpace(best.Value):
			r.draft.ambiguous = true
		}
	}
	if best == nil {
		r.nameAbsent(RoleProperty, person)
		return
	}
	r.take(RoleProperty, best)
}

func (r *reader) compareProperties(a, b *field, person int) int {
	return cmp.Or(compare(a, b, RoleProperty), cmp.Compare(yes(r.isNear(b.place, person)), yes(r.isNear(a.place, person))))
}

// chooseMessage takes the contract's message, else the longest text that a form
// has for one, near the visitor first. What lies in another's place describes
// that other.
func (r *reader) chooseMessage(person int) {
	var best *field
	isNear := func(f *field) bool { return f.rank == rankSite || r.isNear(f.place, person) }
	for i := range r.fields {
		f := &r.fields[i]
		if f.role != RoleMessage || !f.canBe(RoleMessage) || r.places[f.place].kind == placeOther || (f.rank >= rankWeak && !isNear(f)) {
			continue
		}
		if best == nil || isNear(f) && !isNear(best) || isNear(f) == isNear(best) && isMessageRather(f, best) {
			best = f
		}
	}
	if best == nil {
		r.nameAbsent(RoleMessage, person)
		return
	}
	r.take(RoleMessage, best)
}

func isMessageRather(a, b *field) bool {
	ra, rb := a.rank, b.rank
	if ra == rankLoose {
		ra = rankAlias
	}
	if rb == rankLoose {
		rb = rankAlias
	}
	return ra < rb || (ra == rb && ra > rankSite && len(a.Value) > len(b.Value))
}
