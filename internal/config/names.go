package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// serviceLink matches variables that Kubernetes sets for a service called leadrelay, and
// Docker for a linked container.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)

// checkNames warns of variables with our prefixes that are no settings. A misspelled one
// would be ignored, and the default would apply.
func (l *loader) checkNames(variables map[string]string) {
	known := variableNames()
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		isOurs := strings.HasPrefix(name, "LEADRELAY_") || strings.HasPrefix(name, "EASYBROKER_")
		if !isOurs || slices.Contains(known, name) || isServiceLink(name, variables[name]) || strings.TrimSpace(variables[name]) == "" {
			continue
		}
		text := "no setting has this name; " + meant(name, known)
		if file, ok := readByOthers[name]; ok {
			text = "is read by " + file + ", and not by the relay"
		}
		l.warn(Place{Name: name}, text)
	}
}

// readByOthers are the variables that only the files in deploy/ read.
var readByOthers = map[string]string{
	"LEADRELAY_DOMAIN": "deploy/Caddyfile", "LEADRELAY_UPSTREAM": "deploy/Caddyfile", "LEADRELAY_CADDY": "deploy/Caddyfile", "LEADRELAY_RELAYS": "deploy/Caddyfile",
	"LEADRELAY_VERSION": "deploy/compose.yaml",
}

// meant returns what to write instead of an unknown variable: the nearest one, the key of
// the file where only that has the setting, or all that there are.
func meant(name string, known []string) string {
	prefix, rest, _ := strings.Cut(name, "_")
	for _, s := range settings {
		if last, ok := strings.CutPrefix(s.key, perSite); ok && s.env == "" && last == strings.ToLower(rest) {
			return "only the file (LEADRELAY_CONFIG) has sites.<id>." + last
		}
	}
	if near := nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	var all []string
	for _, k := range known {
		if short, ok := strings.CutPrefix(k, prefix+"_"); ok {
			all = append(all, short)
		}
	}
	slices.Sort(all)
	return "there are, behind " + prefix + "_, " + strings.Join(all, ", ")
}

// isServiceLink reports whether the variable is a service link. LEADRELAY_PORT=8080 is
// not: somebody meant it as a setting.
func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) && (!strings.HasSuffix(name, "LEADRELAY_PORT") || strings.Contains(value, "://"))
}

func variableNames() (names []string) {
	for _, s := range settings {
		if s.env == "" {
			continue
		}
		names = append(names, s.env)
		if s.secret {
			names = append(names, s.env+"_FILE")
		}
	}
	return names
}

// nearest returns the name that was probably meant: one with another word in the middle,
// or one that differs in at most two letters. It returns "" if there is none.
func nearest(name string, known []string) string {
	const maxDistance = 2
	prefix, rest, _ := strings.Cut(name, "_")
	best, least := "", maxDistance+1
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

// distance returns how many letters must be inserted, deleted, changed or swapped with
// their neighbor to get from one name to the other.
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
