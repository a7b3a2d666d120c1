package lead

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"
)

// Code says what is wrong with a field, for programs. The words are those
// that clients of form services know.
type Code string

// The codes of a wrong field.
const (
	Missing          Code = "REQUIRED_FIELD_MISSING"
	Empty            Code = "REQUIRED_FIELD_EMPTY"
	NotEmail         Code = "TYPE_EMAIL"
	NotText          Code = "TYPE_TEXT"
	NotProperty      Code = "TYPE_PROPERTY"
	TooLong          Code = "TOO_LONG"
	ControlCharacter Code = "CONTROL_CHARACTER"
	EmailOrPhone     Code = "EMAIL_OR_PHONE"
)

// FieldError is one wrong field. It never holds what was typed.
type FieldError struct {
	Field Field
	Code  Code
	Max   int // with TooLong: the most that is taken
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

// Rules is what a site requires. Each entry is a list of fields of which one
// must be there.
type Rules struct{ Require [][]Field }

// DefaultRules are those of EasyBroker's page "Contact Request": property,
// e-mail and message.
func DefaultRules() Rules {
	return Rules{Require: [][]Field{{PropertyID}, {Email}, {Message}}}
}

// ParseRules reads entries such as "email" and "email|phone".
func ParseRules(entries []string) (Rules, error) {
	var r Rules
	var errs []error
	for _, entry := range entries {
		var either []Field
		for word := range strings.SplitSeq(entry, "|") {
			f := Field(strings.TrimSpace(word))
			if new(Inquiry).at(f) == nil {
				errs = append(errs, fmt.Errorf("%q is none of property_id, name, email, phone, message", word))
				continue
			}
			either = append(either, f)
		}
		r.Require = append(r.Require, either)
	}
	return r, errors.Join(errs...)
}

// Requires reports whether f must be there, whatever else is.
func (r Rules) Requires(f Field) bool {
	return slices.ContainsFunc(r.Require, func(either []Field) bool {
		return len(either) == 1 && either[0] == f
	})
}

// Accepts reports whether f may be there in place of another.
func (r Rules) Accepts(f Field) bool {
	return slices.ContainsFunc(r.Require, func(either []Field) bool {
		return len(either) > 1 && slices.Contains(either, f)
	})
}

// admit cleans the inquiry and checks it. The error is an [*InvalidError].
func (r Rules) admit(q *Inquiry) error {
	wrong := clean(q)
	wrong = append(wrong, r.check(q, wrong)...)
	if len(wrong) > 0 {
		return &InvalidError{Fields: wrong}
	}
	return nil
}

// check returns what is wrong besides the fields that are wrong already.
func (r Rules) check(q *Inquiry, already []FieldError) []FieldError {
	var wrong []FieldError
	isWrong := func(f Field) bool {
		named := func(e FieldError) bool { return e.Field == f }
		return slices.ContainsFunc(already, named) || slices.ContainsFunc(wrong, named)
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
	for _, e := range append(shapeErrors(q), messageErrors(q)...) {
		if !isWrong(e.Field) {
			wrong = append(wrong, e)
		}
	}
	return wrong
}

const mostMessage = 5000 // runes

// shape repeats the fields that have limits, for the validator. Lengths come
// first, so that no later check reads a long text.
type shape struct {
	PropertyID string `validate:"omitempty,max=64,property" json:"property_id"`
	Name       string `validate:"max=200" json:"name"`
	Email      string `validate:"omitempty,max=254,mailbox" json:"email"`
	Message    string `validate:"max=5000" json:"message"`
}

func shapeErrors(q *Inquiry) []FieldError {
	err := shapes().Struct(shape{PropertyID: q.PropertyID, Name: q.Name, Email: q.Email, Message: q.Message})
	var all validator.ValidationErrors
	if !errors.As(err, &all) {
		return nil
	}
	wrong := make([]FieldError, len(all))
	for i, e := range all {
		wrong[i] = fieldError(e)
	}
	return wrong
}

// messageErrors refuses a message of which the characters are few and the bytes
// are too many. What it tells is how many of these characters there is room for.
func messageErrors(q *Inquiry) []FieldError {
	if size(q.Message) <= mostMessageBytes {
		return nil
	}
	return []FieldError{{Field: Message, Code: TooLong, Max: min(fitting(q.Message, mostMessageBytes), mostMessage)}}
}

func fieldError(e validator.FieldError) FieldError {
	f := FieldError{Field: Field(e.Field())}
	switch e.Tag() {
	case "mailbox":
		f.Code = NotEmail
	case "property":
		f.Code = NotProperty
	default:
		f.Code = TooLong
		_, _ = fmt.Sscan(e.Param(), &f.Max)
	}
	return f
}

// shapes makes the validator once; it caches what it learns of a struct.
var shapes = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(jsonName)
	for tag, ok := range map[string]func(string) bool{"mailbox": isMailbox, "property": isPropertyID} {
		if err := v.RegisterValidation(tag, func(f validator.FieldLevel) bool { return ok(f.Field().String()) }); err != nil {
			panic(err) // only a wrong tag name does that
		}
	}
	return v
})
