package intake_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestAliases(t *testing.T) {
	base := map[string]string{"property_id": "EB-AB1234", "email": "ana@casas.mx", "message": "Hola"}
	tests := map[lead.Field]struct {
		value string
		names []string
	}{
		lead.Name: {"Ana Luz", []string{
			"nombre", "Nombre", "NAME", "nombre_completo", "Nombre Completo", "full_name", "fullName", "your-name", "name", "Nombre *", "Nombre:", "¿Nombre?", "nombre (obligatorio)",
			"fields[name]", "form_fields[name]", "input[name]", "contact.nombre", "data:name", "contact_name", "et_pb_contact_name_0", "Nombre del cliente", "name[]",
			"first_name", "nombres", "Nombre(s)", "contacto[nombre completo]",
		}},
		lead.Email: {"l@x.mx", []string{
			"correo", "correo electrónico", "Correo-Electrónico", "correo electro\u0301nico", "email", "e-mail", "E-Mail", "mail", "your-email", "EMAIL ADDRESS", "E-mail*",
			"fields[email]", "form_fields[email]", "fields[email][value]", "contact.email", "lead[email]", "email-345", "email_1", "user_email", "Correo electrónico (requerido)",
			"Correo de contacto", "jform[contact_email]", "fields[correo-electrónico]", "Form[Fields][Email]",
		}},
		lead.Phone: {"5587654321", []string{
			"telefono", "teléfono", "TELÉFONO", "tel", "phone", "celular", "movil", "móvil", "whatsapp", "WhatsApp", "mobile", "Tel.", "Teléfono:", "Teléfono (opcional)",
			"contact.phone", "contact[phone]", "tel-619", "Phone Number", "Número de teléfono", "No. de teléfono", "Tel. celular", "form_fields[telefono]", "Teléfono / WhatsApp",
		}},
		lead.Message: {"¿Sigue?", []string{
			"mensaje", "message", "comentarios", "comments", "your-message", "Tu Pregunta", "tu_pregunta", "data[message]", "Mensaje o comentario", "textarea[mensaje]",
			"Dudas o comentarios", "form[message]",
		}},
		lead.PropertyID: {"EB-2", []string{
			"propiedad", "property", "property_id", "propertyId", "property-id", "id_propiedad", "clave", "property[id]", "property.id", "fields[property_id]", "Clave de la propiedad",
			"propiedad[clave]", "public_id",
		}},
	}
	for f, tt := range tests {
		for _, name := range tt.names {
			t.Run(name, func(t *testing.T) {
				form := url.Values{name: {tt.value}}
				object := map[string]string{name: tt.value}
				for other, value := range base {
					if lead.Field(other) != f {
						form.Set(other, value)
						object[other] = value
					}
				}
				asJSON, err := json.Marshal(object)
				require.NoError(t, err)
				for contentType, body := range map[string]string{formType: form.Encode(), jsonType: string(asJSON)} {
					d := newRelay(t)
					w := d.post(contentType, body, "Accept", jsonType)
					require.Equal(t, 202, w.Code, w.Body.String())
					l := d.one(t)
					require.Equal(t, tt.value, l.Get(f))
				}
			})
		}
	}
}

