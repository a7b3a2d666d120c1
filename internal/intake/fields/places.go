package fields

import "strings"

// place is where fields lie together: the top of the body, an object in it, or what
// brackets and dots in the names of a form say, such as contact[phone].
//
// A body often names several people: the visitor, and the agent, the account or
// whoever made the form. No list of who is not the visitor can be complete. So the
// visitor is one place, and the details in all others are extra.
type place struct {
	path     string
	list     string // the path of the list that it is an element of; empty if it is not one
	kind     placeKind
	has      roleSet // the roles of its fields that are not blank
	mergedIn int     // the place that this one is part of; its own index otherwise
}

type placeKind uint8

const (
	placePlain   placeKind = iota
	placeVisitor           // it has a word for the visitor: contact, cliente, data
	placeOther             // it is somebody or something else's: agent, property
)

// roleSet is a set of roles. A part counts as the role that it is part of.
type roleSet uint8

func (s roleSet) with(r Role) roleSet { return s | 1<<r.entry() }
func (s roleSet) has(r Role) bool     { return s&(1<<r.entry()) != 0 }

// person returns the roles in the set that tell who somebody is.
func (s roleSet) person() roleSet { return s & (1<<RoleName | 1<<RoleEmail | 1<<RolePhone) }

func (s roleSet) size() (n int) {
	for ; s != 0; s &= s - 1 {
		n++
	}
	return n
}

// placeAt returns the index of the place with the path.
func (a *assigner) placeAt(path string) int {
	for i := range a.places {
		if a.places[i].path == path {
			return i
		}
	}
	p := place{path: path, kind: kindOf(path), mergedIn: len(a.places)}
	if list, index := split(path); isIndex(index) {
		p.list = list
	}
	a.places = append(a.places, p)
	return p.mergedIn
}

// kindOf returns the kind that the words of a path tell. The last segment that is not
// transparent decides, but nothing inside somebody else's place is the visitor's.
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

// mergeLists makes one place of the elements of a list if they are parts of one
// person. Elements with the same roles are different people, and stay separate.
func (a *assigner) mergeLists() {
	for i := range a.fields {
		if f := &a.fields[i]; f.role < RoleArea && f.canBe(f.role) {
			p := &a.places[f.place]
			p.has = p.has.with(f.role)
		}
	}
	for i := range a.places {
		if list := a.places[i].list; list != "" && !a.hasTwins(list) {
			a.merge(i, a.placeAt(list))
		}
	}
	a.moveMergedFields()
}

func (a *assigner) merge(element, into int) {
	a.places[element].mergedIn = into
	a.places[into].has |= a.places[element].has
}

// hasTwins reports whether two elements of a list have the same role of a person.
func (a *assigner) hasTwins(list string) bool {
	var seen roleSet
	for i := range a.places {
		p := &a.places[i]
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

// visitorsPlace returns the index of the visitor's place, or -1 if no place has
// anything of a person.
func (a *assigner) visitorsPlace() int {
	best := -1
	for i := range a.places {
		if p := &a.places[i]; p.mergedIn != i || p.kind == placeOther || p.has.person() == 0 {
			continue
		}
		if best < 0 || isVisitorRather(&a.places[i], &a.places[best]) {
			best = i
		}
	}
	if best >= 0 && len(a.places) > 1 {
		a.addPieces(best)
	}
	return best
}

// addPieces merges other places of the visitor. They have the same e-mail address, or
// they have a word for the visitor and none of the roles of the visitor's place:
// contact[phone] beside name and email is one person in pieces.
func (a *assigner) addPieces(best int) {
	email := a.emailIn(best)
	for i := range a.places {
		p := &a.places[i]
		if p.mergedIn != i || i == best || p.kind == placeOther || p.has.person() == 0 {
			continue
		}
		isPiece := p.kind == placeVisitor && p.has.person()&a.places[best].has == 0
		if isPiece || (email != "" && strings.EqualFold(email, a.emailIn(i))) {
			a.merge(i, best)
		}
	}
	a.moveMergedFields()
}

// emailIn returns the first e-mail address in a place.
func (a *assigner) emailIn(place int) string {
	for i := range a.fields {
		if f := &a.fields[i]; f.role == RoleEmail && f.place == place && f.canBe(RoleEmail) {
			return strings.TrimSpace(f.Value)
		}
	}
	return ""
}

// moveMergedFields moves the fields of merged places.
func (a *assigner) moveMergedFields() {
	for i := range a.fields {
		a.fields[i].place = a.places[a.fields[i].place].mergedIn
	}
}

// isVisitorRather reports whether a is more likely the visitor's place than b, which
// came before it: it has a word for the visitor, or the message, or more of a person's
// fields, or the property.
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

// weightOfWord returns 1 if the place has a word for the visitor and somebody who can be
// answered. A single detail does not count as a person beside a place that can be
// answered and has a message or more of a person.
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

// isNear reports whether the place belongs to the visitor's: it is that place, or
// around it, or inside it.
func (a *assigner) isNear(i, person int) bool {
	p := &a.places[i]
	if p.kind == placeOther {
		return false
	}
	if person < 0 || i == person {
		return true
	}
	mine := a.places[person].path
	return p.path == "" || strings.HasPrefix(mine, p.path) || strings.HasPrefix(p.path, mine)
}
