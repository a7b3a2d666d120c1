// Package locale has every text that a visitor or an operator sees, in Spanish and
// English, by key. It knows nothing of pages, requests or leads.
package locale

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"golang.org/x/text/language"
)

// Lang is a language of our texts, as in the lang attribute of HTML.
type Lang string

// The languages. Spanish is the default.
const (
	ES Lang = "es"
	EN Lang = "en"
)

// maxAcceptLanguage bounds the header that we parse. No browser sends more.
const maxAcceptLanguage = 512

//go:embed es.json
var esJSON []byte

//go:embed en.json
var enJSON []byte

var es, en = parse(esJSON), parse(enJSON)

// Text returns the text of a key, formatted with args if there are any. An unknown key is
// returned itself, so that the mistake is seen.
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

// First returns the text of the first key that has one.
func First(l Lang, keys []string, args ...any) string {
	for _, key := range keys[:len(keys)-1] {
		if has(l, key) {
			return Text(l, key, args...)
		}
	}
	return Text(l, keys[len(keys)-1], args...)
}

// FieldText returns the text that says how to correct a field. A text for the code and
// the field takes precedence over that for the code alone.
func FieldText(l Lang, code, field string, args ...any) string {
	return First(l, []string{"field." + code + "." + field, "field." + code}, args...)
}

// ParameterText returns the text that says to an operator how to correct a parameter, or
// a field of a lead.
func ParameterText(l Lang, code, name string, args ...any) string {
	return First(l, []string{"parameter." + code + "." + name, "parameter." + code}, args...)
}

// Match returns the language of ours that an Accept-Language header prefers.
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
