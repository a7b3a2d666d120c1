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
	parts   [asSecondLast - asFirst + 1]string // of the name
	context map[string]string
	extra   []lead.Pair
	next    string // where the form wants the visitor to go
	lang    string // which language it asks for
	id      string // the form's own id for the inquiry
	shown   string // when our form was, signed
}

// entry is what came for one of our fields.
type entry struct {
	name  string // the form's word for it
	value string // the first that is not blank
	loose bool   // it stood in something else
	wrong bool   // something that came for it was not text
}

// sort puts every field in its place. What nobody asked for stays beside the
// lead's fields: no remote_id, source or status from there is ours.
func (k *desk) sort(all []body.Field) *draft {
	d := &draft{}
	for _, p := range all {
		switch m, loose := k.meaning(p.Name); m {
		case isControl, isRelays:
		case isNext:
			setFirst(&d.next, p)
		case isLanguage:
			setFirst(&d.lang, p)
		case isSubmission:
			setFirst(&d.id, p)
		case isShown:
			setFirst(&d.shown, p)
		case isForeign:
			d.keepForeign(p)
		case asFirst, asMiddle, asLast, asSecondLast:
			d.takePart(p, m)
		default:
			d.fields[m].take(p, loose, m == asPhone || m == asProperty)
		}
	}
	d.joinName()
	return d
}

func setFirst(where *string, p body.Field) {
	if *where == "" && p.Kind == body.Text {
		*where = strings.TrimSpace(p.Value)
	}
}

// take takes what came for a field: the first that is not blank, but what
// stood in something else only when nothing else did. What is no text there is
// no reason to turn a visitor away.
func (e *entry) take(p body.Field, loose, digits bool) {
	if e.name == "" {
		e.name = p.Name
	}
	isText := p.Kind == body.Text || (digits && p.Kind == body.Number && isDigits(p.Value))
	switch {
	case loose && (e.wrong || !isText): // it may be a piece of what is wrong
	case !isText:
		e.wrong = true
	case strings.TrimSpace(p.Value) != "" && (e.value == "" || (e.loose && !loose)):
		e.name, e.value, e.loose = p.Name, p.Value, loose
	}
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// inquiry is the draft in our words, and what in it is no text at all.
func (d *draft) inquiry(siteID string) (lead.Inquiry, []lead.FieldError) {
	q := lead.Inquiry{Site: siteID, Context: d.context, Extra: d.extra}
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
		m, _ := v.desk.meaning(p.Name)
		if m.isOurs() || p.Kind == body.Nested {
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
	all = v.desk.whole(all)
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
