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
		posted := []body.Field{{Name: string(f), Value: "x"}, {Name: "zona", Value: "Roma"}}
		q := fields.NewVocabulary(nil).Read(posted).Inquiry("casas")
		require.Equal(t, "x", q.Get(f), f)
		mapped := []body.Field{{Name: "campo-7", Value: "x"}}
		q = fields.NewVocabulary(map[string]string{"campo-7": string(f)}).Read(mapped).Inquiry("casas")
		require.Equal(t, "x", q.Get(f), f)
	}
}
