package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// serviceLink is a variable that Kubernetes sets for a service called leadrelay,
// and Docker for a linked container.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)

// checkNames warns of variables with our prefixes that no setting has. A
// misspelled one would be passed over, and its default be in force in silence.
func (l *loader) checkNames(variables map[string]string) {
	known := variableNames()
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		isOurs := strings.HasPrefix(name, "LEADRELAY_") || strings.HasPrefix(name, "EASYBROKER_")
		if !isOurs || slices.Contains(known, name) || isServiceLink(name, variables[name]) || strings.TrimSpace(variables[name]) == "" {
			continue
		}
		text := "no setting has this name"
		if near := nearest(name, known); near != "" {
			text += "; did you mean " + near + "?"
		}
		l.warn(Place{Name: name}, text)
	}
}

// isServiceLink reports whether the variable says where a service is, and not
// what somebody means to set: LEADRELAY_PORT=8080 is none.
func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) && (!strings.HasSuffix(name, "LEADRELAY_PORT") || strings.Contains(value, "://"))
}

func variableNames() (names []string) {
	for _, s := range settings {
		if s.env != "" {
			names = append(names, s.env)
		}
		if s.secret {
			names = append(names, s.env+"_FILE")
		}
	}
	return names
}

// nearest finds the name that was probably meant: one with a word more in the
// middle, or one that is mistyped in two letters at most.
func nearest(name string, known []string) string {
	const most = 2
	prefix, rest, _ := strings.Cut(name, "_")
	best, least := "", most+1
	for _, k := range known {
		if strings.HasPrefix(k, prefix+"_") && strings.HasSuffix(k, "_"+rest) {
			return k
		}
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to put in, take out, change or swap with their
// neighbor to make one name of the other.
func distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
