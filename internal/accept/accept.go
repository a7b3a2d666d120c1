// Package accept reads headers by which a client says what it prefers, such as
// Accept and Accept-Encoding.
package accept

import (
	"strconv"
	"strings"
)

// Quality returns how much the header prefers a value, from 0 to 1. The most
// specific range that covers the value decides. isNamed reports whether that
// range is the value itself, rather than a range such as application/*. A header
// that is empty accepts everything.
func Quality(header, value string) (quality float64, isNamed bool) {
	if header == "" {
		return 1, false
	}
	group, _, _ := strings.Cut(value, "/")
	best := 0
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if s := specificity(strings.TrimSpace(name), value, group); s > best {
			quality, best = parseQuality(params), s
		}
	}
	return quality, best == exact
}

// exact is the specificity of a range that is the value itself.
const exact = 3

// specificity returns how specific the range is, or 0 if it does not cover the
// value.
func specificity(name, value, group string) int {
	switch {
	case strings.EqualFold(name, value):
		return exact
	case len(name) == len(group)+2 && strings.HasSuffix(name, "/*") && strings.EqualFold(name[:len(group)], group):
		return 2
	case name == "*/*":
		return 1
	}
	return 0
}

// parseQuality reads q from the parameters of a range. It is 1 if q is absent or
// cannot be read.
func parseQuality(params string) float64 {
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}
