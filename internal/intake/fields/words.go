package fields

import "leadrelay/internal/lead"

// contract lists the names that the relay promises to understand. Each whole field of
// a lead has the role of its place in [lead.Fields].
var contract = func() map[string]Role {
	roles := map[string]Role{}
	for i, f := range lead.Fields() {
		roles[string(f)] = Role(i)
	}
	return roles
}()

// aliases are the words that forms use for our fields, folded. They come from the
// well-known form plug-ins, builders and CRMs, and from what people write beside a
// field; testdata/shapes names the sources.
var aliases = map[Role][]string{
	RoleProperty: {
		"propertyid", "property", "propiedad", "idpropiedad", "propiedadid", "iddelapropiedad", "iddepropiedad", "clave",
		"clavepropiedad", "clavedelapropiedad", "claveinmueble", "clavedelinmueble", "idinmueble", "inmuebleid", "inmueble", "propertycode", "propertypublicid",
		"publicid", "listingid", "easybrokerid", "ebid", "claveeb", "claveeasybroker", "propertyreference", "referenciapropiedad", "referenciadelapropiedad",
		"referenciainmueble", "referenciadelinmueble", "realtyid", "estateid", "realestateid", "codigopropiedad", "codigodelapropiedad", "codigoinmueble",
		"codigodelinmueble", "propertyref", "propertynumber", "listing", "listings", "properties", "propiedades", "clavedepropiedad", "propertyinternalid", "unitinternalid", "listingexternalid", "propertyexternalid", "propid", "propertyidentifier", "imovel", "imovelid", "codigodoimovel", "codigoimovel", "listingref", "listingreference", "listingcode", "refpropiedad",
	},
	RoleName: {
		"nombre", "nombrecompleto", "fullname", "names", "yourname", "tunombre", "sunombre", "minombre", "completename", "nombreyapellido", "nombreyapellidos",
		"nombresyapellidos", "apellidosynombre", "yourfullname", "tunombrecompleto", "sunombrecompleto", "contactname", "nombredecontacto", "nombrecontacto",
		"nome", "nomecompleto", "customername", "clientname", "leadname", "visitorname", "sendername", "buyername", "nombreinteresado", "nombredelinteresado", "seunome",
	},
	RoleEmail: {
		"correo", "correoelectronico", "mail", "youremail", "tucorreo", "micorreo", "emailaddress", "mailaddress", "youremailaddress", "tucorreoelectronico",
		"sucorreo", "sucorreoelectronico", "direcciondecorreo", "direcciondecorreoelectronico", "direccionemail", "direcciondeemail", "correodecontacto",
		"tuemail", "suemail", "tumail", "sumail", "emailid", "correoe", "senderemail", "workemail", "personalemail", "emailcontacto", "emails", "correos", "seuemail", "emaillead",
	},
	RolePhone: {
		"telefono", "tel", "celular", "cel", "movil", "whatsapp", "mobile", "yourphone", "phonenumber", "telephone", "telephonenumber", "yourtel",
		"telefonocelular", "telefonomovil", "telefonofijo", "telefonodecontacto", "numerodetelefono", "numerotelefonico", "numerotelefono", "nodetelefono",
		"numerocelular", "numerodecelular", "numerodewhatsapp", "whatsappnumber", "cellphone", "cellphonenumber", "mobilephone", "mobilenumber", "cell",
		"tutelefono", "sutelefono", "tucelular", "sucelular", "telefonowhatsapp", "telefonoowhatsapp", "celularwhatsapp", "phonemobile", "phonecell",
		"mobilephonenumber", "telefone", "fone", "celulartelefono", "telefonocontacto", "numerodecontacto", "contactnumber", "yourmobile", "homephone",
		"phonehome", "workphone", "phonework", "telnumber", "numwhatsapp", "phones", "telefonos", "personalphone", "textremindernumber", "tellocal", "telnational",
		"telefonoparticular", "telefonocasa", "telefonooficina", "phoneraw", "workphonenumber", "homephonenumber", "whatsappphone", "whatsappphonenumber", "numtelefono", "numtel", "telcasa", "teloficina", "displayphone", "formattedphone", "telefon",
	},
	RoleMessage: {
		"mensaje", "comentario", "comentarios", "comment", "comments", "yourmessage", "tumensaje", "sumensaje", "yourcomment", "yourcomments",
		"tucomentario", "tuscomentarios", "consulta", "tuconsulta", "pregunta", "tupregunta", "preguntas", "duda", "dudas", "inquiry", "enquiry", "question",
		"questions", "mensajeocomentario", "mensajeocomentarios", "dudasocomentarios", "comentariosodudas", "commentormessage", "messageorcomment", "mensagem",
		"messagetext", "messagebody", "yourinquiry", "yourenquiry", "yourquestion", "comentariosadicionales", "additionalcomments", "contactmessage", "lastinputtext", "mensajeadicional", "comentarioomensaje", "messages", "tumensajeocomentario",
	},
	RoleFirst: {
		"firstname", "first", "fname", "givenname", "forename", "nombres", "nombredepila", "primernombre", "yourfirstname", "tusnombres", "primeironome", "listingfname", "nombrepila",
	},
	RoleMiddle: {"middlename", "middle", "segundonombre", "additionalname", "mname", "secondname"},
	RoleLast: {
		"lastname", "last", "lname", "surname", "familyname", "apellido", "apellidos", "apellidopaterno", "primerapellido", "paterno", "yourlastname",
		"tuapellido", "tusapellidos", "sobrenome", "appaterno", "apepat", "apepaterno", "apellido1", "listinglname",
	},
	RoleSecondLast: {"apellidomaterno", "segundoapellido", "materno", "secondlastname", "maternallastname", "apmaterno", "apemat", "apematerno", "apellido2"},
	RoleArea:       {"lada", "clavelada", "areacode", "codigodearea", "codigoarea", "phonearea", "phoneareacode", "telareacode", "codarea", "citycode", "ddd"},
	RoleCountry: {
		"phonecountrycode", "countrycallingcode", "dialcode", "phonecode", "codigodepais", "codigopais", "ladainternacional", "telcountrycode", "phoneprefix",
		"prefijotelefonico", "prefijo", "countrycode",
	},

	// What forms say about themselves: their name, their fields, who sends their mail.
	RoleExtra: {"formname", "fromname", "fieldname", "inputname", "tagname"},

	roleRelay: {"remoteid", "source", "status"},
	roleNext:  {"redirect", "redirectto"},
	roleControl: {
		"botcheck", "botfield", "honeypot", "altcha", "cfturnstileresponse", "hcaptcharesponse", "grecaptcharesponse", "recaptcharesponse",
		"recaptchatoken", "captchatoken", "frccaptchasolution", "frccaptcharesponse", "hp", "accesskey", "apikey", "token", "nonce", "csrf", "csrftoken",
		"csrfmiddlewaretoken", "authenticitytoken",
	},
}

