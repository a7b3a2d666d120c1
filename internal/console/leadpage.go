package console

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// showLead tells the story of a lead.
func (p *Pages) showLead(w http.ResponseWriter, r *http.Request) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	frame := p.liveFrame(r, "/leads") // first, so that no change is missed
	l, attempts, err := p.findOne(r.Context(), id)
	if err != nil {
		return err
	}
	told, err := p.store.Deliveries(r.Context(), id)
	if err != nil {
		return problem.NewTryAgain(time.Second, err)
	}
	t := wordsFor(r)
	row := t.row(l)
	page := web.LeadPage{
		Frame: frame, Row: row, Now: t.stands(l, p.standing(r.Context(), l.Site)), Rectified: t.rectified(l), Message: l.Message,
		Replies: p.replies(t, l), Story: t.story(l, attempts, told), Facts: t.facts(l), Consent: t.consent(l), Extra: t.extras(l), Notes: t.notes(l),
		CanEdit: allows(l, (api{}).edited(nil)), CanForce: !row.Retry && allows(l, retry(true)),
	}
	if !frame.CanAct {
		page.Row.Retry, page.Row.Release, page.Row.Throw, page.CanEdit, page.CanForce = false, false, false, false, false
	}
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderLead(b, page) })
}

// standing returns how a site's credential stands, or the site itself, if it keeps leads
// waiting.
func (p *Pages) standing(ctx context.Context, site string) *lead.Credential {
	for _, c := range p.courier.Status(ctx) {
		if isStopped(c) && slices.Contains(c.Sites, site) {
			return &c
		}
	}
	return nil
}

func isStopped(c lead.Credential) bool {
	return c.State == lead.CredentialHeld || c.State == lead.CredentialDown || c.State == lead.SitePaused || c.State == lead.SitePausedByHand
}

// replies returns links to answer the visitor.
func (p *Pages) replies(w words, l lead.Lead) []web.Link {
	var all []web.Link
	if l.Email != "" {
		address := "mailto:" + url.PathEscape(l.Email)
		if l.PropertyID != "" {
			address += "?subject=" + url.PathEscape(w.text("lead.subject", l.PropertyID))
		}
		all = append(all, web.Link{Text: l.Email, URL: web.SafeURL(address)})
	}
	number := l.Phone
	for _, s := range p.opt.Sites {
		if s.ID == l.Site && s.Dial != nil {
			number = s.Dial(l.Phone)
		}
	}
	digits := lead.Digits(number)
	const fewest, most = 7, 15
	if len(digits) < fewest || len(digits) > most || strings.ContainsFunc(number, func(r rune) bool { return !strings.ContainsRune("+0123456789 -.()", r) }) {
		return all // a sentence, or no number that can be called
	}
	dial := digits
	if strings.HasPrefix(number, "+") {
		dial = "+" + digits
		all = append(all, web.Link{Text: "WhatsApp", URL: web.SafeURL("https://wa.me/" + digits)})
	}
	return append(all, web.Link{Text: l.Phone, URL: web.SafeURL("tel:" + dial)})
}

// facts returns the fields of a lead and where it came from.
func (w words) facts(l lead.Lead) []web.Pair {
	var all []web.Pair
	for _, f := range lead.Fields() {
		if value := l.Get(f); value != "" && f != lead.Message {
			all = append(all, web.Pair{Name: w.text("field.label." + string(f)), Value: value})
		}
	}
	if l.Source != "" {
		all = append(all, web.Pair{Name: w.text("field.label.source"), Value: l.Source})
	}
	return all
}

// consent tells what the visitor has agreed to, word for word, when and where.
func (w words) consent(l lead.Lead) []web.Pair {
	c := l.Consent()
	if c.Text == "" {
		return nil
	}
	all := []web.Pair{{Name: w.text("consent.text"), Value: c.Text}, {Name: w.text("consent.at"), Value: c.At.Format(time.RFC3339)}}
	if c.Notice != "" {
		all = append(all, web.Pair{Name: w.text("consent.notice"), Value: c.Notice})
	}
	if c.Page != "" {
		all = append(all, web.Pair{Name: w.text("consent.page"), Value: c.Page})
	}
	return all
}

