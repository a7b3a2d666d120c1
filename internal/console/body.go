package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
)

// maxBody bounds the size of a body. A lead is smaller.
const maxBody = 64 << 10

// codeInvalid is the code of a field of a body, or of a parameter, that is wrong or
// unknown. The texts for people are different.
const codeInvalid lead.Code = "INVALID_PARAMETER"

// Why a name is unknown. The texts for people have these codes.
const (
	unknownName  = "UNKNOWN_PARAMETER" // there are others
	noNames      = "NO_PARAMETERS"     // there are none at all
	nameForABody = "PARAMETER_OF_BODY" // there are none in the address
)

var (
	errNotObject = errors.New("the body is no JSON object")
	errDuplicate = errors.New("a member of the body is there twice")
)

// jsonFields are the fields that a body may have. Each function parses the value and
// returns a code if it is wrong.
type jsonFields map[string]func(value json.RawMessage) lead.Code

// readBody parses the object in the body. No body means an empty object. The error
// names everything that is wrong. An unknown field is an error, because ignoring it
// could do more or less than what was meant.
func readBody(w http.ResponseWriter, r *http.Request, known jsonFields) error {
	object, err := readObject(w, r)
	if err != nil {
		return err
	}
	var wrong []problem.Field
	lang := locale.Match(r.Header.Get("Accept-Language"))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		parse, ok := known[name]
		if !ok {
			wrong = append(wrong, unknownField(lang, name, slices.Sorted(maps.Keys(known))))
		} else if code := parse(object[name]); code != "" {
			wrong = append(wrong, wrongField(lang, lead.FieldError{Field: lead.Field(name), Code: code}))
		}
	}
	if len(wrong) > 0 {
		return problem.NewInvalid(wrong, nil)
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
		return nil, problem.New(problem.Unreadable, errNotObject)
	}
	if hasDuplicates(body) {
		return nil, problem.New(problem.Unreadable, errDuplicate)
	}
	return object, nil
}

// hasDuplicates reports whether an object at any depth has a field twice, because
// {"dry_run":true,"dry_run":false} is ambiguous. The body must be JSON.
func hasDuplicates(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return nextHasDuplicates(d)
}

func nextHasDuplicates(d *json.Decoder) bool {
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
		if nextHasDuplicates(d) {
			return true
		}
	}
	_, err = d.Token() // the end
	return err != nil
}

// invalid returns the problem of wrong fields, in the operator's language. It has no
// cause for the log, because a client may write anything into a name.
func invalid(r *http.Request, wrong *lead.InvalidError) error {
	lang := locale.Match(r.Header.Get("Accept-Language"))
	fields := make([]problem.Field, len(wrong.Fields))
	for i, e := range wrong.Fields {
		fields[i] = wrongField(lang, e)
	}
	return problem.NewInvalid(fields, nil)
}

// wrongField returns what is wrong with a parameter or a field, in the language.
func wrongField(lang locale.Lang, e lead.FieldError) problem.Field {
	var args []any
	if e.Code == lead.TooLong {
		args = []any{e.Max}
	}
	words := locale.ParameterText(lang, string(e.Code), string(e.Field), args...)
	return problem.Field{Field: string(e.Field), Code: string(e.Code), Message: words}
}

// unknownField returns what is wrong with a name that is none of the known ones.
func unknownField(lang locale.Lang, name string, known []string) problem.Field {
	if len(known) == 0 {
		return refusedName(lang, name, noNames)
	}
	return refusedName(lang, name, unknownName, strings.Join(known, ", "))
}

func refusedName(lang locale.Lang, name, why string, args ...any) problem.Field {
	return problem.Field{Field: lead.Line(name), Code: string(codeInvalid), Message: locale.ParameterText(lang, why, "", args...)}
}

// parseInto parses a value of the type. null leaves it unchanged.
func parseInto[T any](to *T) func(json.RawMessage) lead.Code {
	return func(value json.RawMessage) lead.Code {
		if json.Unmarshal(value, to) != nil {
			return codeInvalid
		}
		return ""
	}
}

// parseText parses a string and passes it to use. null is the empty string.
func parseText(use func(string)) func(json.RawMessage) lead.Code {
	return func(value json.RawMessage) lead.Code {
		var s string
		if json.Unmarshal(value, &s) != nil {
			return lead.NotText
		}
		use(s)
		return ""
	}
}

// parsePast parses a time of RFC 3339 that is not in the future. null is no time.
func parsePast(to *time.Time) func(json.RawMessage) lead.Code {
	return func(value json.RawMessage) lead.Code {
		var s string
		if json.Unmarshal(value, &s) != nil || (s != "" && !parseTime(s, to)) || to.After(time.Now()) {
			return codeInvalid
		}
		return ""
	}
}
