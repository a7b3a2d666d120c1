package intake_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// An error is a problem, with the members that the clients of form services look for.
func TestRefusedJSONHasTheseMembersAndNoOther(t *testing.T) {
	d := newRelay(t)
	w := d.post(jsonType, `{"property_id":"EB-1","email":"a@","message":"Hola"}`)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var members map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &members))
	require.NotEmpty(t, members["title"])
	require.NotEmpty(t, members["detail"])
	require.Equal(t, members["detail"], members["error"])
	require.Equal(t, members["detail"], members["message"])
	require.Equal(t, false, members["ok"])
	require.Equal(t, false, members["success"])
	require.Len(t, members["errors"], 1)
	require.Len(t, members, 11, w.Body.String())

	members = nil
	w = d.post(jsonType, "{")
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &members))
	require.NotContains(t, members, "errors", "clients of form services read error when there are none")
	require.NotEmpty(t, members["error"])
}

// A script finds the field by the name that the form has for it.
func TestWrongFieldsHaveTheFormsNames(t *testing.T) {
	tests := map[string]struct {
		contentType, body string
		want              []string
	}{
		"as posted":               {formType, "propiedad=EB-1&Correo+electr%C3%B3nico=a%40&Mensaje=+", []string{"Mensaje REQUIRED_FIELD_EMPTY", "Correo electrónico TYPE_EMAIL"}},
		"in something else":       {formType, "fields%5Bproperty_id%5D=x%2Fy&fields%5Bemail%5D=a%40&fields%5Bmessage%5D=x", []string{"fields[property_id] TYPE_PROPERTY", "fields[email] TYPE_EMAIL"}},
		"of several, what counts": {formType, "clave=EB-1&mensaje=x&email=&correo=a%40&mail=", []string{"correo TYPE_EMAIL"}},
		"ours when none came":     {formType, "correo=a%40x.mx", []string{"property_id REQUIRED_FIELD_MISSING", "message REQUIRED_FIELD_MISSING"}},
		"nested":                  {jsonType, `{"contact":{"email":"a@"},"property_id":"EB-1","message":"x"}`, []string{"contact[email] TYPE_EMAIL"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			require.Equal(t, tt.want, wrongFields(t, d.post(tt.contentType, tt.body, "Accept", jsonType)))
		})
	}
}

func TestAMistypedAddressIsKeptWithAHint(t *testing.T) {
	for email, hint := range map[string]string{
		"ana@gmial.com": "¿Quisiste decir ana@gmail.com?", " ana@HOTMIAL.com ": "¿Quisiste decir ana@hotmail.com?", "ana@gmail.com": "", "": "",
	} {
		d := newRelay(t)
		body, err := json.Marshal(map[string]string{"property_id": "EB-1", "email": email, "phone": "5512345678", "name": "Ana", "message": "Hola", "_language": "es"})
		require.NoError(t, err)
		w := d.ask("POST", "/f/homes", string(body), "Content-Type", jsonType)
		require.Equal(t, 202, w.Code)
		var answer struct{ Hint string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		require.Equal(t, hint, answer.Hint)
		require.NotContains(t, d.log.String(), "ana@")
	}
	d := newRelay(t)
	require.Contains(t, d.post(formType, "property_id=EB-1&email=ana%40gmial.com&message=x&_language=en", "Accept", jsonType).Body.String(), `"hint":"Did you mean ana@gmail.com?","meant":"ana@gmail.com"`)
	require.Equal(t, "ana@gmial.com", d.one(t).Email)
}
