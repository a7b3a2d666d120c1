package intake

import "maps"

// aliases are the words that forms have for our fields, folded. They are those
// of the well-known form plug-ins, and what people write beside a field.
var aliases = words(map[meaning][]string{
	asProperty: {
		"propertyid", "property", "propiedad", "idpropiedad", "propiedadid", "iddelapropiedad", "iddepropiedad", "clave",
		"clavepropiedad", "clavedelapropiedad", "claveinmueble", "clavedelinmueble", "idinmueble", "inmuebleid", "propertycode", "propertypublicid", "publicid",
		"listingid", "easybrokerid",
	},
	asName: {
		"name", "nombre", "nombrecompleto", "fullname", "yourname", "tunombre", "sunombre", "completename", "nombreyapellido", "nombreyapellidos",
		"nombresyapellidos", "apellidosynombre", "yourfullname", "tunombrecompleto", "sunombrecompleto", "contactname", "nombredecontacto",
	},
	asEmail: {
		"email", "correo", "correoelectronico", "mail", "youremail", "tucorreo", "emailaddress", "mailaddress", "youremailaddress", "tucorreoelectronico",
		"sucorreo", "sucorreoelectronico", "direcciondecorreo", "direcciondecorreoelectronico", "direccionemail", "direcciondeemail", "correodecontacto",
	},
	asPhone: {
		"phone", "telefono", "tel", "celular", "cel", "movil", "whatsapp", "mobile", "yourphone", "phonenumber", "telephone", "telephonenumber", "yourtel",
		"telefonocelular", "telefonomovil", "telefonofijo", "telefonodecontacto", "numerodetelefono", "numerotelefonico", "numerotelefono", "nodetelefono",
		"numerocelular", "numerodecelular", "numerodewhatsapp", "whatsappnumber", "cellphone", "cellphonenumber", "mobilephone", "mobilenumber", "cell",
		"tutelefono", "sutelefono", "tucelular", "sucelular", "telefonowhatsapp", "telefonoowhatsapp", "celularwhatsapp",
	},
	asMessage: {
		"message", "mensaje", "comentario", "comentarios", "comment", "comments", "yourmessage", "tumensaje", "sumensaje", "yourcomment", "yourcomments",
		"tucomentario", "tuscomentarios", "consulta", "tuconsulta", "pregunta", "tupregunta", "preguntas", "duda", "dudas", "inquiry", "enquiry", "question",
		"questions", "mensajeocomentario", "mensajeocomentarios", "dudasocomentarios", "comentariosodudas", "commentormessage", "messageorcomment",
	},
	asFirst: {
		"firstname", "first", "fname", "givenname", "forename", "nombres", "nombredepila", "primernombre", "yourfirstname", "tusnombres",
	},
	asMiddle: {"middlename", "middle", "segundonombre"},
	asLast: {
		"lastname", "last", "lname", "surname", "familyname", "apellido", "apellidos", "apellidopaterno", "primerapellido", "paterno", "yourlastname",
		"tuapellido", "tusapellidos",
	},
	asSecondLast: {"apellidomaterno", "segundoapellido", "materno", "secondlastname"},

	isRelays: {"remoteid", "source", "status"},
	// The form's own name, and that of who sends its mail, are no visitor's.
	isForeign: {"formname", "fromname"},
})

// controls are never part of a lead, and neither is a name that begins with an
// underscore; folded.
var controls = words(map[meaning][]string{
	isNext: {"redirect", "redirectto"},
	isControl: {
		"botcheck", "botfield", "honeypot", "altcha", "cfturnstileresponse", "hcaptcharesponse", "grecaptcharesponse", "recaptcharesponse",
		"recaptchatoken", "captchatoken", "frccaptchasolution", "frccaptcharesponse", "hp", "accesskey", "apikey", "token", "nonce", "csrf", "csrftoken",
		"csrfmiddlewaretoken", "authenticitytoken",
	},
})

// common is what names mean on a site without words of its own.
var common = merge(aliases, controls)

// others are whose details are not the visitor's.
var others = map[string]bool{
	"agent": true, "agente": true, "asesor": true, "asesora": true, "advisor": true, "broker": true, "realtor": true, "seller": true, "vendedor": true,
	"owner": true, "propietario": true, "agency": true, "agencia": true, "inmobiliaria": true, "office": true, "oficina": true, "company": true,
	"empresa": true, "property": true, "propiedad": true, "inmueble": true, "listing": true, "site": true, "sitio": true, "page": true, "pagina": true,
	"recipient": true, "destinatario": true, "sender": true, "remitente": true, "utm": true, "campaign": true,
}

// prefixes and suffixes of a word say nothing more about it.
var (
	prefixes = [...]string{
		"etpbcontact", "contact", "contacto", "customer", "cliente", "client", "visitor", "visitante", "usuario", "user", "lead", "your", "tu", "su",
		"form", "field", "input",
	}
	suffixes = [...]string{
		"requerido", "obligatorio", "opcional", "required", "optional", "delcliente", "cliente", "decontacto", "delcontacto", "contacto", "contact", "field", "input",
	}
)

func merge(a, b map[string]meaning) map[string]meaning {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func words(of map[meaning][]string) map[string]meaning {
	all := make(map[string]meaning, 128)
	for m, names := range of {
		for _, name := range names {
			all[name] = m
		}
	}
	return all
}
