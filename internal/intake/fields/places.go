package fields

import "strings"

// A place is where fields lie together: the top of the body, an object in it,
// or what brackets and dots in the names of a form say: contact[phone].
//
// A body often has several people: the visitor, and the agent, the account or
// whoever made the form. No list of who is not the visitor can be complete, so
// the visitor is one place, and all others' details are extra.
type place struct {
	path     string
	list     string // the path of the list that it is an element of; empty if it is none
	kind     placeKind
	has      roleSet // what lies here and says something
	mergedIn int     // the place that this one is part of; its own index otherwise
}

type placeKind uint8

const (
	placePlain   placeKind = iota
	placeVisitor           // it has a visitor's word: contact, cliente, data
	placeOther             // it is somebody or something else's: agent, property
)

// roleSet is a set of roles, parts counted as what they are part of.
type roleSet uint8

func (s roleSet) with(r Role) roleSet { return s | 1<<r.entry() }
func (s roleSet) has(r Role) bool     { return s&(1<<r.entry()) != 0 }

// person is what of the set tells who somebody is.
func (s roleSet) person() roleSet { return s & (1<<RoleName | 1<<RoleEmail | 1<<RolePhone) }

func (s roleSet) size() (n int) {
	for ; s != 0; s &= s - 1 {
		n++
	}
	return n
}

// placeAt returns the index of the place with the path.
func (r *reader) placeAt(path string) int {
	for i := range r.places {
		if r.places[i].path == path {
			return i
		}
	}
	p := place{path: path, kind: kindOf(path), mergedIn: len(r.places)}
	if list, index := split(path); isIndex(index) {
		p.list = list
	}
	r.places = append(r.places, p)
	return p.mergedIn
}

// kindOf reads the words of a path. The last segment that says something
// decides, but nothing inside of somebody else's place is the visitor's.
func kindOf(path string) placeKind {
	kind := placePlain
	for isLast := true; path != ""; {
		var segment string
		if path, segment = split(path); isIndex(segment) {
			continue
		}
		words := tokens(segment)
		for _, w := range words {
			switch {
			case otherWords[w]:
				return placeOther
			case visitorWords[w] && isLast:
				kind = placeVisitor
			}
		}
		isLast = isLast && len(words) == 1 && transparent[words[0]]
	}
	return kind
}

// separateListed makes one place of the elements of a list whose fields are
// pieces of one whole. Elements that each have what another has are different
// people, and stay apart.
func (r *reader) separateListed() {
	for i := range r.fields {
		if f := &r.fields[i]; f.role < RoleArea && f.canBe(f.role) {
			p := &r.places[f.place]
			p.has = p.has.with(f.role)
		}
	}
	for i := range r.places {
		if list := r.places[i].list; list != "" && !r.hasTwins(list) {
			r.merge(i, r.placeAt(list))
		}
	}
	r.settlePlaces()
}

func (r *reader) merge(element, into int) {
	r.places[element].mergedIn = into
	r.places[into].has |= r.places[element].has
}

// hasTwins reports a list of which two elements have the same of a person.
func (r *reader) hasTwins(list string) bool {
	var seen roleSet
	for i := range r.places {
		p := &r.places[i]
		if p.mergedIn != i || (p.path != list && p.list != list) {
			continue
		}
		has := p.has.person()
		if seen&has != 0 {
			return true
		}
		seen |= has
	}
	return false
}

// visitorsPlace returns the index of the place that the visitor is in, or -1 if
// no place has anything of a person.
func (r *reader) visitorsPlace() int {
	best := -1
	for i := range r.places {
		if p := &r.places[i]; p.mergedIn != i || p.kind == placeOther || p.has.person() == 0 {
			continue
		}
		if best < 0 || isVisitorRather(&r.places[i], &r.places[best]) {
			best = i
		}
	}
	if best >= 0 && len(r.places) > 1 {
		r.addPieces(best)
	}
	return best
}

// addPieces adds places that are the visitor's, too. Either they have the same
// e-mail; or they have a visitor's word, and nothing of a person that the
// visitor's place has: contact[phone] beside name and email is one person in
// pieces.
func (r *reader) addPieces(best int) {
	email := r.emailIn(best)
	for i := range r.places {
		p := &r.places[i]
		if p.mergedIn != i || i == best || p.kind == placeOther || p.has.person() == 0 {
			continue
		}
		isPiece := p.kind == placeVisitor && p.has.person()&r.places[best].has == 0
		if isPiece || (email != "" && strings.EqualFold(email, r.emailIn(i))) {
			r.merge(i, best)
		}
	}
	r.settlePlaces()
}

// emailIn returns the first e-mail in a place.
func (r *reader) emailIn(place int) string {
	for i := range r.fields {
		if f := &r.fields[i]; f.role == RoleEmail && f.place == place && f.canBe(RoleEmail) {
			return strings.TrimSpace(f.Value)
		}
	}
	return ""
}

// settlePlaces puts fields into the places that theirs were merged in.
func (r *reader) settlePlaces() {
	for i := range r.fields {
		r.fields[i].place = r.places[r.fields[i].place].mergedIn
	}
}

// isVisitorRather reports whether a is more likely the visitor's place than b,
// which came before it: it has a visitor's word, or the message, or more of a
// person's fields, or the property.
func isVisitorRather(a, b *place) bool {
	for _, weight := range [...]func(p, other *place) int{
		(*place).weightOfWord, (*place).weightOfMessage, (*place).weightOfPerson, (*place).weightOfProperty,
	} {
		if wa, wb := weight(a, b), weight(b, a); wa != wb {
			return wa > wb
		}
	}
	return false
}

// weightOfWord is 1 for a visitor's word over somebody who can be answered. One
// detail alone is not a person beside an address with a message or more of one.
func (p *place) weightOfWord(other *place) int {
	isDetail := p.has.person().size() == 1 && other.canBeAnswered() && (other.has.has(RoleMessage) || other.has.person().size() > 1)
	if p.kind != placeVisitor || !p.canBeAnswered() || isDetail {
		return 0
	}
	return 1
}

func (p *place) canBeAnswered() bool { return p.has.has(RoleEmail) || p.has.has(RolePhone) }

func (p *place) weightOfMessage(*place) int { return (p.has & (1 << RoleMessage)).size() }

func (p *place) weightOfPerson(*place) int { return p.has.person().size() }

func (p *place) weightOfProperty(*place) int { return (p.has & (1 << RoleProperty)).size() }

// isNear reports whether what lies in the place goes with what lies in the
// visitor's: it is that place, or around it, or inside of it.
func (r *reader) isNear(i, person int) bool {
	p := &r.places[i]
	if p.kind == placeOther {
		return false
	}
	if person < 0 || i == person {
		return true
	}
	mine := r.places[person].path
	return p.path == "" || strings.HasPrefix(mine, p.path) || strings.HasPrefix(p.path, mine)
}
