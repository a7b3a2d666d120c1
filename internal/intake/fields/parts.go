package fields

import (
	"cmp"
	"strings"
	"unicode"

	"leadrelay/internal/lead"
)

// chooseName uses a whole name, or puts its parts together: first, middle, last. Parts
// that are named exactly go before a whole that is not, or that contradicts them,
// unless the whole has the contract's own name or the site's. In "nombre" beside
// "apellidos", "nombre" is the first name.
func (a *assigner) chooseName(person int) {
	var parts [4]*field
	surest := rankType
	for i := range parts {
		if parts[i] = a.best(RoleFirst+Role(i), person); parts[i] != nil {
			surest = min(surest, parts[i].rank)
		}
	}
	whole, first := a.best(RoleName, person), parts[0]
	switch {
	case whole == nil && surest == rankType:
		a.reportAbsent(RoleName, person)
		return
	case whole == nil || first == nil:
	case whole.rank <= rankSite && !mentions(whole.Value, first.Value):
		parts = [4]*field{}
	case whole.rank > max(surest, rankAlias), !mentions(whole.Value, first.Value):
		whole = nil
	default:
		parts[0] = nil
	}
	name, from := "", cmp.Or(whole, parts[0], parts[1], parts[2], parts[3])
	if whole != nil {
		whole.used, name = true, whole.Value
	}
	for _, p := range parts {
		if p != nil {
			p.used, name = true, joinName(name, p.Value)
		}
	}
	for i := range a.fields { // values that say the same again
		if f := &a.fields[i]; (f.role == RoleName || f.role.isNamePart()) && f.place == person && !f.used && mentions(name, f.Value) {
			f.used = true
		}
	}
	a.draft.entries[RoleName] = Entry{Posted: withoutIndex(from.Name), Again: from.Name, Value: name, place: from.place}
}

// joinName appends a part to a name, unless the name ends with it.
func joinName(name, part string) string {
	part = oneLine(part)
	if strings.HasSuffix(strings.ToLower(" "+oneLine(name)), strings.ToLower(" "+part)) {
		return name
	}
	return strings.TrimSpace(oneLine(name) + " " + part)
}

// mentions reports whether the name contains the words of the part.
func mentions(name, part string) bool {
	return strings.Contains(" "+plain(name)+" ", " "+plain(part)+" ")
}

// plain returns the text on one line, without case and accents.
func plain(s string) string { return oneLine(lead.Fold(s)) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// choosePhone uses a phone, or puts one together from pieces that are too short alone,
// and from an area code and a country code in fields of their own.
func (a *assigner) choosePhone(person int) {
	best := a.best(RolePhone, person)
	if best == nil {
		a.reportAbsent(RolePhone, person)
		return
	}
	a.use(RolePhone, best)
	phone := &a.draft.entries[RolePhone].Value
	const local, national = 8, 10 // the most digits of a Mexican number without and with its area code
	if count(*phone, unicode.IsDigit) <= local/2 {
		a.joinPieces(phone, person)
	}
	if n := count(*phone, unicode.IsDigit); n <= local {
		a.prefix(phone, RoleArea, person, 4)
	}
	if n := count(*phone, unicode.IsDigit); n > local && n <= national && !strings.Contains(*phone, "+") {
		a.prefix(phone, RoleCountry, person, 3)
		a.prefix(phone, RoleArea, person, 3)
	}
}

// joinPieces makes one number of several fields, unless one of them is a number alone.
func (a *assigner) joinPieces(phone *string, person int) {
	const fewest, most = 7, 12 // digits of a number
	var pieces []*field
	joined, digits := "", 0
	for i := range a.fields {
		f := &a.fields[i]
		if !f.isCandidate(RolePhone, person) {
			continue
		}
		v := strings.TrimSpace(f.value(RolePhone))
		if !isIndex(v) || f.shape(RolePhone) > 0 {
			return
		}
		pieces, joined, digits = append(pieces, f), joined+" "+v, digits+len(v)
	}
	if digits < fewest || digits > most {
		return
	}
	for _, f := range pieces {
		f.used = true
	}
	*phone = strings.TrimSpace(joined)
}

// prefix puts a code of at most the given number of digits in front of the phone. A
// code with a plus is a country's, whatever the field is called.
func (a *assigner) prefix(phone *string, role Role, person, most int) {
	for i := range a.fields {
		f := &a.fields[i]
		if !f.isCandidate(role, person) {
			continue
		}
		code := strings.TrimSpace(f.value(role))
		digits := strings.Trim(code, "+() ")
		isCountry := role == RoleCountry || strings.HasPrefix(code, "+")
		if f.used || !isIndex(digits) || len(digits) > most || (isCountry && strings.Contains(*phone, "+")) || (most == 3 && !isCountry) {
			continue
		}
		if f.used = true; isCountry {
			code = "+" + strings.TrimLeft(digits, "0")
		}
		*phone = code + " " + strings.TrimSpace(*phone)
		return
	}
}
