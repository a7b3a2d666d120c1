package intake

import (
	"strings"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
)

// keepForeign keeps a field that is none of ours, with the lead and for the
// operator: what tells where the inquiry came from by its name, and the rest in
// the form's order.
func (d *draft) keepForeign(p body.Field) {
	if p.Kind == body.Nested || d.keepContext(p) {
		return
	}
	if strings.TrimSpace(p.Value) != "" {
		d.extra = append(d.extra, lead.Pair{Name: withoutIndex(p.Name), Value: p.Value})
	}
}

// keepContext reports whether the field is context. Its names come from
// outside, so their number is bounded; the first of a name stays.
func (d *draft) keepContext(p body.Field) bool {
	const most = 16
	key := contextKey(p.Name)
	if key == "" || (len(d.context) >= most && d.context[key] == "") {
		return false
	}
	if d.context == nil {
		d.context = make(map[string]string, 4)
	}
	if d.context[key] == "" {
		d.context[key] = p.Value
	}
	return true
}

// contextKey is the name under which context is kept, or "" when it is none.
func contextKey(name string) string {
	const longest = 40
	if len(name) > longestName {
		return ""
	}
	if steps := trail(name); len(steps) > 0 {
		name = strings.TrimSpace(steps[len(steps)-1])
	}
	if len(name) > longest {
		return ""
	}
	switch fold(name) {
	case "pageurl", "pageuri", "sourceurl":
		return "page_url"
	case "consent":
		return "consent"
	}
	key := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if strings.HasPrefix(key, "utm_") && isWord(key) {
		return key
	}
	return ""
}

func isWord(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

// withoutIndex takes off where in a list a value stands: zonas[0], zonas[].
func withoutIndex(name string) string {
	open := strings.LastIndexByte(name, '[')
	if open > 0 && strings.HasSuffix(name, "]") && isDigits(name[open+1:len(name)-1]) {
		return name[:open]
	}
	return name
}