// rectified tells which fields are others in EasyBroker.
func (w words) rectified(l lead.Lead) string {
	fields := l.Rectified()
	if len(fields) == 0 {
		return ""
	}
	labels := make([]string, len(fields))
	for i, f := range fields {
		labels[i] = w.text("field.label." + string(f))
	}
	return w.text("note.rectified", strings.Join(labels, ", "))
}

// marks are the names of context that only the relay sets. Each has a note.
var marks = []string{"ambiguous", "sanitized", "phone_typed"}

// extras returns what else came with the inquiry: where it came from, then the other
// fields of the form, in its order.
func (w words) extras(l lead.Lead) []web.Pair {
	var all []web.Pair
	for _, name := range slices.Sorted(maps.Keys(l.Context)) {
		if name == "ambiguous" || name == "sanitized" || name == "rectified" || name == "consent" {
			continue // its note or its own part says it
		}
		label := w.text("context." + name)
		if strings.HasPrefix(label, "context.") {
			label = name
		}
		all = append(all, web.Pair{Name: label, Value: l.Context[name]})
	}
	for _, e := range l.Extra {
		all = append(all, web.Pair{Name: e.Name, Value: e.Value})
	}
	return all
}

// notes tells what was ambiguous in an inquiry, or was changed.
func (w words) notes(l lead.Lead) []string {
	var all []string
	for _, mark := range marks {
		if l.Context[mark] != "" {
			all = append(all, w.text("note."+mark))
		}
	}
	if meant := l.MeantEmail(); meant != "" {
		all = append(all, w.text("note.mistyped", meant))
	}
	return all
}

// showEdit shows the form that changes a lead.
func (p *Pages) showEdit(w http.ResponseWriter, r *http.Request) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	l, _, err := p.findOne(r.Context(), id)
	if err != nil {
		return err
	}
	if err := l.Edit(nil, lead.Rules{}); err != nil {
		return moveProblem(r, err)
	}
	return p.writeEdit(w, r, l, nil)
}

// saveEdit changes the fields of a lead. If one is wrong, the form comes back with what
// was typed.
func (p *Pages) saveEdit(w http.ResponseWriter, r *http.Request) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	if err := checkBody(w, r); err != nil {
		return err
	}
	changes := map[lead.Field]string{}
	for _, f := range lead.Fields() {
		if values, ok := r.PostForm[string(f)]; ok && len(values) == 1 {
			changes[f] = values[0]
		}
	}
	_, err = p.amend(access.Doing(r.Context(), access.DidEdit), id, p.edited(changes))
	if invalid := (*lead.InvalidError)(nil); errors.As(err, &invalid) {
		l, _, err := p.findOne(r.Context(), id)
		if err != nil {
			return err
		}
		for f, value := range changes {
			l.Set(f, value)
		}
		return p.writeEdit(w, r, l, invalid.Fields)
	}
	if err != nil {
		return moveProblem(r, err)
	}
	return redirect(w, withNotice("/leads/"+id.String(), "edit"))
}

func (p *Pages) writeEdit(w http.ResponseWriter, r *http.Request, l lead.Lead, wrong []lead.FieldError) error {
	t := wordsFor(r)
	page := web.EditPage{Frame: p.frame(r, "/leads"), ID: int64(l.RemoteID), Who: t.row(l).Who, Hint: t.text("edit.hint")}
	if l.IsTaken() {
		page.Hint = t.text("edit.taken")
	}
	page.Back = "/leads/" + l.RemoteID.String() + "/edit"
	isFirst := true
	for _, f := range lead.Fields() {
		if l.IsTaken() && f == lead.PropertyID {
			continue // it must stay
		}
		field := web.EditField{Key: string(f), Value: l.Get(f)}
		for _, e := range wrong {
			if e.Field == f {
				field.Error, field.Focus, isFirst = wrongField(t.lang, e).Message, isFirst, false
			}
		}
		page.Fields = append(page.Fields, field)
	}
	status := http.StatusOK
	if len(wrong) > 0 {
		status, page.Summary = problem.New(problem.Invalid, nil).Status, t.count("edit.wrong", len(wrong))
	}
	return writePage(w, r, status, func(b io.Writer, _ locale.Lang) error { return web.RenderEdit(b, page) })
}
