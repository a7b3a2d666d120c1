package fields

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"leadrelay/internal/lead"
)

// separators stand between the segments of a path: fields[email][value],
// contact.phone, ctl00$email.
const separators = "[].:$"

// maxName is how long a name may be to be looked at, in bytes. No form has longer ones.
const maxName = 128

// split cuts the last segment off a path: contact[phone] is phone in contact. A label
// with blanks, such as "No. de teléfono", is one segment.
func split(path string) (parent, leaf string) {
	between := separators
	if strings.ContainsRune(path, ' ') {
		between = "[]"
	}
	path = strings.TrimRight(path, between)
	cut := strings.LastIndexAny(path, between)
	return strings.TrimRight(path[:max(cut, 0)], between), path[cut+1:]
}

// isIndex reports whether the segment is the number of an element in a list.
func isIndex(segment string) bool {
	return segment != "" && !strings.ContainsFunc(segment, func(r rune) bool { return r < '0' || r > '9' })
}

// withoutIndex takes the index of a list off a name: zonas[0], zonas[].
func withoutIndex(name string) string {
	open := strings.LastIndexByte(name, '[')
	if open > 0 && strings.HasSuffix(name, "]") && !strings.ContainsFunc(name[open+1:len(name)-1], func(r rune) bool { return r < '0' || r > '9' }) {
		return name[:open]
	}
	return name
}

// fold returns the letters and digits of a name, in lower case and without accents.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, lead.Fold(name))
}

// foldLast folds the last segment of a path that is more than "value" or an index.
func foldLast(path string) string {
	leaf := path
	for path != "" {
		if path, leaf = split(path); !isValueWord(fold(leaf)) && !isIndex(leaf) {
			break
		}
	}
	return fold(leaf)
}

// tokens returns the words of a name, folded: et_pb_contact_name_0 and
// etPbContactName0 have the same five. In a label with blanks, WhatsApp is one word.
func tokens(name string) []string {
	const most = 10
	isLabel := strings.ContainsRune(name, ' ')
	var all []string
	var word strings.Builder
	last := rune(0)
	flush := func() {
		if word.Len() > 0 && len(all) < most {
			all = append(all, word.String())
		}
		word.Reset()
	}
	for _, r := range norm.NFD.String(name) {
		isLetter, isDigit := unicode.IsLetter(r), unicode.IsDigit(r)
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case !isLetter && !isDigit:
			flush()
		case unicode.IsUpper(r) && unicode.IsLower(last) && !isLabel, isDigit != unicode.IsDigit(last) && word.Len() > 0:
			flush()
			word.WriteRune(unicode.ToLower(r))
		default:
			word.WriteRune(unicode.ToLower(r))
		}
		last = r
	}
	flush()
	return all
}
