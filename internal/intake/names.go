package intake

import (
	"maps"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"leadrelay/internal/lead"
)

// ours are the fields of a lead.
var ours = [...]lead.Field{lead.PropertyID, lead.Name, lead.Email, lead.Phone, lead.Message}

// meaning is what a field's name says: an index in ours, or one of the others.
type meaning int

const (
	isNext       meaning = iota + meaning(len(ours)) // where the visitor goes afterwards
	isLanguage                                       // which language the visitor reads
	isSubmission                                     // the form's own id for the inquiry
	isControl                                        // for others: honeypots, captchas, mail options
	isForeign                                        // nothing that we know
)

const (
	asProperty meaning = iota
	asName
	asEmail
	asPhone
	asMessage
)

// aliases are the words that forms have for our fields, folded.
var aliases = map[string]meaning{
	"propertyid": asProperty, "property": asProperty, "propiedad": asProperty, "idpropiedad": asProperty, "propiedadid": asProperty, "clave": asProperty,
	"name": asName, "nombre": asName, "nombrecompleto": asName, "fullname": asName, "yourname": asName, "tunombre": asName,
	"email": asEmail, "correo": asEmail, "correoelectronico": asEmail, "mail": asEmail, "youremail": asEmail, "tucorreo": asEmail,
	"phone": asPhone, "telefono": asPhone, "tel": asPhone, "celular": asPhone, "cel": asPhone, "movil": asPhone, "whatsapp": asPhone, "mobile": asPhone, "yourphone": asPhone,
	"message": asMessage, "mensaje": asMessage, "comentario": asMessage, "comentarios": asMessage, "comment": asMessage, "comments": asMessage, "yourmessage": asMessage,
}

// controls are never part of a lead, and neither is a name that begins with an
// underscore; folded.
var controls = map[string]meaning{
	"redirect": isNext, "botcheck": isControl, "botfield": isControl, "altcha": isControl,
	"cfturnstileresponse": isControl, "hcaptcharesponse": isControl, "grecaptcharesponse": isControl,
}

// vocabulary is what names mean on one site: its own words come before ours,
// but none can make a control field part of a lead.
func vocabulary(own map[string]string) map[string]meaning {
	words := maps.Clone(aliases)
	for theirs, field := range own {
		for i, f := range ours {
			if string(f) == field {
				words[fold(theirs)] = meaning(i)
			}
		}
	}
	maps.Copy(words, controls)
	return words
}

// meaning looks a posted name up.
func (k *desk) meaning(name string) meaning {
	if strings.HasPrefix(name, "_") {
		switch strings.ToLower(name) {
		case "_next", "_redirect":
			return isNext
		case "_language":
			return isLanguage
		case "_submission_id":
			return isSubmission
		}
		return isControl
	}
	if m, ok := k.words[fold(name)]; ok {
		return m
	}
	return isForeign
}

// fold makes one spelling of the many of a name: lower case, no accents, no
// separators.
func fold(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		name = norm.NFD.String(name)
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' || unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// contextKey is the name under which context is kept, or "" when it is none.
func contextKey(name string) string {
	const longest = 40
	if len(name) > longest {
		return ""
	}
	key := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if key == "page_url" || key == "consent" || (strings.HasPrefix(key, "utm_") && isWord(key)) {
		return key
	}
	return ""
}

func isWord(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}
