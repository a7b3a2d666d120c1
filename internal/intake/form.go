package intake

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// asked is the order in which our form asks.
var asked = [...]meaning{asName, asEmail, asPhone, asMessage, asProperty}

// showForm is the hosted form, which works without a script.
func (d *door) showForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.desk == nil {
		return unknownSite()
	}
	query := r.URL.Query()
	v.draft = &draft{}
	v.draft.fields[asProperty].value = query.Get("property_id")
	if language := query.Get("_language"); language != "" {
		v.lang = spoken(language, v.lang)
		v.posted = []body.Field{{Name: "_language", Value: string(v.lang)}} // the answer speaks it too
	}
	v.posted = append(v.posted, body.Field{Name: shownField, Value: d.clock.stamp(time.Now())})
	return v.form(w, http.StatusOK, v.checkProperty())
}

// checkProperty looks at the property that a link names, so that the visitor
// does not learn at the end that it cannot be.
func (v *visit) checkProperty() []problem.Field {
	asked := &v.draft.fields[asProperty]
	l, err := lead.New(lead.Inquiry{PropertyID: asked.value}, "", lead.Rules{}, time.Time{})
	if invalid, ok := errors.AsType[*lead.InvalidError](err); ok {
		return problem.From(v.invalid(invalid.Fields)).Fields
	}
	asked.value = l.PropertyID
	return nil
}

// form writes the form with what was typed and how to mend it.
func (v *visit) form(w http.ResponseWriter, status int, wrong []problem.Field) error {
	page := web.FormPage{
		Lang: v.lang, SiteName: v.desk.title(), Theme: v.desk.themePath(), Action: v.desk.path, PrivacyURL: v.desk.Privacy, Hidden: v.hidden(),
	}
	if v.desk.Privacy != "" && v.draft.context["consent"] == "" {
		page.Hidden = append(page.Hidden, web.Pair{Name: "consent", Value: v.consent()})
	}
	for _, m := range asked {
		page.Fields = append(page.Fields, v.field(m, wrong))
	}
	if p := page.Fields[len(page.Fields)-1]; p.Error == "" {
		page.PropertyID = p.Value
	}
	return v.page(w, status, func(out io.Writer) error { return web.RenderForm(out, page) })
}

// consent is what the visitor agrees to by sending the form, word for word: the
// lead keeps it, and the time beside it.
func (v *visit) consent() string {
	return locale.Text(v.lang, "form.consent") + " " + locale.Text(v.lang, "form.privacy") + ": " + v.desk.Privacy
}

func (v *visit) field(m meaning, wrong []problem.Field) web.Field {
	came, key := v.draft.fields[m], ours[m]
	f := web.Field{Key: string(key), Name: cmp.Or(came.name, string(key)), Value: strings.ToValidUTF8(came.value, ""), Required: v.desk.Rules.Requires(key)}
	for _, e := range wrong {
		if e.Field == f.Key {
			f.Error = e.Message
		}
	}
	return f
}
