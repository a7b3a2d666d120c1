package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// peoplePage returns the page with what people have asked for, if whoever asks may know it.
func (p *Pages) peoplePage(r *http.Request) (web.PeoplePage, error) {
	page := web.PeoplePage{Frame: p.frame(r, "/people")}
	by, err := access.From(r.Context())
	if err != nil || by.Sites != nil {
		return page, err
	}
	all, err := p.store.Requests(r.Context())
	if err != nil {
		return page, storeProblem(r.Context(), err)
	}
	t := wordsFor(r)
	page.SeesRequests = true
	for _, kind := range lead.RequestKinds() {
		page.Kinds = append(page.Kinds, web.Choice{Value: string(kind), Label: t.text("request." + string(kind))})
	}
	const ended = 20 // and all others
	for i, one := range all {
		if !one.HasEnded() {
			page.Requests = append(page.Requests, t.request(one))
			continue
		}
		for _, one := range all[i:min(len(all), i+ended)] {
			page.Ended = append(page.Ended, t.request(one))
		}
		break
	}
	return page, nil
}

// request tells how a request stands, and how long there is for the next step.
func (w words) request(r lead.PersonRequest) web.RequestView {
	const soon = 5
	v := web.RequestView{
		ID: r.ID, Title: w.text("request.title", r.ID, w.text("request."+string(r.Kind))), Who: r.Who,
		State: w.text("request.state." + string(r.State)), Received: w.onDay(r.ReceivedAt), Ended: w.onDay(r.EndedAt),
	}
	for _, step := range lead.RequestSteps() {
		if r.Allows(step) {
			v.Steps = append(v.Steps, web.Choice{Value: string(step), Label: w.text("request.step." + string(step))})
		}
	}
	if r.HasEnded() {
		return v
	}
	key := "request.answer"
	if r.State == lead.RequestAccepted {
		key = "request.finish"
	}
	due, left := r.DueOn(w.now.Location()), r.WorkingDaysLeft(w.now)
	v.Due = w.text(key, due.Day(), w.text("date.month."+due.Month().String()), due.Year())
	switch {
	case left < 0:
		v.Left, v.Mark = w.count("request.late", -left), "late"
	case left <= soon:
		v.Left, v.Mark = w.count("request.left", left), "doubt"
	default:
		v.Left, v.Mark = w.count("request.left", left), "wait"
	}
	return v
}

// onDay returns the day of a time, or the time if that is today.
func (w words) onDay(t time.Time) web.When {
	at := w.when(t)
	if t.IsZero() {
		return at
	}
	if day := w.date(t.In(w.now.Location())); day != "" {
		at.Text = strings.TrimSpace(day)
	}
	return at
}

// openRequestByForm keeps a request of a person.
func (p *Pages) openRequestByForm(w http.ResponseWriter, r *http.Request) error {
	person, page, isGood, err := p.askedPerson(w, r)
	if err != nil || !isGood {
		return err
	}
	one := lead.PersonRequest{Kind: lead.RequestKind(r.PostFormValue("kind")), Who: person.Text(), ReceivedAt: time.Now()}
	if day := strings.TrimSpace(r.PostFormValue("received")); day != "" {
		one.ReceivedAt, err = time.ParseInLocation(time.DateOnly, day, time.Local)
	}
	if err != nil || one.ReceivedAt.After(time.Now()) || !slices.Contains(lead.RequestKinds(), one.Kind) {
		page.RequestError = wordsFor(r).text("request.wrong")
		return writePeople(w, r, problem.New(problem.Invalid, nil).Status, page)
	}
	added, err := p.store.AddRequest(r.Context(), one)
	if err != nil {
		return storeProblem(r.Context(), err)
	}
	return redirect(w, "/people#request-"+strconv.FormatInt(added.ID, 10))
}

// stepRequestByForm takes a step with a request.
func (p *Pages) stepRequestByForm(w http.ResponseWriter, r *http.Request) error {
	if err := checkBody(w, r); err != nil {
		return err
	}
	if _, err := p.takeStep(r); err != nil {
		return err
	}
	return redirect(w, "/people")
}
