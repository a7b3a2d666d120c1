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

// formOrder is the order of the fields in our form.
var formOrder = append(lead.Fields()[1:], lead.PropertyID)

// showForm shows the hosted form, which works without a script.
func (h *handler) showForm(w http.ResponseWriter, r *request) error {
	if r.site == nil {
		return problem.New(problem.UnknownSite, nil)
	}
	return r.writePage(w, http.StatusOK, func(out io.Writer) error { // it takes longer to read a long link than to fill the form in
		wrong := r.readLink(h.stamps.stamp())
		return web.RenderForm(out, r.formPage(wrong))
	})
}

// readLink takes what a link to the form says as if it had been posted, and returns
// what is wrong with it.
func (r *request) readLink(stamp string) []problem.Field {
	query := r.URL.Query()
	r.posted = []body.Field{{Name: string(lead.PropertyID), Value: query.Get("property_id")}}
	if language := query.Get("_language"); language != "" {
		r.lang = languageOr(language, r.lang)
		r.posted = append(r.posted, body.Field{Name: "_language", Value: string(r.lang)}) // for the answer to the form
	}
	r.posted = append(r.posted, campaignFields(query)...)
	r.posted = append(r.posted, body.Field{Name: fields.ShownField, Value: stamp})
	r.draft = r.site.vocabulary.Assign(r.posted)
	return r.checkProperty()
}

// campaignFields returns what a link to the form says about where its visitor
// comes from. The form carries it along, and the lead keeps it.
func campaignFields(query url.Values) []body.Field {
	const maxFields, maxLength = 8, 300 // there are six usual ones, of a few words each
	var all []body.Field
	for _, name := range slices.Sorted(maps.Keys(query)) {
		value := strings.ToValidUTF8(query.Get(name), "")
		if strings.HasPrefix(strings.ToLower(name), "utm_") && value != "" && len(name)+len(value) <= maxLength && len(all) < maxFields {
			all = append(all, body.Field{Name: name, Value: value})
		}
	}
	return all
}

// checkProperty checks the property that a link names, so that the visitor does
// not learn at the end that it is wrong.
func (r *request) checkProperty() []problem.Field {
	l, err := lead.New(lead.Inquiry{PropertyID: r.draft.Of(lead.PropertyID).Value}, "", lead.Rules{}, time.Time{})
	if invalid, ok := errors.AsType[*lead.InvalidError](err); ok {
		return invalidProblem(r.lang, invalid.Fields).Fields
	}
	r.draft.Set(lead.PropertyID, l.PropertyID)
	return nil
}

// writeForm writes the form with what was typed, and how to mend what is wrong.
func (r *request) writeForm(w http.ResponseWriter, status int, wrong []problem.Field) error {
	return r.writePage(w, status, func(out io.Writer) error { return web.RenderForm(out, r.formPage(wrong)) })
}

func (r *request) formPage(wrong []problem.Field) web.FormPage {
	page := web.FormPage{
		Lang: r.lang, Base: r.relay.Path, SiteName: r.site.title(), Theme: r.site.themePath(), Action: r.site.path, PrivacyURL: r.site.Privacy, PrivacyText: cmp.Or(r.site.PrivacyText, locale.Text(r.lang, "form.consent")), Hidden: r.hiddenFields(),
	}
	if r.site.Privacy != "" && r.draft.Context("consent") == "" {
		// The lead keeps, word for word, what the visitor agrees to by sending the form.
		consent := page.PrivacyText + " " + locale.Text(r.lang, "form.privacy") + ": " + r.site.Privacy
		page.Hidden = append(page.Hidden, web.Pair{Name: "consent", Value: consent})
	}
	for _, f := range formOrder {
		page.Fields = append(page.Fields, r.formField(f, wrong))
	}
	if p := page.Fields[len(page.Fields)-1]; p.Error == "" {
		page.PropertyID = p.Value
	}
	return page
}

func (r *request) formField(key lead.Field, wrong []problem.Field) web.Field {
	came := r.draft.Of(key)
	f := web.Field{Key: string(key), Name: cmp.Or(came.Again, string(key)), Value: strings.ToValidUTF8(came.Value, ""), Required: r.site.Rules.Requires(key), Either: r.site.Rules.Accepts(key)}
	for _, e := range wrong {
		if e.Field == f.Key {
			f.Error = e.Message
		}
	}
	return f
}