// weak are words that forms use for our fields and for other things as well. They
// count if nothing better came.
var weak = map[Role][]string{
	RoleProperty: {"codigo", "referencia", "reference", "ref", "sku", "propertykey", "entityreference", "externalid", "externalreference", "unitid", "publicationid", "internalreference", "mls", "mlsid"},
	RoleEmail:    {"replyto", "useremail"},
	RoleMessage: {
		"description", "descripcion", "text", "texto", "textarea", "body", "content", "contenido", "notes", "notas", "nota", "note", "details", "detalles",
		"detalle", "observaciones", "observacion", "observacao", "remarks", "msg", "solicitud", "request", "asuntomensaje", "query", "additionalnotes", "notasadicionales", "information",
	},
}

// exactOnly are words that mean something else with another word beside them: "tu
// clave" is a password.
var exactOnly = set("clave", "listing", "property", "properties", "listings", "first", "last", "middle", "prefijo", "cell", "names")

// decoratedToo are the weak words that mean the same with something around them. text
// and description do not: an input may be called input_text, whatever it is for.
var decoratedToo = set("textarea", "note", "notes", "nota", "notas", "details", "detalle", "detalles", "observaciones", "observacion", "remarks", "msg", "information")

// common holds the meanings of names on a site without a map of its own.
var common = func() map[string]word {
	all := make(map[string]word, 512)
	for rank, names := range map[rank]map[Role][]string{rankAlias: aliases, rankWeak: weak} {
		for role, list := range names {
			for _, name := range list {
				all[name] = word{role, rank}
			}
		}
	}
	for name, role := range contract {
		all[name] = word{role, rankContract}
	}
	return all
}()

