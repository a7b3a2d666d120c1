package fields_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestWhichValueCounts(t *testing.T) {
	own := map[string]string{"mi_campo": "phone", "asunto": "message"}
	tests := map[string]struct {
		form  string
		field lead.Field
		want  string
		extra []string // values, in the form's order
	}{
		"our name before an alias":             {"celular=5511112222&phone=5533334444", lead.Phone, "5533334444", []string{"5511112222"}},
		"our name before the site's":           {"mi_campo=5511112222&phone=5533334444", lead.Phone, "5533334444", []string{"5511112222"}},
		"the site's name before an alias":      {"celular=5511112222&mi_campo=5533334444", lead.Phone, "5533334444", []string{"5511112222"}},
		"the first of two aliases":             {"telefono=5511112222&celular=5533334444", lead.Phone, "5511112222", []string{"5533334444"}},
		"the alias with the shape of a phone":  {"whatsapp=S%C3%AD&celular=5533334444", lead.Phone, "5533334444", []string{"Sí"}},
		"yes is no phone":                      {"whatsapp=S%C3%AD", lead.Phone, "", []string{"Sí"}},
		"an extension alone is no phone":       {"cel=ext+12&tel=5511112222", lead.Phone, "5511112222", []string{"ext 12"}},
		"an exact name before a loose one":     {"contact_phone=5511112222&telefono=5533334444", lead.Phone, "5533334444", []string{"5511112222"}},
		"the same value once":                  {"telefono=5511112222&celular=5511112222", lead.Phone, "5511112222", nil},
		"an area code and a number":            {"lada=55&telefono=1111+2222", lead.Phone, "55 1111 2222", nil},
		"the pieces of a phone":                {"telefono[area]=55&telefono[phone]=11112222", lead.Phone, "55 11112222", nil},
		"an area code that is there already":   {"lada=55&telefono=5511112222", lead.Phone, "5511112222", []string{"55"}},
		"a country code":                       {"country_code=%2B52&telefono=5511112222", lead.Phone, "+52 5511112222", nil},
		"a country's name is no code":          {"country_code=MX&telefono=5511112222", lead.Phone, "5511112222", []string{"MX"}},
		"square meters are no area code":       {"area=120&telefono=5511112222", lead.Phone, "5511112222", []string{"120"}},
		"the alias with the shape of a mail":   {"correo=no+tengo&mail=rita%40x.mx", lead.Email, "rita@x.mx", []string{"no tengo"}},
		"our message, however short":           {"mensaje=Una+casa+con+jard%C3%ADn&message=Hola", lead.Message, "Hola", []string{"Una casa con jardín"}},
		"the longest of the others":            {"consulta=Agendar+visita&mensaje=%C2%BFAceptan+mascotas+en+la+casa%3F", lead.Message, "¿Aceptan mascotas en la casa?", []string{"Agendar visita"}},
		"the site's message before the others": {"asunto=Hola&mensaje=Una+casa+con+jard%C3%ADn", lead.Message, "Hola", []string{"Una casa con jardín"}},
		"a description where nothing better":   {"description=Hola", lead.Message, "Hola", nil},
		"and beside something better":          {"description=Casa+de+tres+rec%C3%A1maras&mensaje=Hola", lead.Message, "Hola", []string{"Casa de tres recámaras"}},
		"no message in an input's name":        {"input_text_1=Por+la+tarde", lead.Message, "", []string{"Por la tarde"}},
		"our id before any other":              {"clave=EB-A1&property_id=4821", lead.PropertyID, "4821", []string{"EB-A1"}},
		"an id before a title":                 {"propiedad=Casa+Roma&clave=EB-A1", lead.PropertyID, "EB-A1", []string{"Casa Roma"}},
		"an id of letters before a number":     {"listing_id=4821&clave=EB-A1", lead.PropertyID, "EB-A1", []string{"4821"}},
		"where somebody came from is no id":    {"ref=facebook", lead.PropertyID, "", []string{"facebook"}},
		"a reference that is one":              {"ref=EB-A1", lead.PropertyID, "EB-A1", nil},
		"tu clave is a password":               {"tu_clave=secreto1", lead.PropertyID, "", []string{"secreto1"}},
		"exact parts before a loose whole":     {"user_name=rita77&first_name=Rita&last_name=Salas", lead.Name, "Rita Salas", []string{"rita77"}},
		"parts that the whole contradicts":     {"nombre_completo=Contacto&first_name=Rita&last_name=Salas", lead.Name, "Rita Salas", []string{"Contacto"}},
		"our name before its parts":            {"name=Rita&first_name=Eva&last_name=Ruiz", lead.Name, "Rita", []string{"Eva", "Ruiz"}},
		"a first name and family names":        {"nombre=Rita&apellido_paterno=Salas&apellido_materno=Paz", lead.Name, "Rita Salas Paz", nil},
		"another person's first name":          {"nombre=Rita&nombres=Eva", lead.Name, "Eva", []string{"Rita"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q := read(t, own, "application/x-www-form-urlencoded", tt.form).Inquiry("casas")
			require.Equal(t, tt.want, q.Get(tt.field))
			var extra []string
			for _, p := range q.Extra {
				extra = append(extra, p.Value)
			}
			require.Equal(t, tt.extra, extra)
		})
	}
}

