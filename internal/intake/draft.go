package intake

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/intake/fields"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// read fills in what was posted, and what that asks of the answer.
func (v *visit) read(w http.ResponseWriter, r *http.Request) error {
	posted, leftOut, err := body.Read(w, r, v.media)
	if err != nil {
		return unread(err)
	}
	v.posted, v.leftOut, v.draft = posted, leftOut, v.desk.words.Read(posted)
	v.lang = spoken(v.draft.Language, v.lang)
	v.next = v.landing(r)
	return nil
}

// unread is the problem of a body that could not be read.
func unread(err error) error {
	var why *body.Error
	if !errors.As(err, &why) {
		return err
	}
	switch why.Reason {
	case body.TooLarge:
		return problem.New(problem.TooLarge, why.Cause)
	case body.UnsupportedType:
		return problem.New(problem.UnsupportedType, err).With("Accept-Post", body.AcceptPost)
	case body.UnsupportedCoding:
		return problem.New(problem.UnsupportedType, err).With("Accept-Post", body.AcceptPost).With("Accept-Encoding", "identity")
	}
	return problem.New(problem.Unreadable, err)
}

// lead makes a lead of the draft; the error lists every field that is wrong. The
// log tells what the lead has no room for.
func (v *visit) lead(r *http.Request, now time.Time) (lead.Lead, error) {
	q := v.draft.Inquiry(v.desk.ID)
	q.LeftOut = v.leftOut
	if v.draft.Typed != "" {
		q.Extra = append(q.Extra, lead.Pair{Name: "typed_email", Value: v.draft.Typed}) // for the operator to see
	}
	l, err := lead.New(q, v.desk.Source, v.desk.Rules, now)
	if invalid, ok := errors.AsType[*lead.InvalidError](err); ok {
		return l, v.invalid(v.named(invalid.Fields))
	}
	if l.LeftOut > 0 {
		note(r, func(c zerolog.Context) zerolog.Context { return c.Int("fields_left_out", l.LeftOut) })
	}
	return l, err
}

// named says more of a field that is missing: one that came blank is empty, and
// one that came as a list, an object or true is no text.
func (v *visit) named(wrong []lead.FieldError) []lead.FieldError {
	for i, e := range wrong {
		came := v.draft.Of(e.Field)
		switch {
		case (e.Code == lead.Missing || e.Code == lead.EmailOrPhone) && came.Unreadable:
			wrong[i].Code = lead.NotText
		case e.Code == lead.Missing && came.Posted != "":
			wrong[i].Code = lead.Empty
		}
	}
	return wrong
}

func (v *visit) invalid(wrong []lead.FieldError) error {
	all := make([]problem.Field, len(wrong))
	for i, e := range wrong {
		all[i] = problem.Field{Field: string(e.Field), Code: string(e.Code), Message: message(v.lang, e)}
	}
	return problem.NewInvalid(all, &lead.InvalidError{Fields: wrong})
}

func message(lang locale.Lang, e lead.FieldError) string {
	if e.Code == lead.TooLong {
		return locale.FieldText(lang, string(e.Code), string(e.Field), e.Max)
	}
	return locale.FieldText(lang, string(e.Code), string(e.Field))
}

// hidden are the posted fields that a page carries along unseen: all that are
// not in the five it shows.
func (v *visit) hidden() []web.Pair {
	var pairs []web.Pair
	for _, p := range v.draft.Rest() {
		if fields.IsNext(p.Name) && v.next != "" {
			p.Value = v.next // a path means another page once ours posts it
		}
		pairs = append(pairs, web.Pair{Name: p.Name, Value: p.Value})
	}
	return pairs
}

// spoken is the language that a form or an address asks for by name.
func spoken(word string, otherwise locale.Lang) locale.Lang {
	word, _, _ = strings.Cut(strings.ToLower(word), "-")
	if l := locale.Lang(word); l == locale.ES || l == locale.EN {
		return l
	}
	return otherwise
}
