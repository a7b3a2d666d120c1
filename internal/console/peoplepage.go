package console

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// personOf returns who is meant by what was typed: an address has an at sign.
func personOf(who string) (lead.Person, error) {
	if strings.Contains(who, "@") {
		return lead.PersonByEmail(who)
	}
	return lead.PersonByPhone(who)
}

// showPeople asks for a person. Who they are stands in no address.
func (p *Pages) showPeople(w http.ResponseWriter, r *http.Request) error {
	page, err := p.peoplePage(r)
	if err != nil {
		return err
	}
	return writePeople(w, r, http.StatusOK, page)
}

func writePeople(w http.ResponseWriter, r *http.Request, status int, page web.PeoplePage) error {
	return writePage(w, r, status, func(b io.Writer, _ locale.Lang) error { return web.RenderPeople(b, page) })
}

// askedPerson returns the person of the form. If there is none, the page says so and isGood
// is false.
func (p *Pages) askedPerson(w http.ResponseWriter, r *http.Request) (person lead.Person, page web.PeoplePage, isGood bool, err error) {
	if err := checkBody(w, r); err != nil {
		return person, page, false, err
	}
	if page, err = p.peoplePage(r); err != nil {
		return person, page, false, err
	}
	page.Who = strings.TrimSpace(r.PostFormValue("who"))
	if person, err = personOf(page.Who); err != nil {
		page.Error = locale.Text(page.Lang, "people.wrong")
		return person, page, false, writePeople(w, r, problem.New(problem.Invalid, nil).Status, page)
	}
	return person, page, true, nil
}

// findPeople shows what is kept of a person, and what blocking and erasing it would do.
func (p *Pages) findPeople(w http.ResponseWriter, r *http.Request) error {
	person, page, isGood, err := p.askedPerson(w, r)
	if err != nil || !isGood {
		return err
	}
	return p.writePerson(w, r, person, page)
}

func (p *Pages) writePerson(w http.ResponseWriter, r *http.Request, person lead.Person, page web.PeoplePage) error {
	const shown = 50
	extendDeadlines(w)
	found, err := p.person(r.Context(), person)
	if err != nil {
		return err
	}
	t := wordsFor(r)
	page.IsAsked, page.Title = true, t.count("people.leads", len(found.leads)+found.leftOut)
	for _, l := range found.leads[:min(len(found.leads), shown)] {
		one := web.PersonLead{Link: leadLink(l.RemoteID), State: string(l.State), Site: l.Site, Received: t.when(l.ReceivedAt)}
		if until, isBlocked := found.until[l.RemoteID]; isBlocked {
			one.Blocked = t.text("people.until", t.when(until).Text)
		}
		page.Leads = append(page.Leads, one)
	}
	for _, id := range found.mentioned[:min(len(found.mentioned), shown)] {
		page.Mentioned = append(page.Mentioned, leadLink(id))
	}
	for _, f := range []forgetting{blocking, unblocking, erasing} {
		if act, isThere := t.forgetAct(f, &found); isThere {
			page.Acts = append(page.Acts, act)
		}
	}
	return writePeople(w, r, http.StatusOK, page)
}

// forgetAct tells what blocking, unblocking or erasing a person would do, if there is anything
// that it could do.
func (w words) forgetAct(f forgetting, found *personLeads) (act web.PersonAct, isThere bool) {
	onWay, ready := 0, 0
	for _, l := range found.leads {
		switch f.passesOver(&l, false) {
		case onItsWay:
			onWay++
		case "":
			ready++
		}
	}
	key := "people." + f.name
	act = web.PersonAct{Name: f.name, Title: w.text(key), Button: w.text(key), IsGrave: f.name == erasing.name, Effects: []string{w.text(key + ".effect"), w.text(key + ".final")}}
	if ready > 0 {
		act.Button = w.count(key+".button", ready)
	}
	if onWay > 0 {
		act.Effects = append(act.Effects, w.count("people.way", onWay))
		act.Force = w.count(key+".force", onWay)
	}
	return act, onWay+ready > 0
}

func leadLink(id lead.RemoteID) web.Link {
	return web.Link{Text: web.Folio(int64(id)), URL: web.SafeURL("/leads/" + id.String())}
}

// exportPeople answers all that is kept of a person as a file.
func (p *Pages) exportPeople(w http.ResponseWriter, r *http.Request) error {
	person, _, isGood, err := p.askedPerson(w, r)
	if err != nil || !isGood {
		return err
	}
	extendDeadlines(w)
	all, err := p.kept(r.Context(), person)
	if err != nil {
		return err
	}
	problem.Guard(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="person.json"`)
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(all) // if it fails, the client has gone
	return nil
}

// forgetPeople returns the handler that erases, blocks or unblocks what a person wrote, and
// shows what is left.
func (p *Pages) forgetPeople(f forgetting) pageFunc {
	return func(w http.ResponseWriter, r *http.Request) error { return p.forgetByForm(w, r, f) }
}

func (p *Pages) forgetByForm(w http.ResponseWriter, r *http.Request, f forgetting) error {
	person, page, isGood, err := p.askedPerson(w, r)
	if err != nil || !isGood {
		return err
	}
	extendDeadlines(w)
	found, err := p.person(r.Context(), person)
	if err != nil {
		return err
	}
	done, err := p.store.ForgetPerson(r.Context(), f, person, found.leads, r.PostFormValue("force") == "true")
	if err != nil {
		return storeProblem(r.Context(), err)
	}
	page.Done = wordsFor(r).count("people."+f.done, len(done))
	p.counts.forget()
	return p.writePerson(w, r, person, page)
}