// Each row is a body that is complete except for what the row says.
func TestFields(t *testing.T) {
	const rest = "property_id=EB-1&email=a%40x.mx&message=Hola"
	tests := map[string]struct {
		contentType, body string
		wrong             []string // nil if it is accepted
		kept              map[lead.Field]string
	}{
		"a number for a phone": {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"x","phone":5512345678}`, nil, map[lead.Field]string{lead.Phone: "5512345678"}},
		"a number for a property, digit by digit": {
			jsonType, `{"property_id":90071992547409931234,"email":"a@x.mx","message":"x"}`, nil, map[lead.Field]string{lead.PropertyID: "90071992547409931234"},
		},
		"a fraction for a phone":     {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"x","phone":5.5e9}`, nil, map[lead.Field]string{lead.Phone: ""}},
		"a phone from a spreadsheet": {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"x","phone":5511112222.0}`, nil, map[lead.Field]string{lead.Phone: "5511112222"}},
		"the same as a text":         {formType, rest + "&phone=5511112222.0", nil, map[lead.Field]string{lead.Phone: "5511112222"}},
		"a phone below zero":         {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"x","phone":-55}`, nil, map[lead.Field]string{lead.Phone: ""}},
		"a number for a name":        {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"x","name":7}`, nil, map[lead.Field]string{lead.Name: ""}},
		"a list of one text":         {jsonType, `{"property_id":["EB-1"],"email":["a@x.mx"],"message":["x"]}`, nil, map[lead.Field]string{lead.Email: "a@x.mx", lead.PropertyID: "EB-1", lead.Message: "x"}},
		"a list of nothing":          {jsonType, `{"property_id":"EB-1","email":[],"message":"x"}`, []string{"email TYPE_TEXT"}, nil},
		"a list of an object":        {jsonType, `{"property_id":"EB-1","email":[{"a":1}],"message":"x"}`, []string{"email TYPE_TEXT"}, nil},
		"an object for a name":       {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"x","name":{}}`, nil, map[lead.Field]string{lead.Name: ""}},
		"true for a message":         {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":true}`, []string{"message TYPE_TEXT"}, nil},
		"wrong types and the rest":   {jsonType, `{"email":{},"name":{},"phone":5512345678,"property_id":""}`, []string{"property_id REQUIRED_FIELD_EMPTY", "email TYPE_TEXT", "message REQUIRED_FIELD_MISSING"}, nil},
		"off, beside a good value":   {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"x","phone":false,"tel":"5511112222","whatsapp":true}`, nil, map[lead.Field]string{lead.Phone: "5511112222"}},
		"a message in figures":       {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":2}`, nil, map[lead.Field]string{lead.Message: "2"}},
		"null is nothing":            {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":null,"phone":null}`, []string{"message REQUIRED_FIELD_MISSING"}, nil},
		"nothing":                    {jsonType, `{}`, []string{"property_id REQUIRED_FIELD_MISSING", "email REQUIRED_FIELD_MISSING", "message REQUIRED_FIELD_MISSING"}, nil},
		"blanks":                     {formType, "property_id=+&email=&message=%0A%0A", []string{"property_id REQUIRED_FIELD_EMPTY", "email REQUIRED_FIELD_EMPTY", "message REQUIRED_FIELD_EMPTY"}, nil},
		"unseen signs are a blank":   {formType, "property_id=EB-1&email=a%40x.mx&message=%E2%80%8B", []string{"message REQUIRED_FIELD_EMPTY"}, nil},
		"64 KiB of spaces":           {formType, "property_id=EB-1&email=a%40x.mx&message=" + strings.Repeat("+", 65_000), []string{"message REQUIRED_FIELD_EMPTY"}, nil},
		"a field without a sign":     {formType, "property_id=EB-1&email=a%40x.mx&message", []string{"message REQUIRED_FIELD_EMPTY"}, nil},
		"the first that has a text":  {formType, rest + "&tel=+&tel=55&cel=66&tel=77", nil, map[lead.Field]string{lead.Phone: "55"}},
		"our own word before others": {formType, rest + "&tel=5511112222&phone=66", nil, map[lead.Field]string{lead.Phone: "66"}},
		"a blank before a number":    {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"x","tel":"","whatsapp":55}`, nil, map[lead.Field]string{lead.Phone: "55"}},
		"a phone as it was typed":    {formType, rest + "&phone=+044+(55)+1234-5678+", nil, map[lead.Field]string{lead.Phone: "044 (55) 1234-5678"}},
		"a plus that is a space":     {formType, rest + "&name=Ana+Luz", nil, map[lead.Field]string{lead.Name: "Ana Luz"}},
		"escapes in JSON":            {jsonType, `{"property_id":"EB-1","email":"a@x.mx","message":"l\u00ednea\n\"dos\" \ud83d\ude00 \\"}`, nil, map[lead.Field]string{lead.Message: "línea\n\"dos\" 😀 \\"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			w := d.post(tt.contentType, tt.body, "Accept", jsonType)
			if tt.wrong != nil {
				require.Equal(t, 422, w.Code)
				require.Equal(t, tt.wrong, wrongFields(t, w))
				require.Empty(t, d.keeper.leads)
				return
			}
			require.Equal(t, 202, w.Code, w.Body.String())
			l := d.one(t)
			for f, want := range tt.kept {
				require.Equal(t, want, l.Get(f))
			}
		})
	}
}

func TestEitherOfTwo(t *testing.T) {
	d := newRelay(t)
	w := d.ask("POST", "/f/homes", "name=Ann&email=&tel=+", "Content-Type", formType, "Accept", jsonType)
	require.Equal(t, []string{"email EMAIL_OR_PHONE", "tel EMAIL_OR_PHONE"}, wrongFields(t, w))
	w = d.ask("POST", "/f/homes", `{"name":"Ann","phone":[]}`, "Content-Type", jsonType)
	require.Equal(t, []string{"email EMAIL_OR_PHONE", "phone TYPE_TEXT"}, wrongFields(t, w))
}

// Package lead tests many more texts.
func TestTextsAtTheDoor(t *testing.T) {
	tests := map[string]struct {
		field  lead.Field
		typed  string
		kept   string
		status int
	}{
		"accents in two pieces":      {lead.Name, "Jose\u0301", "José", 202},
		"emoji":                      {lead.Message, "👨‍👩‍👧 🇲🇽 👍🏽", "👨‍👩‍👧 🇲🇽 👍🏽", 202},
		"a NUL in a name":            {lead.Name, "An\x00a", "", 422},
		"a NUL in an address":        {lead.Email, "a\x00@x.mx", "", 422},
		"a NUL in a property":        {lead.PropertyID, "EB\x00", "", 422},
		"a NUL in a message":         {lead.Message, "ho\x00la", "hola", 202},
		"control characters":         {lead.Message, "\x1b[2Jho\x07la\u009b", "[2Jhola", 202},
		"lines in a name":            {lead.Name, "Ana\r\n\tLuz", "Ana Luz", 202},
		"an injected header":         {lead.Email, "a@x.mx\r\nBcc: v@y.mx", "", 422},
		"a turned name":              {lead.Name, "Ana\u202exul", "Anaxul", 202},
		"a turned address":           {lead.Email, "a\u202eb@x.mx", "", 422},
		"201 runes":                  {lead.Name, strings.Repeat("ñ", 201), "", 422},
		"5,000 runes":                {lead.Message, strings.Repeat("é", 5000), strings.Repeat("é", 5000), 202},
		"5,001 runes":                {lead.Message, strings.Repeat("é", 5001), "", 422},
		"a script":                   {lead.Message, "<script>alert(1)</script>", "<script>alert(1)</script>", 202},
		"a template":                 {lead.Message, "{{7*7}}${jndi:ldap://x}", "{{7*7}}${jndi:ldap://x}", 202},
		"an injection":               {lead.Message, "'; DROP TABLE leads;--", "'; DROP TABLE leads;--", 202},
		"a formula":                  {lead.Name, `=HYPERLINK("x")`, `=HYPERLINK("x")`, 202},
		"the word null":              {lead.Name, "null", "null", 202},
		"Arabic":                     {lead.Name, "محمد", "محمد", 202},
		"a domain in capitals":       {lead.Email, " mailto:A@X.MX. ", "A@x.mx", 202},
		"two addresses":              {lead.Email, "a@x.mx,b@x.mx", "", 422},
		"a property that is a path":  {lead.PropertyID, "../x", "", 422},
		"a property that is a query": {lead.PropertyID, "EB-1?x=1#y", "", 422},
		"a phone of any shape":       {lead.Phone, "+52 1 33 1234 5678 x12", "+52 1 33 1234 5678 x12", 202},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			values := map[string]string{"property_id": "EB-1", "email": "a@x.mx", "message": "Hola", string(tt.field): tt.typed}
			form := url.Values{}
			for name, value := range values {
				form.Set(name, value)
			}
			asJSON, err := json.Marshal(values)
			require.NoError(t, err)
			for contentType, body := range map[string]string{formType: form.Encode(), jsonType: string(asJSON)} {
				d := newRelay(t)
				w := d.post(contentType, body, "Accept", jsonType)
				require.Equal(t, tt.status, w.Code, w.Body.String())
				if tt.status == 202 {
					l := d.one(t)
					require.Equal(t, tt.kept, l.Get(tt.field))
				} else {
					require.Len(t, wrongFields(t, w), 1)
				}
			}
		})
	}
}

func TestWhatOnlyTheRelaySays(t *testing.T) {
	d := newRelay(t)
	w := d.post(jsonType, jsonWith(`"remote_id":1,"status":"delivered","state":"confirmed","source":"evil","id":7,"site":"homes","happened_at":"2020-01-01","country_code":"US","due_at":0`))
	require.Equal(t, 202, w.Code)
	l := d.one(t)
	require.Equal(t, "casas.mx", l.Source)
	require.Equal(t, "casas", l.Site)
	require.Equal(t, lead.Queued, l.State)
	require.Zero(t, l.RemoteID)
	require.Empty(t, l.Context)
}

func TestControlFieldsAreNoPartOfALead(t *testing.T) {
	d := newRelay(t)
	controls := []string{
		"_gotcha", "_honey", "botcheck", "bot-field", "cf-turnstile-response", "h-captcha-response", "g-recaptcha-response", "altcha",
		"_subject", "_replyto", "_email", "_", "__proto__", "redirect", "_name", "BotCheck", "_CC",
	}
	form := url.Values{"property_id": {"EB-1"}, "email": {"a@x.mx"}, "message": {"Hola"}, "name": {"Ana"}}
	for _, name := range controls {
		form.Set(name, "canary@x.mx")
	}
	require.Equal(t, 303, d.post(formType, form.Encode()).Code)
	require.NotContains(t, fmt.Sprintf("%+v", d.one(t)), "canary", "not even where the site's own map says so")
}

func TestContext(t *testing.T) {
	d := newRelay(t)
	require.Equal(t, 202, d.post(jsonType, jsonWith(`"page_url":"https://casas.mx/\u0000a","utm_source":"feria","UTM-Medium":"cpc","consent":true,`+
		`"utm_id":42,"utm_term":{"a":1},"utm_content":null,"utm_campaign":"`+strings.Repeat("é", 600)+`","utm_ñ":"x","utm_`+strings.Repeat("x", 50)+`":"x","other":"x"`)).Code)
	require.Equal(t, map[string]string{
		"page_url": "https://casas.mx/a", "utm_source": "feria", "utm_medium": "cpc", "consent": "true", "utm_id": "42",
		"utm_campaign": strings.Repeat("é", 500),
	}, d.one(t).Context)

	d = newRelay(t)
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, "&utm_%d=x", i)
	}
	require.Equal(t, 303, d.post(formType, wholeForm+many.String()+"&utm_0=y").Code)
	require.Len(t, d.one(t).Context, 16)
	require.Equal(t, "x", d.one(t).Context["utm_0"])
}

// Only the relay itself can mark a message as cleaned.
func TestTheMarkOfACleanedMessageIsTheRelays(t *testing.T) {
	const forged = `"sanitized":"name","context":{"sanitized":"name"}`
	posted := []lead.Pair{{Name: "sanitized", Value: "name"}, {Name: "context[sanitized]", Value: "name"}}
	for message, want := range map[string]map[string]string{"Hola": nil, `Ho\u0007la`: {"sanitized": "message"}} {
		d := newRelay(t)
		body := strings.Replace(jsonWith(forged), "Hola", message, 1)
		require.Equal(t, 202, d.post(jsonType, body).Code)
		l := d.one(t)
		require.Equal(t, "Hola", l.Message)
		require.Equal(t, want, l.Context)
		require.Equal(t, posted, l.Extra, "what is posted under its name is a field like any other")
	}
}

func TestTheAddressIsNotRead(t *testing.T) {
	d := newRelay(t)
	w := d.ask("POST", "/f/casas?email=a%40x.mx&property_id=EB-1&message=x&name=canary", "name=Ana", "Content-Type", formType, "Accept", jsonType)
	require.Equal(t, 422, w.Code)
	require.Len(t, wrongFields(t, w), 3)
	require.NotContains(t, d.log.String(), "canary")
}
