package intake

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// draft is what was posted, sorted.
type draft struct {
	fields  [len(ours)]entry
	context map[string]string
	next    string // where the form wants the visitor to go
	lang    string // which language it asks for
	id      string // the form's own id for the inquiry
}

// entry is what came for one of our fields.
type entry struct {
	name  string // the form's word for it
	value string // the first that is not blank
	wrong bool   // something that came for it was not text
}

// sort puts every field in its place. What nobody asked for stays outside: no
// remote_id, source or status from there is ours.
func (k *desk) sort(all []body.Field) *draft {
	d := &draft{}
	for _, p := range all {
		switch m := k.meaning(p.Name); m {
		case isControl:
		case isNext:
			setFirst(&d.next, p)
		case isLanguage:
			setFirst(&d.lang, p)
		case isSubmission:
			setFirst(&d.id, p)
		case isForeign:
			d.keepContext(p)
		default:
			d.fields[m].take(p, m == asPhone || m == asProperty)
		}
	}
	return d
}

func setFirst(where *string, p body.Field) {
	if *where == "" && p.Kind == body.Text {
		*where = strings.TrimSpace(p.Value)
	}
}

func (e *entry) take(p body.Field, digits bool) {
	if e.name == "" {
		e.name = p.Name
	}
	isText := p.Kind == body.Text || (digits && p.Kind == body.Number && isDigits(p.Value))
	switch {
	case !isText:
		e.wrong = true
	case e.value == "" && strings.TrimSpace(p.Value) != "":
		e.name, e.value = p.Name, p.Value
	}
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// keepContext keeps what tells where the inquiry came from. Its names come
// from outside, so their number is bounded.
func (d *draft) keepContext(p body.Field) {
	const most = 16
	key := contextKey(p.Name)
	if key == "" || p.Kind == body.Nested || len(d.context) >= most || d.context[key] != "" {
		return
	}
	if d.context == nil {
		d.context = make(map[string]string, 4)
	}
	d.context[key] = p.Value
}

// inquiry is the draft in our words, and what in it is no text at all.
func (d *draft) inquiry(siteID string) (lead.Inquiry, []lead.FieldError) {
	q := lead.Inquiry{Site: siteID, Context: d.context}
	var wrong []lead.FieldError
	for i, e := range d.fields {
		if e.wrong {
			wrong = append(wrong, lead.FieldError{Field: ours[i], Code: lead.NotText})
		} else {
			q.Set(ours[i], e.value)
		}
	}
	return q, wrong
}

// lead makes a lead of the draft; the error lists every field that is wrong.
func (v *visit) lead(now time.Time) (lead.Lead, error) {
	q, wrong := v.draft.inquiry(v.desk.ID)
	l, err := lead.New(q, v.desk.Source, v.desk.Rules, now)
	var invalid *lead.InvalidError
	switch {
	case errors.As(err, &invalid):
		return l, v.invalid(v.draft.merge(wrong, invalid.Fields))
	case err == nil && len(wrong) > 0:
		return l, v.invalid(wrong)
	}
	return l, err
}

// merge adds what the lead's own check found. A field that is wrong already is
// not missing too, and one that came without a value is empty, not missing.
func (d *draft) merge(wrong, found []lead.FieldError) []lead.FieldError {
	for _, e := range found {
		i := slices.Index(ours[:], e.Field)
		if d.fields[i].wrong {
			continue
		}
		if e.Code == lead.Missing && d.fields[i].name != "" {
			e.Code = lead.Empty
		}
		wrong = append(wrong, e)
	}
	return wrong
}

func (v *visit) invalid(wrong []lead.FieldError) error {
	fields := make([]problem.Field, len(wrong))
	for i, e := range wrong {
		fields[i] = problem.Field{Field: string(e.Field), Code: string(e.Code), Message: message(v.lang, e)}
	}
	return problem.NewInvalid(fields, &lead.InvalidError{Fields: wrong})
}

func message(lang locale.Lang, e lead.FieldError) string {
	if e.Code == lead.TooLong {
		return locale.FieldText(lang, string(e.Code), string(e.Field), e.Max)
	}
	return locale.FieldText(lang, string(e.Code), string(e.Field))
}

// hidden are the posted fields that a page carries along unseen: all that are
// not among the five it shows.
func (v *visit) hidden() []web.Pair {
	var pairs []web.Pair
	for _, p := range v.posted {
		m := v.desk.meaning(p.Name)
		if m < isNext || p.Kind == body.Nested {
			continue
		}
		if m == isNext && v.next != "" {
			p.Value = v.next // a path means another page once ours posts it
		}
		pairs = append(pairs, web.Pair{Name: p.Name, Value: p.Value})
	}
	return pairs
}

// read fills in what was posted, and what that asks of the answer.
func (v *visit) read(w http.ResponseWriter, r *http.Request) error {
	all, err := body.Read(w, r, v.media)
	if err != nil {
		return err
	}
	v.posted, v.draft = all, v.desk.sort(all)
	v.lang = spoken(v.draft.lang, v.lang)
	v.next = v.landing(r)
	return nil
}

// spoken is the language that a form or an address asks for by name.
func spoken(word string, otherwise locale.Lang) locale.Lang {
	word, _, _ = strings.Cut(strings.ToLower(word), "-")
	if l := locale.Lang(word); l == locale.ES || l == locale.EN {
		return l
	}
	return otherwise
}
