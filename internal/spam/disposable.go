package spam

import (
	_ "embed"
	"strings"
)

// disposable is the list as it stands in its file: sorted lines. It is
// searched where it lies, so it costs no memory that a map would.
//
//go:embed disposable.txt
var disposable string

// isDisposable reports whether the domain, or one above it, gives addresses
// away for minutes.
func isDisposable(domain string) bool {
	domain = strings.ToLower(domain)
	for strings.Contains(domain, ".") {
		if hasLine(disposable, domain) {
			return true
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return false
}

// hasLine searches sorted lines by halves. The remarks at the head begin with
// a byte below those of any domain, so they are in order, too.
func hasLine(lines, line string) bool {
	for lines != "" {
		begin := strings.LastIndexByte(lines[:len(lines)/2], '\n') + 1
		mid, _, _ := strings.Cut(lines[begin:], "\n")
		switch {
		case mid == line:
			return true
		case line < mid:
			lines = lines[:begin]
		default:
			lines = lines[min(begin+len(mid)+1, len(lines)):]
		}
	}
	return false
}
