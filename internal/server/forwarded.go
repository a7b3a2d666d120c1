package server

import (
	"iter"
	"strings"
)

// forwardedFor yields the address in each element of a Forwarded header (RFC 7239),
// the last one first. It parses from the right, so that a quote which a client left
// open does not hide what our proxy appended.
func forwardedFor(header string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for element := range fromRight(header, ',') {
			if !yield(forValue(element)) {
				return
			}
		}
	}
}

// forValue returns the value of for= in an element, without quotes and brackets. It
// is "" unless the element has for= exactly once.
func forValue(element string) (value string) {
	found := 0
	for pair := range fromRight(element, ';') {
		name, text, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(name), "for") {
			value = strings.Trim(strings.TrimSpace(text), `"`)
			found++
		}
	}
	if found != 1 {
		return ""
	}
	value, _, _ = strings.Cut(value, ":_") // a port may be hidden
	if strings.HasSuffix(value, "]") {
		return strings.Trim(value, "[]")
	}
	return value
}

// fromRight yields the parts between separators that are not quoted, the last part
// first.
func fromRight(s string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		quoted, end := false, len(s)
		for i := len(s) - 1; i >= 0; i-- {
			switch {
			case s[i] == '"' && !isEscaped(s[:i]):
				quoted = !quoted
			case s[i] == separator && !quoted:
				if !yield(s[i+1 : end]) {
					return
				}
				end = i
			}
		}
		yield(s[:end])
	}
}

// isEscaped reports whether the byte that follows before is escaped by a backslash.
func isEscaped(before string) bool {
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}