// These are names as plug-ins, builders, CRMs and portals write them. testdata/shapes in
// package intake has whole bodies with their sources.
func TestNamesOfOthers(t *testing.T) {
	tests := map[lead.Field]struct {
		value string
		names []string
	}{
		lead.PropertyID: {"EB-A1", []string{
			"property_id_0", "your-property_id", "et_pb_contact_property_id_0", "propiedad-12", "propertyId", "property_reference", "realty_id", "listing_id", "codigo",
			"referencia", "clave_eb", "q7_propertyId", "hdnClavePropiedad", "UF_CRM_PROPIEDAD", "clave_de_propiedad", "property_internal_id", "property[id]", "codigo_imovel",
		}},
		lead.Name: {"Rita Salas", []string{
			"name_1", "Your Name", "et_pb_contact_name_0", "SenderName", "mf-name", "¿Cuál es tu nombre?", "nome_completo", "fNombre", "name_1_first_name", "FNAME", "txtNombre",
			"fullName", "contact[Nombre completo]", "jform[contact_name]", "tx_form[contact-1][name-1]",
		}},
		lead.Email: {"rita@x.mx", []string{
			"EMAIL", "e-mail", "1_email", "form-0-email", "txtEmail", "SenderEmail", "epl_contact_email", "correo_e", "seu_email", "work_email", "q4_correo", "Escribe tu correo",
			"contact_form[email][first]", "everest_forms[form_fields][correo][primary]", "Correo / e-mail",
		}},
		lead.Phone: {"5511112222", []string{
			"phone_mobile", "mobile_phone", "Tel. celular", "WhatsApp o teléfono", "attendeePhoneNumber", "tel-national", "whatsapp_phone", "personal_phone", "fTel", "txtTelefone",
			"Teléfono (con lada)", "q5_telefono[full]", "phones[0][number]", "numero_celular", "fone", "text_reminder_number",
		}},
		lead.Message: {"Hola", []string{
			"textarea-1", "sender_msg", "description", "inquiry", "consulta", "text", "mf-comment", "cf_mensaje", "contact_note", "detalle_formulario", "last_input_text", "mensagem",
			"ticket[description]", "Mensaje (opcional)",
		}},
	}
	for f, tt := range tests {
		for _, name := range tt.names {
			q := read(t, nil, "application/x-www-form-urlencoded", form(name, tt.value)).Inquiry("casas")
			require.Equal(t, tt.value, q.Get(f), name)
		}
	}
	for _, name := range []string{
		"username", "form_name", "page_name", "company", "org_name", "property_title", "agent_email", "target_email", "from_name", "optin_phone", "phone_type",
		"contact_form_name", "sitename", "referer_title", "subject", "pretty", "property_url", "field_name", "token_x", "email_opt_in", "source_name",
	} {
		q := read(t, nil, "application/x-www-form-urlencoded", form(name, "EB-A1")).Inquiry("casas")
		require.Equal(t, []lead.Pair{{Name: name, Value: "EB-A1", Rank: 1}}, q.Extra, name)
	}
}
