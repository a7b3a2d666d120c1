package intake

import (
	"net/http"
	"strconv"
	"strings"

	"leadrelay/internal/intake/body"
)

// wantsJSON reports whether the answer is for a program. A fetch that does not
// say what it wants gets JSON, too: a redirect to the site's own page would
// leave the CORS headers behind, and the script would see a failure although
// the lead was kept.
func wantsJSON(r *http.Request, m body.Media) bool {
	if strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest") {
		return true
	}
	accept := strings.Join(r.Header["Accept"], ",")
	asJSON, named := quality(accept, "application/json")
	asProblem, namedProblem := quality(accept, "application/problem+json")
	asHTML, namedHTML := quality(accept, "text/html")
	switch asJSON = max(asJSON, asProblem); {
	case asJSON != asHTML:
		return asJSON > asHTML
	case m.IsJSON() || isFetch(r):
		return true
	}
	return (named || namedProblem) && !namedHTML // a library's "application/json, */*"
}

// isFetch reports a script's request. Old browsers do not tell.
func isFetch(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode == "cors" || mode == "same-origin"
}

// quality is how much an Accept header wants a type, from 0 to 1. The most
// exact range that covers the type decides, and named tells that it is the type
// itself; without a header all are welcome.
func quality(accept, want string) (found float64, named bool) {
	if accept == "" {
		return 1, false
	}
	group, _, _ := strings.Cut(want, "/")
	exactness := 0
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		if level := covers(strings.TrimSpace(name), want, group); level > exactness {
			found, exactness = weight(params), level
		}
	}
	return found, exactness == exactly
}

// exactly is how exact a range is that is the type itself.
const exactly = 3

func covers(name, want, group string) int {
	switch {
	case strings.EqualFold(name, want):
		return exactly
	case len(name) == len(group)+2 && strings.HasSuffix(name, "/*") && strings.EqualFold(name[:len(group)], group):
		return 2
	case name == "*/*":
		return 1
	}
	return 0
}

// weight reads q from a range's parameters; what cannot be read is 1.
func weight(params string) float64 {
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		if q, err := strconv.ParseFloat(value, 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}
