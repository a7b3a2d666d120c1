// Package locale holds every text that a visitor sees, in Spanish and English,
// by key. It knows nothing of pages, requests or leads.
package locale

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"golang.org/x/text/language"
)

// Lang is a language that we speak, as the lang attribute of HTML writes it.
type Lang string

// The languages. Spanish is spoken wherever nothing else was asked for.
const (
	ES Lang = "es"
	EN Lang = "en"
)

// No browser sends more; a longer header is not worth the work of reading it.
const maxAcceptLanguage = 512

//go:embed es.json
var esJSON []byte

//go:embed en.json
var enJSON []byte

var es, en = parse(esJSON), parse(enJSON)

// Text is the text of a key. With args it is a format for them; an unknown key
// is its own text, so that a slip is seen and not hidden.
func Text(l Lang, key string, args ...any) string {
	text, ok := find(l, key)
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// First is the text of the first of the keys that has one, and else of the last.
func First(l Lang, keys []string, args ...any) string {
	for _, key := range keys[:len(keys)-1] {
		if has(l, key) {
			return Text(l, key, args...)
		}
	}
	return Text(l, keys[len(keys)-1], args...)
}

// FieldText says how to mend a field. A text for this very field wins over the
// text for the code alone.
func FieldText(l Lang, code, field string, args ...any) string {
	return First(l, []string{"field." + code + "." + field, "field." + code}, args...)
}

// ParameterText says to an operator how to mend a parameter, or a field of a lead.
func ParameterText(l Lang, code, name string, args ...any) string {
	return First(l, []string{"parameter." + code + "." + name, "parameter." + code}, args...)
}

// Match picks the language that an Accept-Language header prefers among ours.
func Match(acceptLanguage string) Lang {
	if len(acceptLanguage) > maxAcceptLanguage {
		return ES
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return ES
	}
	for _, tag := range tags { // best first
		base, _ := tag.Base()
		switch l := Lang(base.String()); l {
		case ES, EN:
			return l
		}
	}
	return ES
}

func find(l Lang, key string) (string, bool) {
	texts := es
	if l == EN {
		texts = en
	}
	text, ok := texts[key]
	return text, ok
}

func has(l Lang, key string) bool {
	_, ok := find(l, key)
	return ok
}

func parse(data []byte) map[string]string {
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		panic("locale: " + err.Error()) // the texts are part of the program
	}
	return texts
}