// prefixes and suffixes are words that forms put around a name and that do not change
// its meaning.
var (
	prefixes = set(
		"et", "pb", "contact", "contacto", "customer", "cliente", "client", "visitor", "visitante", "usuario", "user", "lead", "your", "tu", "su", "mi", "my",
		"form", "field", "fields", "input", "txt", "text", "textarea", "q", "cf", "frm", "wpcf", "wpforms", "nf", "the", "el", "la", "ct", "ctl",
		"inquiry", "enquiry", "prospect", "prospecto", "buyer", "comprador", "interesado", "cual", "es", "what", "is", "whats", "escribe", "ingresa",
		"enter", "deja", "dejanos", "indica", "please", "favor", "por", "de", "primary", "main", "principal", "booking", "tour", "schedule",
		"sender", "attendee", "invitee", "mf", "epl", "ere", "uf", "crm", "hdn", "hidden", "tb", "f", "hs", "rh",
	)
	suffixes = set(
		"requerido", "requerida", "obligatorio", "obligatoria", "opcional", "required", "optional", "cliente", "contacto", "contact", "field", "input", "del", "de",
		"c", "customer", "lead", "visitor", "visitante", "interesado", "principal", "value", "text", "formulario", "attributes",
	)
)

// conjunctions stand between two words for the same thing.
var conjunctions = set("o", "y", "u", "or", "and", "e", "con", "with", "de")

// partWord tells which part of a field a word names, such as the area of a phone.
type partWord uint8

const (
	partWhole partWord = iota + 1
	partArea
	partCountry
	partID
)

var partWords = map[string]partWord{
	"full": partWhole, "complete": partWhole, "value": partWhole, "text": partWhole, "number": partWhole, "numero": partWhole, "primary": partWhole,
	"address": partWhole, "national": partWhole, "international": partWhole, "e164": partWhole, "raw": partWhole, "display": partWhole, "fullname": partWhole, "content": partWhole, "detail1": partWhole, "detail2": partWhole, "detail3": partWhole,
	"area": partArea, "lada": partArea, "areacode": partArea, "ddd": partArea,
	"country": partCountry, "countrycode": partCountry, "code": partCountry, "prefix": partCountry, "dialcode": partCountry, "callingcode": partCountry,
	"id": partID, "clave": partID, "publicid": partID, "key": partID, "codigo": partID, "ref": partID, "reference": partID, "slug": partID,
}

// isValueWord reports whether a segment says only that the value follows.
func isValueWord(folded string) bool { return folded == "value" || folded == "rawvalue" }

// traps are the control fields that visitors do not see and robots fill in.
var traps = set("gotcha", "honey", "honeypot", "hp", "botcheck", "botfield")

// visitorWords name a place with the visitor's own details, and otherWords one with
// those of somebody or something else.
var (
	visitorWords = set(
		"contact", "contacts", "contacto", "contactos", "cliente", "client", "customer", "data", "datos", "fields", "campos", "lead", "leads", "visitor", "visitante",
		"prospect", "prospecto", "interesado", "comprador", "buyer", "inquirer", "applicant", "solicitante", "person", "persona", "guest", "respondent", "people", "responses",
		"answers", "respuestas", "response", "submission", "submissions", "entry", "attributes", "values", "input", "inputs", "inquiry", "enquiry", "consulta",
	)
	// transparent words do not tell whose details lie in a place.
	transparent = set("add", "update", "object", "item", "items", "record", "records", "content", "detail", "details", "info")
	otherWords  = set(
		"agent", "agente", "agents", "asesor", "asesora", "advisor", "broker", "realtor", "seller", "vendedor", "owner", "propietario", "agency", "agencia",
		"inmobiliaria", "office", "oficina", "company", "empresa", "property", "propiedad", "inmueble", "listing", "site", "sitio", "page", "pagina",
		"recipient", "destinatario", "utm", "campaign", "account", "cuenta", "assigned", "assignee", "asignado", "creator", "created", "updated", "author", "autor",
		"workflow", "location", "sucursal", "branch", "desarrollo", "development", "developer", "staff", "team", "manager", "metadata", "device", "browser",
		"definition", "schema", "project", "proyecto", "organization", "organizacion", "attribution", "source", "pipeline", "tenant", "organizer", "host", "department", "attachment",
	)
)

func set(words ...string) map[string]bool {
	all := make(map[string]bool, len(words))
	for _, w := range words {
		all[w] = true
	}
	return all
}
