package intake_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// contact is the part of a lead that tells who wrote.
type contact struct{ name, email, phone, message string }

func contactOf(l lead.Lead) contact { return contact{l.Name, l.Email, l.Phone, l.Message} }

// encoded returns a form of names and values, in order.
func encoded(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(url.QueryEscape(pairs[i]) + "=" + url.QueryEscape(pairs[i+1]) + "&")
	}
	return b.String()
}

func TestTheNameInParts(t *testing.T) {
	tests := map[string]struct {
		form []string
		want string
	}{
		"first and last":                     {[]string{"first_name", "Ana", "last_name", "López"}, "Ana López"},
		"last and first":                     {[]string{"last-name", "López", "First Name", "Ana"}, "Ana López"},
		"nombre and apellidos":               {[]string{"nombre", "Ana Luz", "apellidos", "López Paz"}, "Ana Luz López Paz"},
		"nombre and apellido":                {[]string{"Apellido", "López", "Nombre", "Ana"}, "Ana López"},
		"both family names":                  {[]string{"Apellido materno", "Paz", "apellido_paterno", "López", "Nombre(s)", "Ana"}, "Ana López Paz"},
		"a middle name":                      {[]string{"name[first]", "Ana", "name[middle]", "Luz", "name[last]", "López"}, "Ana Luz López"},
		"only the last":                      {[]string{"apellidos", "López"}, "López"},
		"only the first":                     {[]string{"first_name", " Ana  Luz "}, "Ana Luz"},
		"the whole name, and its parts":      {[]string{"name", "Ana López", "first_name", "Ana", "last_name", "López"}, "Ana López"},
		"a last name that is in the first":   {[]string{"nombre", "Mariana", "apellido", "Ana"}, "Mariana Ana"},
		"blank parts":                        {[]string{"first_name", " ", "last_name", "", "name", "Ana"}, "Ana"},
		"the first part that is not blank":   {[]string{"first_name", "", "nombres", "Ana", "fname", "Eva"}, "Ana"},
		"in a wrapper":                       {[]string{"fields[first_name]", "Ana", "fields[last_name]", "López"}, "Ana López"},
		"an agent's, which is not visitor's": {[]string{"agent[first_name]", "Eva", "agent[name]", "Eva Ruiz", "first_name", "Ana"}, "Ana"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			whole := append(tt.form, "property_id", "EB-1", "email", "a@x.mx", "message", "Hola")
			require.Equal(t, 303, d.post(formType, encoded(whole...)).Code)
			require.Equal(t, tt.want, d.one(t).Name)
		})
	}
}

// The form that comes back has one field for the whole name.
func TestTheNameInPartsOnThePageThatComesBack(t *testing.T) {
	d := newRelay(t)
	w := d.post(formType, encoded("nombre", "Ana", "apellidos", "López", "message", "Hola", "property_id", "EB-1", "email", "a@"))
	require.Equal(t, 422, w.Code)
	page := w.Body.String()
	require.Contains(t, page, `name="nombre"`)
	require.Contains(t, page, `value="Ana López"`)
	require.NotContains(t, page, "apellidos", "or it would be added once more")
}

func TestWhichFieldOfManyCounts(t *testing.T) {
	tests := map[string]struct {
		form []string
		want contact
	}{
		"the first that is not blank":           {[]string{"email", " ", "correo", "b@x.mx", "mail", "c@x.mx"}, contact{email: "b@x.mx"}},
		"a plain name before one in another":    {[]string{"contact[email]", "b@x.mx", "correo", "c@x.mx"}, contact{email: "c@x.mx"}},
		"or after it":                           {[]string{"correo", "c@x.mx", "contact[email]", "b@x.mx"}, contact{email: "c@x.mx"}},
		"one in another when that is blank":     {[]string{"email", "", "contact[email]", "b@x.mx", "lead[email]", "c@x.mx"}, contact{email: "b@x.mx"}},
		"a number behind is as good as that":    {[]string{"email-2", "b@x.mx", "email", "c@x.mx"}, contact{email: "c@x.mx"}},
		"nobody else's":                         {[]string{"agent[email]", "b@x.mx", "asesor.correo", "b@x.mx", "listing[agent][email]", "b@x.mx", "email", "c@x.mx"}, contact{email: "c@x.mx"}},
		"no name of a property or a form":       {[]string{"property[name]", "Casa", "form[name]", "Contacto", "form-name", "x", "email", "c@x.mx"}, contact{email: "c@x.mx"}},
		"no password":                           {[]string{"tu_clave", "secreto!", "email", "c@x.mx"}, contact{email: "c@x.mx"}},
		"a lead with a value is no piece":       {[]string{"lead[name]", "Ana", "lead[title]", "Casa", "lead[value]", "5000", "email", "c@x.mx"}, contact{name: "Ana", email: "c@x.mx"}},
		"the contract's word before the site's": {[]string{"email", "c@x.mx", "Tu Pregunta", "¿Sigue?", "message", "otra"}, contact{email: "c@x.mx", message: "otra"}},
		"a name too long to be one of a form":   {[]string{"email" + strings.Repeat("-", 200), "b@x.mx", "email", "c@x.mx"}, contact{email: "c@x.mx"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			whole := append(tt.form, "property_id", "EB-1", "message", "Hola")
			w := d.post(formType, encoded(whole...))
			require.Equal(t, 303, w.Code, w.Body.String())
			if tt.want.message == "" {
				tt.want.message = "Hola"
			}
			require.Equal(t, tt.want, contactOf(d.one(t)))
		})
	}
}

