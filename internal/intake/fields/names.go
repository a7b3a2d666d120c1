package fields

import (
	"maps"
	"strings"
)

// word is what a name means.
type word struct {
	role Role
	rank rank
}

// Vocabulary is what names mean on one site.
type Vocabulary struct{ words map[string]word }

// siteFields are what a site's map may call its fields.
var siteFields = map[string]Role{
	"property_id": RoleProperty, "name": RoleName, "email": RoleEmail, "phone": RolePhone, "message": RoleMessage,
	"first_name": RoleFirst, "last_name": RoleLast,
}

// NewVocabulary returns the vocabulary of a site with a map of its own, from the
// form's names to ours. Its names are known as they are written, too: 1.3 is not
// 13. No map can make a control field part of a lead.
func NewVocabulary(own map[string]string) *Vocabulary {
	if len(own) == 0 {
		return &Vocabulary{words: common}
	}
	words := maps.Clone(common)
	for theirs, ours := range own {
		role, ok := siteFields[ours]
		if w := common[fold(theirs)]; !ok || w.role.isControl() && w.role != roleRelay || isControlPath(theirs) {
			continue
		}
		mapped := word{role, rankSite}
		if w, ok := words[strings.ToLower(theirs)]; ok && w == (word{role, rankContract}) {
			continue // name: name changes nothing
		}
		words[strings.ToLower(theirs)] = mapped
		if !strings.ContainsAny(theirs, separators) {
			words[fold(theirs)] = mapped
		}
	}
	return &Vocabulary{words: words}
}

// match is what a posted name means, and the path of the place that it names.
type match struct {
	role  Role
	rank  rank
	place string
}

// match looks a posted name up.
func (v *Vocabulary) match(name string) match {
	if w, ok := v.words[name]; ok && !strings.ContainsAny(name, separators) { // most names, without the work
		return match{role: w.role, rank: w.rank}
	}
	if strings.HasPrefix(name, "_") || isControlPath(name) {
		return match{role: controlRole(name)}
	}
	if len(name) > maxName {
		return match{role: RoleExtra}
	}
	parent, leaf := split(name)
	if w, ok := v.words[strings.ToLower(name)]; ok { // a path that the site's map names as a whole
		if !strings.Contains(name, "[") {
			parent = "" // 1.3 is a number, and not the third in the first
		}
		return match{w.role, w.rank, parent}
	}
	if parent == "" {
		w := v.lookUp(leaf)
		return match{role: w.role, rank: w.rank}
	}
	return v.matchPath(parent, leaf)
}

// matchPath looks up a leaf that lies in a place. A place that has a role itself
// is no place, but a field in pieces: name[first], phone[area], email[value].
func (v *Vocabulary) matchPath(parent, leaf string) match {
	for parent != "" && (isIndex(leaf) || isValueWord(fold(leaf))) {
		parent, leaf = split(parent)
		if isIndex(leaf) {
			continue
		}
		if w := v.lookUp(leaf); w.role.ofLead() {
			return match{w.role, w.rank, parent}
		}
	}
	outer, container := split(parent)
	for isIndex(container) && outer != "" && v.lookUp(leaf).role == RoleExtra {
		outer, container = split(outer)
	}
	if whole := v.lookUp(container); whole.role.ofLead() {
		if role, ok := piece(whole.role, v.lookUp(leaf).role, fold(leaf)); ok {
			return match{role, whole.rank, outer}
		}
	}
	w := v.lookUp(leaf)
	if w.role.isControl() && w.role != roleNext {
		return match{RoleExtra, w.rank, parent} // data[status] is no word of the relay's
	}
	return match{w.role, w.rank, parent}
}

