package intake_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/site"
)

// These are public reports of inquiries that other receivers lost or got wrong, rebuilt
// in testdata/reports with invented details. The sites have the default rules, unless a
// row says otherwise.
func TestReports(t *testing.T) {
	const pets = "¿Aceptan mascotas?"
	gravity := map[string]string{"1.3": "first_name", "1.6": "last_name", "2": "email", "3": "phone", "4": "message", "5": "property_id"}
	tests := map[string]struct {
		source  string // where it was reported or described
		require string // what the site requires besides property_id and message; email if empty
		own     map[string]string
		want    contact
		extra   []string // values that are kept beside it
	}{
		"01-cf7-select.json": {
			source: "rocklobster-in/contact-form-7#152, ResultadosDigitais/rdstation-wp#69",
			want:   contact{"Rita Salas", "rita@correo-prueba.mx", "55 1111 2222", pets},
		},
		"02-whatsapp-box.json": {
			source: "rnicholus/ajax-form#84", want: contact{"Rita Salas", "rita@correo-prueba.mx", "5511112222", pets}, extra: []string{"true"},
		},
		"03-facebook-lead.json": {
			source: "facebook-php-business-sdk#426, #270", want: contact{"Rita Salas", "rita4@correo-prueba.mx", "+525511112222", pets},
		},
		"06-webflow-v2.json": {
			source: "developers.webflow.com: form_submission", want: contact{"Rita Salas", "rita7@correo-prueba.mx", "", "Do you take pets?"},
			extra: []string{"Formulario Casa Roma"},
		},
		"06b-webflow-v1.json": {
			source: "developers.webflow.com: form_submission", want: contact{"Rita Salas", "rita90@correo-prueba.mx", "", pets},
			extra: []string{"Formulario Casa Roma"},
		},
		"08-crm-event.json": {
			source: "bosscart.io: form_submitted", want: contact{"Rita Salas", "rita35@correo-prueba.mx", "", pets},
			extra: []string{"Casas del Centro", "hola@agencia-prueba.mx", "+525599998888", "Eva Ruiz", "eva@agencia-prueba.mx", "+525599997777"},
		},
		"08b-crm-user.json": {
			source: "HighLevel's workflow webhook", require: "email|phone", want: contact{"Rita", "", "+525511112222", "¿Aceptan niños?"},
			extra: []string{"Casas del Centro", "Eva", "Ruiz", "eva@agencia-prueba.mx", "+525599998888"},
		},
		"08c-assigned.json": {
			source: "HighLevel's workflow webhook", want: contact{"Rita", "rita93@correo-prueba.mx", "", "Hola"},
			extra: []string{"Eva", "e@a.mx", "5599998888", "Eva Ruiz", "eva@agencia-prueba.mx"},
		},
		"09-two-phones.form": {
			source: "frappe/erpnext#26298, #22321", want: contact{"Rita Salas", "rita10@correo-prueba.mx", "55 1111 2222", "Hola"}, extra: []string{"55 3333 4444"},
		},
		"11-property-title.form": {
			source: "themes that post title and id of a property", want: contact{"Rita Salas", "rita12@correo-prueba.mx", "", "Hola"},
			extra: []string{"Casa en la Roma Norte"},
		},
		"11b-listing-id.form": {
			source: "themes that post title and id of a property", want: contact{"Rita Salas", "rita13@correo-prueba.mx", "", "Hola"},
			extra: []string{"4821", "eva@agencia-prueba.mx", "Casa Roma"},
		},
		"12-divi.form": {
			source: "common-repository/contact-form-db-divi", want: contact{"Rita Salas", "rita60@correo-prueba.mx", "55 1111 2222", pets},
		},
		"19-percent.form":    {source: "jsbin#1502", want: contact{"Rita", "rita@correo-prueba.mx", "", "Tengo el 20% de enganche"}},
		"19b-semicolon.form": {source: "rack#520", want: contact{"Rita", "rita@correo-prueba.mx", "", "Hola; me interesa"}},
		"28-gravity-68.json": {
			source: "IFRCGo/go-api#887, verbb/formie#2114", own: gravity, want: contact{"Ana López", "rita39@correo-prueba.mx", "55 1234 5678", pets},
			extra: []string{"El lunes", "Roma"},
		},
	}
	files, err := os.ReadDir("testdata/reports")
	require.NoError(t, err)
	require.Len(t, files, len(tests), "each has a row")
	for file, tt := range tests {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile("testdata/reports/" + file)
			require.NoError(t, err)
			contentType := formType
			if strings.HasSuffix(file, ".json") {
				contentType = jsonType
			}
			l := keptWith(t, tt.own, tt.require, string(text), contentType)
			require.Equal(t, tt.want, contactOf(l))
			require.Equal(t, map[bool]string{true: "EB-RS0001", false: "EB-WB0001"}[file != "02-whatsapp-box.json"], l.PropertyID)
			for _, value := range tt.extra {
				require.True(t, slices.ContainsFunc(l.Extra, func(p lead.Pair) bool { return p.Value == value }), "%q is not in %v", value, l.Extra)
			}
			require.Empty(t, l.Context["ambiguous"])
		})
	}
}