func TestNestedJSON(t *testing.T) {
	whole := contact{"Ana López", "ana@casas.mx", "5512345678", "Hola"}
	tests := map[string]struct {
		body string
		want contact
	}{
		"a contact": {`{"property_id":"EB-1","contact":{"name":"Ana López","email":"ana@casas.mx","phone":5512345678},"message":"Hola"}`, whole},
		"fields":    {`{"fields":{"property_id":"EB-1","nombre":"Ana","apellidos":"López","correo":"ana@casas.mx","Teléfono":"5512345678","mensaje":"Hola"}}`, whole},
		"a list of names and values": {`{"fields":[{"name":"firstname","value":"Ana"},{"name":"lastname","value":"López"},{"name":"email","value":"ana@casas.mx"},` +
			`{"name":"phone","value":"5512345678"},{"name":"message","value":"Hola"},{"name":"property_id","value":"EB-1"},{"name":"mobile","value":null}],"context":{"pageUri":"https://casas.mx/1"}}`, whole},
		"a list of labels": {`{"data":[{"label":"Nombre completo","value":"Ana López"},{"label":"Correo electrónico","value":"ana@casas.mx"},{"label":"Tel.","value":"5512345678"},` +
			`{"label":"Mensaje","value":"Hola"},{"label":"Clave","value":"EB-1"}]}`, whole},
		"objects with a title and a value": {`{"fields":{"f1":{"title":"Nombre","value":"Ana López"},"f2":{"title":"Correo","value":"ana@casas.mx"},"f3":{"title":"Celular","value":"5512345678"},` +
			`"message":{"title":"¿Qué buscas?","value":"Hola"},"property_id":{"value":"EB-1"}}}`, whole},
		"a name in parts":             {`{"property_id":"EB-1","name":{"first":"Ana","last":"López"},"email":{"value":"ana@casas.mx"},"phone":"5512345678","message":"Hola"}`, whole},
		"a plain field before both":   {`{"contact":{"email":"otra@casas.mx"},"property_id":"EB-1","name":"Ana López","email":"ana@casas.mx","phone":"5512345678","message":"Hola"}`, whole},
		"what is no text, in another": {`{"user":{"name":[],"phone":{}},"first_name":["x"],"property_id":"EB-1","name":"Ana López","email":"ana@casas.mx","phone":"5512345678","message":"Hola"}`, whole},
		"contacts in a list":          {`{"property_id":"EB-1","contacts":[{"name":"Ana López","email":"ana@casas.mx","phone":"5512345678"}],"message":"Hola"}`, whole},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			w := d.post(jsonType, tt.body)
			require.Equal(t, 202, w.Code, w.Body.String())
			require.Equal(t, tt.want, contactOf(d.one(t)))
			require.Equal(t, "EB-1", d.one(t).PropertyID)
		})
	}
}

func TestNestedJSONThatIsWrong(t *testing.T) {
	const rest = `,"property_id":"EB-1","message":"Hola"}`
	tests := map[string]struct {
		body  string
		wrong []string
	}{
		"a list of nothing as a value":       {`{"fields":[{"name":"email","value":[]}]` + rest, []string{"email TYPE_TEXT"}},
		"true as a value":                    {`{"email":{"value":true}` + rest, []string{"email TYPE_TEXT"}},
		"too deep to be read":                {`{"a":{"b":{"c":{"d":{"e":{"f":{"email":"a@x.mx"}}}}}}` + rest, []string{"email REQUIRED_FIELD_MISSING"}},
		"blank in another":                   {`{"contact":{"email":" "}` + rest, []string{"contact[email] REQUIRED_FIELD_EMPTY"}},
		"a value that is null":               {`{"fields":[{"name":"email","value":null},{"name":"tel","value":"55"}]` + rest, []string{"email REQUIRED_FIELD_MISSING"}},
		"another one's":                      {`{"agent":{"email":"a@x.mx"}` + rest, []string{"email REQUIRED_FIELD_MISSING"}},
		"an object without anything for one": {`{"email":{}` + rest, []string{"email TYPE_TEXT"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			w := d.post(jsonType, tt.body)
			require.Equal(t, 422, w.Code, w.Body.String())
			require.Equal(t, tt.wrong, wrongFields(t, w))
		})
	}
}

