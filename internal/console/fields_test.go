package console_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
)

// A new field of a lead is in the API, in its description and on the hosted form.
func TestEveryFieldOfALeadIsShown(t *testing.T) {
	data, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(data)
	require.NoError(t, err)
	var view map[string]any
	shown, err := json.Marshal(console.Lead{})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(shown, &view))
	for _, f := range lead.Fields() {
		require.Contains(t, view, string(f))
		for _, schema := range []string{"Inquiry", "Lead", "Edit"} {
			require.Contains(t, doc.Components.Schemas[schema].Value.Properties, string(f), schema)
		}
		for _, lang := range []locale.Lang{locale.ES, locale.EN} {
			label := "label." + string(f)
			require.NotEqual(t, label, locale.Text(lang, label), "no label in %s", lang)
		}
	}
}
