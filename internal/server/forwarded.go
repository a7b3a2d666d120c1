package server

import (
	"iter"
	"strings"
)

// forwardedFor yields whom each element of a Forwarded header (RFC 7239) names,
// the last one first. It reads from the right, quotes too: one that a client
// has left open must not swallow what our proxy wrote behind it.
func forwardedFor(header string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for element := range fromRight(header, ',') {
			if !yield(forValue(element)) {
				return
			}
		}
	}
}

// forValue is what an element says after for=, without its quotes and
// brackets; "" when it does not say it once.
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

// fromRight yields what stands between separators outside quotes, the last
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

// isEscaped reports a backslash that counts for the byte behind before.
func isEscaped(before string) bool {
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}