// A form builder posts multipart, with the answers as JSON in one field (windmill#3529,
// n8n#258, simstudioai/sim#2616).
func TestReport05AnswersAsJSONInOneField(t *testing.T) {
	l := keptWith(t, nil, "", parts(
		field("formID"), "1", field("submissionID"), "99", field("ip"), "203.0.113.1", field("formTitle"), "Contacto",
		field("pretty"), "Nombre:Rita Salas, Correo:rita@correo-prueba.mx, Mensaje:Hola", field("type"), "WEB",
		field("rawRequest"), `{"slug":"submit/1","q3_nombre":{"first":"Rita","last":"Salas"},"q4_correo":"rita@correo-prueba.mx",`+
			`"q5_telefono":{"full":"(55) 1111-2222"},"q6_mensaje":"¿Aceptan mascotas?","q7_propertyId":"EB-RS0001"}`,
	), multiType)
	require.Equal(t, contact{"Rita Salas", "rita@correo-prueba.mx", "(55) 1111-2222", "¿Aceptan mascotas?"}, contactOf(l))
	require.Equal(t, "EB-RS0001", l.PropertyID)
}

// Of two ids under one name the first is used, and the lead says so.
func TestTwoPropertiesMakeALeadAmbiguous(t *testing.T) {
	const rest = "&email=rita%40correo-prueba.mx&message=Hola"
	tests := map[string]struct {
		body, property, ambiguous string
		extra                     []lead.Pair
	}{
		"two under our name": {"property_id=EB-1A&property_id=EB-2B", "EB-1A", "property_id", []lead.Pair{{Name: "property_id", Value: "EB-2B"}}},
		"two under an alias": {"clave=EB-1A&clave=EB-2B", "EB-1A", "property_id", []lead.Pair{{Name: "clave", Value: "EB-2B"}}},
		"the same one twice": {"property_id=EB-1A&property_id=+EB-1A", "EB-1A", "", nil},
		"a title is none":    {"propiedad=Casa+Roma&property_id=EB-1A", "EB-1A", "", []lead.Pair{{Name: "propiedad", Value: "Casa Roma"}}},
		"a row of a table":   {"listing_id=4821&clave=EB-1A", "EB-1A", "", []lead.Pair{{Name: "listing_id", Value: "4821"}}},
		"said from outside":  {"property_id=EB-1A&ambiguous=property_id", "EB-1A", "", []lead.Pair{{Name: "ambiguous", Value: "property_id"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := keptWith(t, nil, "", tt.body+rest, formType)
			require.Equal(t, tt.property, l.PropertyID)
			require.Equal(t, tt.ambiguous, l.Context["ambiguous"])
			require.Equal(t, tt.extra, l.Extra)
		})
	}
}

// keptWith posts to a site that requires a property, a message and an e-mail address, or
// something else instead of the address.
func keptWith(t *testing.T, own map[string]string, instead, body, contentType string) lead.Lead {
	t.Helper()
	required := lead.DefaultRules()
	if instead != "" {
		required = rules(t, "property_id", "message", instead)
	}
	kept := &memoryKeeper{}
	s := site.Site{ID: "casas", Source: "casas.mx", Locale: "es", Fields: own, Rules: required, Tick: lead.Milliseconds}
	w := ask(intake.New([]site.Site{s}, kept, intake.Options{}), "POST", "/f/casas", body, "Content-Type", contentType, "Accept", jsonType)
	require.Equal(t, 202, w.Code, w.Body.String())
	require.Len(t, kept.leads, 1)
	return kept.leads[0]
}