// A control field in an object does not become part of the lead.
func TestControlFieldsInOthers(t *testing.T) {
	controls := []string{
		"fields[_gotcha]", "form_fields[_honey]", "data[botcheck]", "contact.bot-field", "fields[honeypot][value]", "fields[_email]", "[_name]", "contact[_x][email]",
		"fields[g-recaptcha-response]", "_wpcf7", "_fields[email]", "Honeypot", "wpforms[honeypot]", "fields[access_key]", "_.email",
	}
	form := url.Values{"property_id": {"EB-1"}, "email": {"a@x.mx"}, "message": {"Hola"}, "name": {"Ana"}}
	asJSON := map[string]any{"property_id": "EB-1", "email": "a@x.mx", "message": "Hola", "name": "Ana", "list": []any{
		map[string]string{"name": "_gotcha", "value": "canary"}, map[string]string{"name": "h-captcha-response", "value": "canary"},
	}, "fields": map[string]any{"_gotcha": "canary", "_honey": map[string]string{"value": "canary"}, "botcheck": []string{"canary"}}}
	for _, name := range controls {
		form.Set(name, "canary@x.mx")
		asJSON[name] = "canary@x.mx"
	}
	text, err := json.Marshal(asJSON)
	require.NoError(t, err)
	for contentType, body := range map[string]string{formType: form.Encode(), jsonType: string(text)} {
		d := newRelay(t)
		w := d.post(contentType, body, "Accept", jsonType)
		require.Equal(t, 202, w.Code, w.Body.String())
		l := d.one(t)
		require.Equal(t, contact{"Ana", "a@x.mx", "", "Hola"}, contactOf(l))
		require.Empty(t, l.Extra)
		require.Empty(t, l.Context)
	}
}

func TestExtra(t *testing.T) {
	pairs := func(all ...string) (extra []lead.Pair) {
		for i := 0; i < len(all); i += 2 {
			extra = append(extra, lead.Pair{Name: all[i], Value: all[i+1]})
		}
		return extra
	}
	tests := map[string]struct {
		contentType, body string
		want              []lead.Pair
	}{
		"in the form's order":  {formType, wholeForm + "&Presupuesto=3+MDP&zona=Roma&gclid=x&Presupuesto=4", pairs("Presupuesto", "3 MDP", "zona", "Roma", "gclid", "x", "Presupuesto", "4")},
		"a list of a form":     {formType, wholeForm + "&zonas%5B%5D=Roma&zonas%5B%5D=Condesa", pairs("zonas", "Roma", "zonas", "Condesa")},
		"blanks are none":      {formType, wholeForm + "&a=+&b=%0A&=x", nil},
		"from multipart":       {multiType, wholeParts(field("recámaras"), "3", field("cv")+`; filename=""`, ""), pairs("recámaras", "3")},
		"of any kind":          {jsonType, jsonWith(`"recámaras":3,"crédito":true,"zonas":["Roma","Condesa"],"visita":{"día":"lunes"},"nada":null,"más":{"a":{"b":{"c":1}}},"y":{"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}`), pairs("recámaras", "3", "crédito", "true", "zonas", "Roma", "zonas", "Condesa", "visita[día]", "lunes", "más[a][b][c]", "1", "y[a][b][c][d][e]", `{"f":1}`)},
		"as the visitor reads": {jsonType, jsonWith(`"fields":[{"id":"f7","label":"¿Crédito?","value":"Infonavit"}]`), pairs("¿Crédito?", "Infonavit")},
		"another's details":    {formType, wholeForm + "&agent%5Bemail%5D=b%40x.mx&form-name=contacto", pairs("agent[email]", "b@x.mx", "form-name", "contacto")},
		"not what we say":      {formType, wholeForm + "&status=delivered&remote_id=7&source=evil&lead_source=feria", pairs("lead_source", "feria")},
		"not who was elsewhere": {
			formType, wholeForm + "&_subject=x&redirect=%2Fa&cf-turnstile-response=x&api_key=x&captcha_token=x", nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newRelay(t)
			w := d.post(tt.contentType, tt.body, "Accept", jsonType)
			require.Equal(t, 202, w.Code, w.Body.String())
			require.Equal(t, tt.want, d.one(t).Extra)
		})
	}
}

func TestContextByAnyOfItsNames(t *testing.T) {
	for _, body := range []string{
		wholeForm + "&Page+URL=https%3A%2F%2Fcasas.mx%2F1&UTM-Source=feria", wholeForm + "&meta%5Bpage_url%5D%5Bvalue%5D=https%3A%2F%2Fcasas.mx%2F1&context%5Butm_source%5D=feria",
		wholeForm + "&source_url=https%3A%2F%2Fcasas.mx%2F1&utm_source=feria&utm_source=otra",
	} {
		d := newRelay(t)
		require.Equal(t, 303, d.post(formType, body).Code)
		require.Equal(t, map[string]string{"page_url": "https://casas.mx/1", "utm_source": "feria"}, d.one(t).Context)
		for _, other := range d.one(t).Extra {
			require.Equal(t, lead.Pair{Name: "utm_source", Value: "otra"}, other, "the second of a name is kept, too")
		}
	}
}
