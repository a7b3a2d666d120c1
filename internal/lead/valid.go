package lead

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"
)

// Code tells a program what is wrong with a field. The words are those that
// clients of form services know.
type Code string

// The codes of a wrong field.
const (
	Missing          Code = "REQUIRED_FIELD_MISSING"
	Empty            Code = "REQUIRED_FIELD_EMPTY"
	NotEmail         Code = "TYPE_EMAIL"
	NotText          Code = "TYPE_TEXT"
	NotProperty      Code = "TYPE_PROPERTY"
	Taken            Code = "TAKEN" // EasyBroker has it as it is
	TooLong          Code = "TOO_LONG"
	ControlCharacter Code = "CONTROL_CHARACTER"
	EmailOrPhone     Code = "EMAIL_OR_PHONE"
)

// FieldError is one wrong field. It never contains what was typed.
type FieldError struct {
	Field Field
	Code  Code
	Max   int // with TooLong: the most characters that we accept
}

// InvalidError lists every wrong field of an inquiry.
type InvalidError struct{ Fields []FieldError }

func (e *InvalidError) Error() string {
	words := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		words[i] = fmt.Sprintf("%s %s", f.Field, f.Code)
	}
	return "invalid inquiry: " + strings.Join(words, ", ")
}

// Rules are what a site requires. Each entry is a list of fields of which at least
// one must have a value.
type Rules struct{ Require [][]Field }

// DefaultRules returns the rules of EasyBroker's page "Contact Request": property,
// e-mail and message.
func DefaultRules() Rules {
	return Rules{Require: [][]Field{{PropertyID}, {Email}, {Message}}}
}

// ParseRules parses entries such as "email" and "email|phone".
func ParseRules(entries []string) (Rules, error) {
	var r Rules
	var errs []error
	for _, entry := range entries {
		var either []Field
		for word := range strings.SplitSeq(entry, "|") {
			f := Field(strings.TrimSpace(word))
			if !slices.Contains(Fields(), f) {
				errs = append(errs, fmt.Errorf("%q is none of %v", word, Fields()))
				continue
			}
			either = append(either, f)
		}
		r.Require = append(r.Require, either)
	}
	return r, errors.Join(errs...)
}

// Requires reports whether f must have a value, whatever the other fields have.
func (r Rules) Requires(f Field) bool {
	return slices.ContainsFunc(r.Require, func(either []Field) bool {
		return len(either) == 1 && either[0] == f
	})
}

// Accepts reports whether a value of f can stand in for that of another field.
func (r Rules) Accepts(f Field) bool {
	return slices.ContainsFunc(r.Require, func(either []Field) bool {
		return len(either) > 1 && slices.Contains(either, f)
	})
}

// cleanAndCheck cleans the inquiry and checks it. The error is an
// [*InvalidError].
func (r Rules) cleanAndCheck(q *Inquiry) error {
	wrong := clean(q)
	wrong = append(wrong, r.check(q, wrong)...)
	if len(wrong) > 0 {
		return &InvalidError{Fields: wrong}
	}
	return nil
}

// check returns what is wrong with the inquiry besides the fields that are already
// known to be wrong.
func (r Rules) check(q *Inquiry, known []FieldError) []FieldError {
	var wrong []FieldError
	isWrong := func(f Field) bool {
		named := func(e FieldError) bool { return e.Field == f }
		return slices.ContainsFunc(known, named) || slices.ContainsFunc(wrong, named)
	}
	for _, either := range r.Require {
		if slices.ContainsFunc(either, func(f Field) bool { return q.Get(f) != "" || isWrong(f) }) {
			continue
		}
		code := Missing
		if len(either) > 1 {
			code = EmailOrPhone
		}
		for _, f := range either {
			wrong = append(wrong, FieldError{Field: f, Code: code})
		}
	}
	for _, f := range Fields() {
		if e := checkValue(f, q.Get(f)); e.Code != "" && !isWrong(f) {
			wrong = append(wrong, e)
		}
	}
	return wrong
}

// maxMessage is the largest length of a message, for us and for EasyBroker.
const maxMessage = 5000 // runes

// limits are what the value of a field must be like, in the validator's words. A
// phone has no limit here: one that is too long is shortened (see maxPhone). Lengths
// come first, so that a long text is not parsed.
var limits = map[Field]string{
	PropertyID: "max=64,property",
	Name:       "max=200",
	Email:      "max=254,mailbox",
	Phone:      "",
	Message:    "max=5000",
}

// defaultLimit bounds the value of a field that limits does not list.
const defaultLimit = "max=100"

// checkValue returns what is wrong with the value of a field. The code is empty if
// nothing is wrong.
func checkValue(f Field, value string) FieldError {
	limit, ok := limits[f]
	if !ok {
		limit = defaultLimit
	}
	if limit == "" || value == "" {
		return FieldError{}
	}
	if err := values().Var(value, limit); err != nil {
		if wrong, ok := errors.AsType[validator.ValidationErrors](err); ok {
			return fieldError(f, wrong[0])
		}
	}
	if f == Message && maxEscape*len(value) > maxMessageBytes && jsonSize(value) > maxMessageBytes {
		// Its characters are few and its bytes are too many. We say how many of these
		// characters there is room for.
		return FieldError{f, TooLong, min(runesWithin(value, maxMessageBytes), maxMessage)}
	}
	return FieldError{}
}

// runesWithin returns how many of the first runes of s fit into the bytes of JSON.
func runesWithin(s string, bytes int) (runes int) {
	for i, r := range s {
		if bytes -= jsonSize(s[i : i+len(string(r))]); bytes < 0 {
			return runes
		}
		runes++
	}
	return runes
}

func fieldError(f Field, e validator.FieldError) FieldError {
	switch e.Tag() {
	case "mailbox":
		return FieldError{Field: f, Code: NotEmail}
	case "property":
		return FieldError{Field: f, Code: NotProperty}
	}
	wrong := FieldError{Field: f, Code: TooLong}
	_, _ = fmt.Sscan(e.Param(), &wrong.Max)
	return wrong
}

// values returns the validator, which caches what it has parsed of the limits.
var values = sync.OnceValue(func() *validator.Validate {
	v := validator.New()
	for tag, isValid := range map[string]func(string) bool{"mailbox": isMailbox, "property": isPropertyID} {
		if err := v.RegisterValidation(tag, func(f validator.FieldLevel) bool { return isValid(f.Field().String()) }); err != nil {
			panic(err) // only a wrong tag name does that
		}
	}
	return v
})
