package intake

import (
	"maps"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"leadrelay/internal/lead"
)

// ours are the fields of a lead.
var ours = [...]lead.Field{lead.PropertyID, lead.Name, lead.Email, lead.Phone, lead.Message}

// meaning is what a field's name says: an index in ours, or one of the others.
type meaning int

const (
	isNext       meaning = iota + meaning(len(ours)) // where the visitor goes afterwards
	isLanguage                                       // which language the visitor reads
	isSubmission                                     // the form's own id for the inquiry
	isShown                                          // when our form was shown
	isControl                                        // for others: honeypots, captchas, mail options
	isRelays                                         // what only the relay says; from outside it is nothing
	isForeign                                        // nothing that we know
	asFirst                                          // a part of the name, in the order of the parts
	asMiddle
	asLast
	asSecondLast
)

const (
	asProperty meaning = iota
	asName
	asEmail
	asPhone
	asMessage
)

// isOurs reports whether the field goes into a lead as one of its own.
func (m meaning) isOurs() bool { return m < isNext || m.isPart() }

// isPart reports a part of the name.
func (m meaning) isPart() bool { return m >= asFirst }

// targets are what a site's own map may call its fields.
var targets = map[string]meaning{
	"property_id": asProperty, "name": asName, "email": asEmail, "phone": asPhone, "message": asMessage,
	"first_name": asFirst, "last_name": asLast,
}

// vocabulary is what names mean on one site: its own words come before ours,
// but none can make a control field part of a lead. The names of its map are
// there as they are, too: 1.3 is not 13.
func vocabulary(own map[string]string) map[string]meaning {
	if len(own) == 0 {
		return common
	}
	words := maps.Clone(common)
	for theirs, field := range own {
		m, ok := targets[field]
		if _, taken := controls[fold(theirs)]; !ok || taken || isControlPath(theirs) {
			continue
		}
		words[strings.ToLower(theirs)] = m
		if !strings.ContainsAny(theirs, separators) {
			words[fold(theirs)] = m
		}
	}
	return words
}

// longestName is how much of a name is looked at: no form has longer ones.
const longestName = 128

// meaning looks a posted name up. A loose one stands in something else, as in
// contact[phone], or has something around it, as in tel-619.
func (k *desk) meaning(name string) (m meaning, loose bool) {
	if m, ok := k.words[name]; ok { // most names, without the work
		return m, false
	}
	if strings.HasPrefix(name, "_") || isControlPath(name) {
		return control(name), false
	}
	if len(name) > longestName {
		return isForeign, false
	}
	if m, ok := k.words[strings.ToLower(name)]; ok {
		return m, false
	}
	folded := fold(name)
	if m, ok := k.words[folded]; ok && hasLetter(folded) {
		return m, false
	}
	return k.within(name, folded), true
}

// shownField carries the time at which our form was shown.
const shownField = "_shown"

// control is what a name says that is no part of a lead.
func control(name string) meaning {
	switch strings.ToLower(name) {
	case "_next", "_redirect":
		return isNext
	case "_language":
		return isLanguage
	case "_submission_id":
		return isSubmission
	case shownField:
		return isShown
	}
	return isControl
}

// within looks for a word in a longer name.
func (k *desk) within(name, folded string) meaning {
	steps := trail(name)
	if len(steps) > 1 {
		folded = fold(steps[len(steps)-1])
	}
	m, ok := k.words[folded]
	if !ok {
		m, ok = k.words[bare(folded)]
		ok = ok && m != asProperty // tu clave is a password
	}
	if !ok || m == isRelays || (m != asProperty && m != isNext && isOfOthers(steps)) {
		return isForeign
	}
	return m
}

// separators stand between the steps of a path: fields[email][value],
// contact.phone.
const separators = "[].:"

// trail are the steps of a path, without what says nothing at its end: the
// number in a list, or that a value follows.
func trail(name string) []string {
	steps := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(separators, r) })
	for len(steps) > 1 {
		last := fold(steps[len(steps)-1])
		if hasLetter(last) && last != "value" && last != "rawvalue" {
			break
		}
		steps = steps[:len(steps)-1]
	}
	return steps
}

// isControlPath reports a control field inside something: fields[_gotcha].
func isControlPath(name string) bool {
	if !strings.ContainsAny(name, separators) {
		return strings.HasPrefix(name, "_")
	}
	for step := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if strings.HasPrefix(step, "_") {
			return true
		}
		if m, ok := controls[fold(step)]; ok && m == isControl {
			return true
		}
	}
	return false
}

// isOfOthers reports a path through somebody or something else than the
// visitor: agent[email], property[name].
func isOfOthers(steps []string) bool {
	for _, step := range steps[:max(len(steps)-1, 0)] {
		if others[fold(step)] {
			return true
		}
	}
	return false
}

// bare takes off what forms put around a word: contact_email, tel-619,
// Teléfono (opcional).
func bare(folded string) string {
	folded = strings.TrimRight(folded, "0123456789")
	for _, suffix := range suffixes {
		folded = strings.TrimSuffix(folded, suffix)
	}
	for _, prefix := range prefixes {
		if rest, ok := strings.CutPrefix(folded, prefix); ok && rest != "" {
			return rest
		}
	}
	return folded
}

// fold makes one spelling of the many of a name: lower case, without accents,
// and nothing but letters and digits.
func fold(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		name = norm.NFD.String(name)
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

func hasLetter(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }
