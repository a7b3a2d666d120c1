package spam

import (
	_ "embed"
	"strings"
)

// disposable is the list as it is in its file, in sorted lines. It is searched in
// place, which takes no memory for a map.
//
//go:embed disposable.txt
var disposable string

// isDisposable reports whether the domain, or one above it, gives out addresses that
// work for minutes.
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

// hasLine does a binary search in sorted lines. The comments at the head begin with a
// byte below those of any domain, so they are in order, too.
func hasLine(lines, line string) bool {
	for lines != "" {
		begin := strings.LastIndexByte(lines[:len(lines)/2], '\n') + 1
		mid := lines[begin:]
		if end := strings.IndexByte(mid, '\n'); end >= 0 {
			mid = mid[:end]
		}
		switch order := strings.Compare(line, mid); {
		case order == 0:
			return true
		case order < 0:
			lines = lines[:begin]
		default:
			lines = lines[min(begin+len(mid)+1, len(lines)):]
		}
	}
	return false
}
