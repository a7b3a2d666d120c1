package fields

import (
	"maps"
	"strings"
	"unicode"
)

// word is the meaning of a name.
type word struct {
	role Role
	rank rank
}

// Vocabulary knows what names mean on one site.
type Vocabulary struct{ words map[string]word }

// siteFields are our names that a site's map may use.
var siteFields = func() map[string]Role {
	roles := maps.Clone(contract)
	roles["first_name"], roles["last_name"] = RoleFirst, RoleLast
	return roles
}()

// NewVocabulary returns the vocabulary of a site with a map of its own, from the
// form's names to ours. A name with separators counts only as it is written: 1.3 is
// not 13. No map can make a control field part of a lead.
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
			continue // "name: name" changes nothing
		}
		words[strings.ToLower(theirs)] = mapped
		if !strings.ContainsAny(theirs, separators) {
			words[fold(theirs)] = mapped
		}
	}
	return &Vocabulary{words: words}
}

// match is the meaning of a posted name, and the path of the place that it names.
type match struct {
	role  Role
	rank  rank
	place string
}

// match looks a posted name up.
func (v *Vocabulary) match(name string) match {
	if w, ok := v.words[name]; ok && !strings.ContainsAny(name, separators) { // the fast path of most names
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
			parent = "" // 1.3 is a number, not the third element of the first
		}
		return match{w.role, w.rank, parent}
	}
	if parent == "" {
		w := v.lookUp(leaf)
		return match{role: w.role, rank: w.rank}
	}
	return v.matchPath(parent, leaf)
}

// matchPath looks up the last segment of a path. If the segment before it has a role
// itself, that is not a place but a field in parts: name[first], phone[area],
// email[value].
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
		if role, ok := partOf(whole.role, v.lookUp(leaf).role, fold(leaf)); ok {
			return match{role, whole.rank, outer}
		}
	}
	w := v.lookUp(leaf)
	if w.role.isControl() && w.role != roleNext {
		return match{RoleExtra, w.rank, parent} // data[status] does not speak of the relay
	}
	return match{w.role, w.rank, parent}
}

// partOf returns the role of a last segment in a field of the given role.
func partOf(whole, role Role, leaf string) (Role, bool) {
	isWhole := role == whole || (!role.ofPerson() && partWords[leaf] == partWhole)
	switch whole {
	case RoleName:
		return orWhole(role, whole, isWhole), isWhole || role.isNamePart()
	case RolePhone:
		if partWords[leaf] == partArea || partWords[leaf] == partCountry {
			role = map[partWord]Role{partArea: RoleArea, partCountry: RoleCountry}[partWords[leaf]]
		}
		return orWhole(role, whole, isWhole), isWhole || role == RoleArea || role == RoleCountry
	case RoleEmail:
		isWhole = isWhole || leaf == "first" || leaf == "second" // a form that asks for the address twice
	case RoleProperty:
		isWhole = isWhole || partWords[leaf] == partID
	}
	return whole, isWhole
}

func orWhole(role, whole Role, isWhole bool) Role {
	if isWhole {
		return whole
	}
	return role
}

// lookUp returns the meaning of one segment.
func (v *Vocabulary) lookUp(name string) word {
	if w, ok := v.words[name]; ok {
		return w
	}
	if isLogin(name) {
		return word{role: RoleExtra}
	}
	folded := fold(name)
	if w, ok := v.words[folded]; ok && strings.ContainsFunc(folded, unicode.IsLetter) {
		return w
	}
	return v.stripAffixes(tokens(name))
}

// isLogin reports whether the name is what somebody logs in with: username in one
// word. A field such as user_name asks for a name.
func isLogin(name string) bool { return strings.EqualFold(name, "username") }

// stripAffixes looks up a name without what forms put around it. It strips as few
// words as it can.
func (v *Vocabulary) stripAffixes(all []string) word {
	front, back := 0, 0
	for front < len(all)-1 && (prefixes[all[front]] || isIndex(all[front]) || (all[front] == "name" && isIndex(all[front+1]))) {
		front++
	}
	for back < len(all)-1 && (suffixes[all[len(all)-1-back]] || isIndex(all[len(all)-1-back])) {
		back++
	}
	for n := 1; n <= min(front+back, len(all)-1); n++ {
		for b := max(0, n-front); b <= min(n, back); b++ {
			core := all[n-b : len(all)-b]
			if w, ok := v.words[strings.Join(core, "")]; ok && w.canBeDecorated(core) {
				return word{w.role, max(w.rank, rankDecorated)}
			}
		}
	}
	return v.agreed(all)
}

// agreed returns the meaning that all words of a label share: Tel. celular, WhatsApp o
// teléfono.
func (v *Vocabulary) agreed(all []string) word {
	found := word{role: RoleExtra}
	for _, token := range all {
		w, ok := v.words[token]
		switch {
		case conjunctions[token]:
		case !ok || !w.role.ofLead() || w.rank == rankWeak, found.role != RoleExtra && found.role.entry() != w.role.entry():
			return word{role: RoleExtra}
		case found.role == RoleExtra:
			found = word{Role(w.role.entry()), rankDecorated}
		}
	}
	return found
}

// canBeDecorated reports whether the word means the same with something around it.
func (w word) canBeDecorated(core []string) bool {
	switch {
	case w.role.isControl():
		return false
	case w.rank == rankWeak:
		return decoratedToo[strings.Join(core, "")]
	}
	return !exactOnly[strings.Join(core, "")]
}

// controlRole returns which control field a name is.
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
	case TestField:
		return roleTest
	}
	return roleControl
}

const (
	// ShownField carries the time at which our form was shown.
	ShownField = "_shown"
	// TypedField carries the mistyped address that the visitor has corrected.
	TypedField = "_typed_email"
	// TestField carries the secret that makes the inquiry a test.
	TestField = "_test"
)

// isControlPath reports whether the name is a control field, or a path with one in it:
// fields[_gotcha].
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

// IsNext reports whether a field of this name says where the visitor goes afterwards.
func IsNext(name string) bool { return (&Vocabulary{words: common}).match(name).role == roleNext }

// knows reports whether the name has a meaning for the relay.
func (v *Vocabulary) knows(name string) bool {
	return v.match(name).role != RoleExtra || contextName(name) != ""
}
