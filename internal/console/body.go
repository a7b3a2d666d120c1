package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
)

// maxBody is the most that a body may have; a lead has less.
const maxBody = 64 << 10

// wrongMember is the code of a member, or of a parameter, that does not exist or
// does not fit. Programs are told no more; for the texts, one that does not exist
// is unknownMember.
const (
	wrongMember   lead.Code = "INVALID_PARAMETER"
	unknownMember lead.Code = "UNKNOWN_PARAMETER"
)

var (
	errNoObject = errors.New("the body is no JSON object")
	errTwice    = errors.New("a member of the body is there twice")
)

// members are what a body may have: each reads its value, and returns the code
// of what is wrong with it, or nothing.
type members map[string]func(value json.RawMessage) lead.Code

// readBody reads the body's object; no body at all is an empty one. The error
// names all that is wrong with it: a member that were passed over would do
// less than meant, or more.
func readBody(w http.ResponseWriter, r *http.Request, known members) error {
	object, err := readObject(w, r)
	if err != nil {
		return err
	}
	var wrong []lead.FieldError
	for _, name := range slices.Sorted(maps.Keys(object)) {
		code := unknownMember
		if read, ok := known[name]; ok {
			code = read(object[name])
		}
		if code != "" {
			wrong = append(wrong, lead.FieldError{Field: lead.Field(lead.Line(name)), Code: code})
		}
	}
	if len(wrong) > 0 {
		return invalid(r, &lead.InvalidError{Fields: wrong})
	}
	return nil
}

func readObject(w http.ResponseWriter, r *http.Request) (object map[string]json.RawMessage, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, problem.New(problem.TooLarge, nil)
	}
	if err != nil {
		return nil, problem.New(problem.Unreadable, err)
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, nil
	}
	if body[0] != '{' || json.Unmarshal(body, &object) != nil { // its error would quote the body
		return nil, problem.New(problem.Unreadable, errNoObject)
	}
	if hasTwice(body) {
		return nil, problem.New(problem.Unreadable, errTwice)
	}
	return object, nil
}

// hasTwice reports whether a member of an object is there twice, however deep: of
// {"dry_run":true,"dry_run":false} nobody knows what is meant. The body is JSON.
func hasTwice(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return nextHasTwice(d)
}

func nextHasTwice(d *json.Decoder) bool {
	token, err := d.Token()
	if _, nested := token.(json.Delim); err != nil || !nested {
		return err != nil
	}
	seen := map[any]bool{}
	for d.More() {
		if token == json.Delim('{') {
			name, err := d.Token()
			if err != nil || seen[name] {
				return true
			}
			seen[name] = true
		}
		if nextHasTwice(d) {
			return true
		}
	}
	_, err = d.Token() // the end
	return err != nil
}

// invalid is the answer to wrong fields, in the operator's language. It has no
// cause for the log: names are whatever the client wrote.
func invalid(r *http.Request, wrong *lead.InvalidError) error {
	lang := locale.Match(r.Header.Get("Accept-Language"))
	fields := make([]problem.Field, len(wrong.Fields))
	for i, e := range wrong.Fields {
		fields[i] = wrongField(lang, e)
	}
	return problem.NewInvalid(fields, nil)
}

// wrongField says in the operator's language what is wrong with a parameter, a
// member or a field.
func wrongField(lang locale.Lang, e lead.FieldError) problem.Field {
	var args []any
	if e.Code == lead.TooLong {
		args = []any{e.Max}
	}
	words := locale.ParameterText(lang, string(e.Code), string(e.Field), args...)
	if e.Code == unknownMember {
		e.Code = wrongMember
	}
	return problem.Field{Field: string(e.Field), Code: string(e.Code), Message: words}
}

// into reads a value of the type; null leaves it as it is.
func into[T any](to *T) func(json.RawMessage) lead.Code {
	return func(value json.RawMessage) lead.Code {
		if json.Unmarshal(value, to) != nil {
			return wrongMember
		}
		return ""
	}
}

// text reads a string; null is none.
func text(use func(string)) func(json.RawMessage) lead.Code {
	return func(value json.RawMessage) lead.Code {
		var s string
		if json.Unmarshal(value, &s) != nil {
			return lead.NotText
		}
		use(s)
		return ""
	}
}

// past reads a time that was, as RFC 3339; null is none.
func past(to *time.Time) func(json.RawMessage) lead.Code {
	return func(value json.RawMessage) lead.Code {
		var s string
		if json.Unmarshal(value, &s) != nil || (s != "" && !readTime(s, to)) || to.After(time.Now()) {
			return wrongMember
		}
		return ""
	}
}
