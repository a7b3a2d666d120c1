package fields

import (
	"slices"

	"leadrelay/internal/intake/body"
)

// expand parses the JSON that some form services write into a field, such as Jotform's
// rawRequest. What a visitor typed is not parsed, because it comes in a field that we
// know.
func expand(v *Vocabulary, posted []body.Field) []body.Field {
	if !slices.ContainsFunc(posted, mayBeJSON) {
		return posted
	}
	all := make([]body.Field, 0, len(posted))
	for _, p := range posted {
		if mayBeJSON(p) && v.match(p.Name).role == RoleExtra {
			if inner, err := body.ParseNested(p.Name, p.Value); err == nil {
				all = append(all, inner...)
				continue
			} // else it is a text in braces, and stays one
		}
		all = append(all, p)
	}
	return all
}

func mayBeJSON(p body.Field) bool {
	return p.Kind == body.Text && len(p.Value) > 1 && p.Value[0] == '{' && p.Value[len(p.Value)-1] == '}'
}
