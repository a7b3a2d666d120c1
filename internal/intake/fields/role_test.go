package fields_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/intake/fields"
	"leadrelay/internal/lead"
)

// A new field of a lead needs a role, in the same place, and a choice of its value.
func TestEveryFieldOfALeadHasARole(t *testing.T) {
	require.Len(t, lead.Fields(), int(fields.RoleFirst))
	for _, f := range lead.Fields() {
		for name, own := range map[string]map[string]string{string(f): nil, "campo-7": {"campo-7": string(f)}} {
			posted := []body.Field{{Name: name, Value: "x"}, {Name: "nombre", Value: "Ana"}}
			q := fields.NewVocabulary(own).Assign(posted).Inquiry("casas")
			require.Equal(t, "x", q.Get(f), "%s as %s", f, name)
		}
	}
}