// piece returns the role of a leaf in a field of the given role.
func piece(whole, role Role, leaf string) (Role, bool) {
	isWhole := role == whole || (!role.ofPerson() && pieceWords[leaf] == asWhole)
	switch whole {
	case RoleName:
		return orWhole(role, whole, isWhole), isWhole || role.isNamePart()
	case RolePhone:
		if pieceWords[leaf] == asArea || pieceWords[leaf] == asCountry {
			role = map[pieceWord]Role{asArea: RoleArea, asCountry: RoleCountry}[pieceWords[leaf]]
		}
		return orWhole(role, whole, isWhole), isWhole || role == RoleArea || role == RoleCountry
	case RoleEmail:
		isWhole = isWhole || leaf == "first" || leaf == "second" // an address that is asked for twice
	case RoleProperty:
		isWhole = isWhole || pieceWords[leaf] == asID
	}
	return whole, isWhole
}

func orWhole(role, whole Role, isWhole bool) Role {
	if isWhole {
		return whole
	}
	return role
}

// lookUp finds the meaning of one segment.
func (v *Vocabulary) lookUp(name string) word {
	if w, ok := v.words[name]; ok {
		return w
	}
	if isLogin(name) {
		return word{role: RoleExtra}
	}
	folded := fold(name)
	if w, ok := v.words[folded]; ok && hasLetter(folded) {
		return w
	}
	return v.strip(tokens(name))
}

// isLogin reports the name under which somebody logs in: username in one word.
// A field such as user_name asks for a name.
func isLogin(name string) bool { return strings.EqualFold(name, "username") }

// strip takes off what forms put around a word, as little as will do.
func (v *Vocabulary) strip(all []string) word {
	front, back := 0, 0
	for front < len(all)-1 && (before[all[front]] || isIndex(all[front]) || (all[front] == "name" && isIndex(all[front+1]))) {
		front++
	}
	for back < len(all)-1 && (after[all[len(all)-1-back]] || isIndex(all[len(all)-1-back])) {
		back++
	}
	for n := 1; n <= min(front+back, len(all)-1); n++ {
		for b := max(0, n-front); b <= min(n, back); b++ {
			core := all[n-b : len(all)-b]
			if w, ok := v.words[strings.Join(core, "")]; ok && w.canBeLoose(core) {
				return word{w.role, max(w.rank, rankLoose)}
			}
		}
	}
	return v.agreed(all)
}

// agreed is what all words of a label mean: Tel. celular, WhatsApp o teléfono.
func (v *Vocabulary) agreed(all []string) word {
	found := word{role: RoleExtra}
	for _, token := range all {
		w, ok := v.words[token]
		switch {
		case joining[token]:
		case !ok || !w.role.ofLead() || w.rank == rankWeak, found.role != RoleExtra && found.role.entry() != w.role.entry():
			return word{role: RoleExtra}
		case found.role == RoleExtra:
			found = word{Role(w.role.entry()), rankLoose}
		}
	}
	return found
}

// canBeLoose reports whether the word means the same with something around it.
func (w word) canBeLoose(core []string) bool {
	switch {
	case w.role.isControl():
		return false
	case w.rank == rankWeak:
		return alsoLoose[strings.Join(core, "")]
	}
	return !exactOnly[strings.Join(core, "")]
}

// controlRole says which control field a name is.
func controlRole(name string) Role {
	switch strings.ToLower(name) {
	case "_next", "_redirect":
		return roleNext
	case "_language":
		return roleLanguage
	case "_submission_id":
		return roleSubmission
	case ShownField:
		return roleShown
	case TypedField:
		return roleTyped
	}
	return roleControl
}

const (
	// ShownField carries the time at which our form was shown.
	ShownField = "_shown"
	// TypedField carries the address in place of which the visitor took the one
	// that was meant.
	TypedField = "_typed_email"
)

// isControlPath reports a control field inside something: fields[_gotcha].
func isControlPath(name string) bool {
	if !strings.ContainsAny(name, separators) {
		return strings.HasPrefix(name, "_")
	}
	for segment := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if strings.HasPrefix(segment, "_") || common[fold(segment)].role == roleControl {
			return true
		}
	}
	return false
}

// IsNext reports the name of a field that says where the visitor goes afterwards.
func IsNext(name string) bool { return (&Vocabulary{words: common}).match(name).role == roleNext }

// knows reports whether the name means anything to the relay.
func (v *Vocabulary) knows(name string) bool {
	return v.match(name).role != RoleExtra || contextName(name) != ""
}
