package fields

import (
	"cmp"
	"strings"
	"unicode"

	"leadrelay/internal/intake/body"
)

// canBe reports whether the value of the field can be one of the role. A value that
// is not text invalidates no lead: it counts as absent, unless nothing else came.
func (f *field) canBe(role Role) bool {
	switch {
	case f.isBlank():
		return false
	case f.Kind == body.Text:
		return role != RolePhone || f.rank < rankAlias || strings.ContainsFunc(f.Value, unicode.IsDigit) // whatsapp=Sí is not a phone
	case f.Kind == body.Number && role == RoleMessage:
		return true
	case f.Kind == body.Number && (role == RolePhone || role == RoleProperty || role == RoleArea || role == RoleCountry):
		return isIndex(withoutFraction(f.Value))
	}
	return false
}

// isBlank reports whether the field says nothing: it is blank, or a check box that is
// off.
func (f *field) isBlank() bool {
	return strings.TrimSpace(f.Value) == "" || (f.Kind == body.Bool && f.Value == "false")
}

// value returns the value of the field as one of the role.
func (f *field) value(role Role) string {
	if role == RolePhone {
		if n := withoutFraction(strings.TrimSpace(f.Value)); isIndex(n) {
			return n
		}
	}
	return f.Value
}

// withoutFraction takes off the fraction that a spreadsheet gives a number:
// 5511112222.0.
func withoutFraction(number string) string {
	digits, fraction, ok := strings.Cut(number, ".")
	if ok && digits != "" && fraction != "" && strings.Trim(fraction, "0") == "" {
		return digits
	}
	return number
}

// shape returns how much the value looks like one of the role. Higher is better.
func (f *field) shape(role Role) int {
	v := strings.TrimSpace(f.Value)
	switch role {
	case RoleEmail:
		return toInt(strings.Contains(v, "@"))
	case RolePhone:
		const fewest = 7 // digits of a local number
		return toInt(count(v, unicode.IsDigit) >= fewest && count(v, unicode.IsLetter) <= count(v, unicode.IsDigit))
	case RoleName:
		return toInt(!strings.Contains(v, "@") && strings.ContainsFunc(v, unicode.IsLetter))
	case RoleProperty:
		// A bare number is the row of a table. Ids such as EB-XXXX01 have letters
		// (dev.easybroker.com/docs/contact-request).
		return toInt(isID(v)) + toInt(isID(v) && strings.ContainsFunc(v, unicode.IsLetter) && strings.ContainsFunc(v, unicode.IsDigit))
	}
	return 0
}

func toInt(is bool) int {
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

// isCandidate reports whether the field may be used for the role: it lies in the
// visitor's place, or the site's map names it, wherever it lies.
func (f *field) isCandidate(role Role, person int) bool {
	return f.role == role && (f.place == person || f.rank == rankSite) && f.canBe(role)
}

// best returns the best candidate for the role, or nil.
func (a *assigner) best(role Role, person int) *field {
	var best *field
	for i := range a.fields {
		f := &a.fields[i]
		if f.isCandidate(role, person) && (best == nil || compare(f, best, role) < 0) {
			best = f
		}
	}
	return best
}

// compare orders two values for a role. The contract's own name goes first, then the
// site's, then the better shape, then the surer name.
func compare(a, b *field, role Role) int {
	if min(a.rank, b.rank) <= rankSite {
		return cmp.Compare(a.rank, b.rank)
	}
	return cmp.Or(cmp.Compare(b.shape(role), a.shape(role)), cmp.Compare(a.rank, b.rank))
}

// choose uses the best candidate for one of our fields.
func (a *assigner) choose(role Role, person int) {
	if best := a.best(role, person); best != nil {
		a.use(role, best)
	} else {
		a.reportAbsent(role, person)
	}
}

// use makes the value of the field the lead's.
func (a *assigner) use(role Role, f *field) {
	f.used = true
	a.draft.entries[role] = Entry{Posted: withoutIndex(f.Name), Again: f.Name, Value: f.value(role), place: f.place}
	for i := range a.fields { // a value that came twice is kept once
		if other := &a.fields[i]; other.role == role && !other.used && strings.TrimSpace(other.Value) == strings.TrimSpace(f.Value) {
			other.used = true
		}
	}
}

// reportAbsent tells what the form calls a field that has no value, for the error. It
// is a field that came blank, or with something that is not text, preferably in the
// visitor's place.
func (a *assigner) reportAbsent(role Role, person int) {
	e := &a.draft.entries[role]
	if e.Value != "" {
		return
	}
	for i := range a.fields {
		f := &a.fields[i]
		if f.role.ofLead() && f.role.entry() == int(role) && a.isNear(f.place, person) && (e.Posted == "" || f.place == person) {
			*e = Entry{Posted: withoutIndex(f.Name), Again: f.Name, Unreadable: f.Kind != body.Text && !f.isOff()}
		}
		if e.Unreadable {
			return
		}
	}
}

// isOff reports whether the field is a check box that is off.
func (f *field) isOff() bool { return f.Kind == body.Bool && f.Value == "false" }

// chooseProperty uses the property wherever it lies, preferably near the visitor. Two
// different ids that are equally good make the lead ambiguous.
func (a *assigner) chooseProperty(person int) {
	var best *field
	for i := range a.fields {
		f := &a.fields[i]
		if f.role != RoleProperty || !f.canBe(RoleProperty) || (f.rank >= rankWeak && f.shape(RoleProperty) < 2) {
			continue
		}
		switch {
		case best == nil || a.compareProperties(f, best, person) < 0:
			best = f
			a.draft.ambiguous = false
		case a.compareProperties(f, best, person) == 0 && strings.TrimSpace(f.Value) != strings.TrimSpace(best.Value):
			a.draft.ambiguous = true
		}
	}
	if best == nil {
		a.reportAbsent(RoleProperty, person)
		return
	}
	a.use(RoleProperty, best)
}

func (a *assigner) compareProperties(p, q *field, person int) int {
	return cmp.Or(compare(p, q, RoleProperty), cmp.Compare(toInt(a.isNear(q.place, person)), toInt(a.isNear(p.place, person))))
}

// chooseMessage uses the contract's message, or else the longest text that a form has
// for one, preferably near the visitor. A text in another place describes somebody or
// something else.
func (a *assigner) chooseMessage(person int) {
	var best *field
	isNear := func(f *field) bool { return f.rank == rankSite || a.isNear(f.place, person) }
	for i := range a.fields {
		f := &a.fields[i]
		if f.role != RoleMessage || !f.canBe(RoleMessage) || a.places[f.place].kind == placeOther || (f.rank >= rankWeak && !isNear(f)) {
			continue
		}
		if best == nil || isNear(f) && !isNear(best) || isNear(f) == isNear(best) && isMessageRather(f, best) {
			best = f
		}
	}
	if best == nil {
		a.reportAbsent(RoleMessage, person)
		return
	}
	a.use(RoleMessage, best)
}

func isMessageRather(a, b *field) bool {
	ra, rb := a.rank, b.rank
	if ra == rankDecorated {
		ra = rankAlias
	}
	if rb == rankDecorated {
		rb = rankAlias
	}
	return ra < rb || (ra == rb && ra > rankSite && len(a.Value) > len(b.Value))
}
