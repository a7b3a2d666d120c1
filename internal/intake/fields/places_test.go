package fields_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

type person struct{ name, email, phone string }

func personOf(q lead.Inquiry) person { return person{q.Name, q.Email, q.Phone} }

// A body may name several people, and one is the visitor. Eva is somebody else in
// every row.
func TestTheVisitorIsInOnePlace(t *testing.T) {
	const rest = `,"property_id":"EB-1","message":"Hola"}`
	rita := person{"Rita Salas", "rita@x.mx", ""}
	tests := map[string]struct {
		json string
		want person
	}{
		"the place with the message":               {`{"name":"Rita Salas","email":"rita@x.mx","gerente":{"name":"Eva","email":"eva@x.mx","phone":"5599998888"}` + rest, rita},
		"the message in the other place":           {`{"gerente":{"name":"Eva","email":"eva@x.mx","phone":"5599998888"},"ventas":{"name":"Rita Salas","email":"rita@x.mx","message":"Hola"},"property_id":"EB-1"}`, rita},
		"most of a person":                         {`{"gerente":{"name":"Eva"},"alguien":{"name":"Rita Salas","email":"rita@x.mx"}` + rest, rita},
		"the property decides":                     {`{"a":{"name":"Eva","email":"eva@x.mx"},"b":{"name":"Rita Salas","email":"rita@x.mx","property_id":"EB-1"},"message":"Hola"}`, rita},
		"a visitor's word before the message":      {`{"name":"Casas del Centro","email":"eva@x.mx","phone":"5599998888","contacto":{"nombre":"Rita Salas","correo":"rita@x.mx"}` + rest, rita},
		"a visitor's word before more":             {`{"gerente":{"name":"Eva","email":"eva@x.mx","phone":"5599998888"},"lead":{"name":"Rita Salas","email":"rita@x.mx"}` + rest, rita},
		"not whose word says somebody else":        {`{"contact_agent":{"name":"Eva","email":"eva@x.mx","phone":"55"},"lead_data":{"name":"Rita Salas","email":"rita@x.mx"}` + rest, rita},
		"nor inside of somebody else's":            {`{"agency":{"contact":{"name":"Eva","email":"eva@x.mx","phone":"5599998888"}},"x":{"name":"Rita Salas","email":"rita@x.mx"}` + rest, rita},
		"the title of the form is no name":         {`{"name":"Contacto","data":{"email":"rita@x.mx","telefono":"5511112222"}` + rest, person{"", "rita@x.mx", "5511112222"}},
		"nor is that of its place":                 {`{"payload":{"name":"Contacto","data":{"email":"rita@x.mx","message":"Hola","property_id":"EB-1"}}}`, person{"", "rita@x.mx", ""}},
		"nor who logs in":                          {`{"username":"eva","userName":"eva2","user":{"username":"eva3"},"email":"rita@x.mx"` + rest, person{"", "rita@x.mx", ""}},
		"nobody's e-mail rather than another's":    {`{"phone":"5511112222","name":"Rita Salas","user":{"email":"eva@x.mx"}` + rest, person{"Rita Salas", "", "5511112222"}},
		"one detail more is the same person's":     {`{"name":"Rita Salas","email":"rita@x.mx","contact":{"phone":"5511112222"}` + rest, person{"Rita Salas", "rita@x.mx", "5511112222"}},
		"one detail again is a copy":               {`{"contact":{"email":"eva@x.mx"},"name":"Rita Salas","email":"rita@x.mx"` + rest, rita},
		"the same e-mail is the same person":       {`{"visitor":{"name":"Rita Salas","email":"rita@x.mx"},"ticket":{"email":"Rita@x.mx","phone":"5511112222"}` + rest, person{"Rita Salas", "rita@x.mx", "5511112222"}},
		"two in a list are two":                    {`{"contacts":[{"name":"Rita Salas","email":"rita@x.mx"},{"name":"Eva","phone":"5599998888"}]` + rest, rita},
		"pieces in a list are one":                 {`{"parts":[{"name":"Rita Salas"},{"email":"rita@x.mx"}]` + rest, rita},
		"an account, an assignee and a creator":    {`{"account":{"name":"Casas","email":"eva@x.mx","phone":"55"},"assignedTo":{"name":"Eva","email":"eva@x.mx"},"created_by":{"name":"Eva"},"desarrollo":{"name":"Torre"},"fields":{"name":"Rita Salas","email":"rita@x.mx"}` + rest, rita},
		"in brackets, dots and dollar signs alike": {`{"ctl00$Main$txtNombre":"Rita Salas","ctl00$Main$txtEmail":"rita@x.mx","ctl00$Main$txtMensaje":"Hola","agente.email":"eva@x.mx","property_id":"EB-1"}`, rita},
		"in a wrapper of wrappers":                 {`{"event":{"data":{"object":{"name":"Rita Salas","email":"rita@x.mx"}}}` + rest, rita},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q := read(t, nil, "application/json", tt.json).Inquiry("casas")
			require.Equal(t, tt.want, personOf(q))
			require.Equal(t, "Hola", q.Message)
			require.Equal(t, "EB-1", q.PropertyID)
		})
	}
}

// A form that comes back names the same person as before. A field that is blank or
// wrong does not make another place the visitor's.
func TestABlankMessageMovesNobody(t *testing.T) {
	q := read(t, nil, "application/json", `{"nombre":"Rita","correo":"rita@","fields":{"phone":"5511112222"},"mensaje":" "}`).Inquiry("casas")
	require.Equal(t, person{"Rita", "rita@", "5511112222"}, personOf(q))
}

// A field that a site's map names is the visitor's, wherever it lies.
func TestTheSitesMapSaysWhoTheVisitorIs(t *testing.T) {
	own := map[string]string{"agent[mail]": "email", "1.3": "first_name", "message": "name", "x": "message"}
	q := read(t, own, "application/json", `{"agent":{"mail":"rita@x.mx","name":"Eva"},"1.3":"Rita","apellidos":"Salas","x":"Hola"}`).Inquiry("casas")
	require.Equal(t, person{"Rita Salas", "rita@x.mx", ""}, personOf(q))
	require.Equal(t, "Hola", q.Message)
	require.Equal(t, []lead.Pair{{Name: "agent[name]", Value: "Eva"}}, q.Extra)
	q = read(t, own, "application/json", `{"message":"Rita","x":"Hola"}`).Inquiry("casas")
	require.Equal(t, "Rita", q.Name, "the map gives a name of the contract another meaning")
}
