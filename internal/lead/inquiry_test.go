package lead_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// A new field of Inquiry is in Fields, counts for repeats and is searched. If it
// should not, it must be named here.
func TestNoFieldOfAnInquiryIsForgotten(t *testing.T) {
	notContent := []string{"Context", "Extra", "Ambiguous", "LeftOut"} // see [lead.Inquiry.Content]
	var found []lead.Field
	for _, field := range reflect.VisibleFields(reflect.TypeFor[lead.Inquiry]()) {
		var l lead.Lead
		empty := l.Content()
		value := reflect.ValueOf(&l.Inquiry).Elem().FieldByIndex(field.Index)
		switch value.Kind() {
		case reflect.String:
			value.SetString("5512345678")
		case reflect.Bool:
			value.SetBool(true)
		case reflect.Int:
			value.SetInt(1)
		case reflect.Map:
			value.Set(reflect.ValueOf(map[string]string{"name": "5512345678"}))
		case reflect.Slice:
			value.Set(reflect.ValueOf([]lead.Pair{{Name: "name", Value: "5512345678"}}))
		default:
			require.Fail(t, "no value for this kind", field.Name)
		}
		if slices.Contains(notContent, field.Name) {
			require.Equal(t, empty, l.Content(), field.Name)
			continue
		}
		require.NotEqual(t, empty, l.Content(), "%s does not count for repeats", field.Name)
		if field.Name == "Site" {
			continue
		}
		i := slices.IndexFunc(lead.Fields(), func(f lead.Field) bool { return l.Get(f) == "5512345678" })
		require.NotEqual(t, -1, i, "%s is not in Fields", field.Name)
		require.True(t, l.Mentions("5512345678"), "%s is not searched", field.Name)
		found = append(found, lead.Fields()[i])
	}
	require.ElementsMatch(t, lead.Fields(), found)
}
