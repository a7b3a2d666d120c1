package lead

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isPropertyID reports whether s has only characters of EasyBroker's ids, such as
// EB-XXXX01. Whether the property exists is for EasyBroker to say.
func isPropertyID(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// isMailbox reports whether s is local@domain.tld within the lengths of RFC 5321.
// It is stricter than the validator's own tag, which accepts marks that turn the
// writing direction, long labels and formulas, and cheaper. It accepts no quoted
// local part and no address literal.
func isMailbox(s string) bool {
	const maxLength, maxLocal = 254, 64
	at := strings.LastIndexByte(s, '@')
	return len(s) <= maxLength && at > 0 && at <= maxLocal && utf8.ValidString(s) &&
		isLocalPart(s[:at]) && isMailDomain(s[at+1:])
}

// isLocalPart reports whether s is a dot-atom. Letters may be of any script.
func isLocalPart(s string) bool {
	if s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) &&
			!strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r)
	})
}

func isMailDomain(s string) bool {
	last, labels := "", 0
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
		last = label
		labels++
	}
	return labels > 1 && len(last) >= 2 && strings.ContainsFunc(last, unicode.IsLetter)
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r)
	})
}

// cleanEmail removes what people and address books put around an address, and
// makes its domain lower case. It leaves the local part, where case may matter.
func cleanEmail(s string) string {
	s = strings.TrimSpace(s)
	if open := strings.IndexByte(s, '<'); open >= 0 && strings.HasSuffix(s, ">") && strings.Count(s, "<") == 1 {
		s = s[open+1 : len(s)-1] // Ana <ana@x.mx>; with two owners, neither is chosen
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	s = strings.TrimRight(strings.TrimSpace(s), ".,; ")
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if domain := strings.ToLower(s[at:]); domain != s[at:] {
			return s[:at] + domain
		}
	}
	return s
}
