package intake

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/intake/body"
	"leadrelay/internal/intake/fields"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// asked is the order in which our form asks.
var asked = [...]lead.Field{lead.Name, lead.Email, lead.Phone, lead.Message, lead.PropertyID}

// showForm is the hosted form, which works without a script.
func (d *door) showForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.desk == nil {
		return unknownSite()
	}
	query := r.URL.Query()
	v.posted = []body.Field{{Name: string(lead.PropertyID), Value: query.Get("property_id")}}
	if language := query.Get("_language"); language != "" {
		v.lang = spoken(language, v.lang)
		v.posted = append(v.posted, body.Field{Name: "_language", Value: string(v.lang)}) // the answer speaks it too
	}
	v.posted = append(v.posted, campaign(query)...)
	v.posted = append(v.posted, body.Field{Name: fields.ShownField, Value: d.clock.stamp(time.Now())})
	v.draft = v.desk.words.Read(v.posted)
	return v.form(w, http.StatusOK, v.checkProperty())
}

// campaign is what a link to the form tells of where its visitor comes from: the
// form carries it along, and the lead keeps it.
func campaign(query url.Values) []body.Field {
	const most, longest = 8, 300 // there are six usual ones, of a few words each
	var fields []body.Field
	for _, name := range slices.Sorted(maps.Keys(query)) {
		value := strings.ToValidUTF8(query.Get(name), "")
		if strings.HasPrefix(strings.ToLower(name), "utm_") && value != "" && len(name)+len(value) <= longest && len(fields) < most {
			fields = append(fields, body.Field{Name: name, Value: value})
		}
	}
	return fields
}

// checkProperty looks at the property that a link names, so that the visitor
// does not learn at the end that it cannot be.
func (v *visit) checkProperty() []problem.Field {
	l, err := lead.New(lead.Inquiry{PropertyID: v.draft.Of(lead.PropertyID).Value}, "", lead.Rules{}, time.Time{})
	if invalid, ok := errors.AsType[*lead.InvalidError](err); ok {
		return problem.From(v.invalid(invalid.Fields)).Fields
	}
	v.draft.Set(lead.PropertyID, l.PropertyID)
	return nil
}

// form writes the form with what was typed and how to mend it.
func (v *visit) form(w http.ResponseWriter, status int, wrong []problem.Field) error {
	page := web.FormPage{
		Lang: v.lang, Base: v.own.Path, SiteName: v.desk.title(), Theme: v.desk.themePath(), Action: v.desk.path, PrivacyURL: v.desk.Privacy, Hidden: v.hidden(),
	}
	if v.desk.Privacy != "" && v.draft.Context("consent") == "" {
		page.Hidden = append(page.Hidden, web.Pair{Name: "consent", Value: v.consent()})
	}
	for _, f := range asked {
		page.Fields = append(page.Fields, v.field(f, wrong))
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

func (v *visit) field(key lead.Field, wrong []problem.Field) web.Field {
	came := v.draft.Of(key)
	f := web.Field{Key: string(key), Name: cmp.Or(came.Again, string(key)), Value: strings.ToValidUTF8(came.Value, ""), Required: v.desk.Rules.Requires(key), Either: v.desk.Rules.Accepts(key)}
	for _, e := range wrong {
		if e.Field == f.Key {
			f.Error = e.Message
		}
	}
	return f
}
