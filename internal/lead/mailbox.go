package lead

import (
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

func jsonName(f reflect.StructField) string { return f.Tag.Get("json") }

// isPropertyID takes the letters of the ids that EasyBroker gives out
// (EB-XXXX01); whether it knows the property is for EasyBroker to say.
func isPropertyID(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// isMailbox is stricter than the validator's own tag, which lets marks that
// turn the writing direction, long labels and formulas pass, and cheaper. It
// asks for local@domain.tld with the lengths of RFC 5321.
func isMailbox(s string) bool {
	const longest, longestLocal = 254, 64
	at := strings.LastIndexByte(s, '@')
	return len(s) <= longest && at > 0 && at <= longestLocal && utf8.ValidString(s) &&
		isLocalPart(s[:at]) && isMailDomain(s[at+1:])
}

// isLocalPart takes a dot-atom, with letters of any script.
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

// cleanEmail takes off what people and address books leave around an address
// and writes its domain in lower case. The local part is the owner's business.
func cleanEmail(s string) string {
	s = strings.TrimSpace(s)
	if open := strings.IndexByte(s, '<'); open >= 0 && strings.HasSuffix(s, ">") && strings.Count(s, "<") == 1 {
		s = s[open+1 : len(s)-1] // Ana <ana@x.mx>; of two owners neither is meant
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
