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
	return writePeople(w, r, http.StatusOK, web.PeoplePage{Frame: p.frame(r, "/people")})
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
	page = web.PeoplePage{Frame: p.frame(r, "/people"), Who: strings.TrimSpace(r.PostFormValue("who"))}
	if person, err = personOf(page.Who); err != nil {
		page.Error = locale.Text(page.Lang, "people.wrong")
		return person, page, false, writePeople(w, r, problem.New(problem.Invalid, nil).Status, page)
	}
	return person, page, true, nil
}

// findPeople shows what is kept of a person, and what erasing it would do.
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
	t, onWay := wordsFor(r), 0
	page.IsAsked, page.Title = true, t.count("people.leads", len(found.leads)+found.leftOut)
	for i, l := range found.leads {
		if l.IsOnItsWay() {
			onWay++
		}
		if i < shown {
			page.Leads = append(page.Leads, web.PersonLead{
				Link: leadLink(l.RemoteID), State: string(l.State), Site: l.Site, Received: t.when(l.ReceivedAt),
			})
		}
	}
	for _, id := range found.mentioned[:min(len(found.mentioned), shown)] {
		page.Mentioned = append(page.Mentioned, leadLink(id))
	}
	if len(found.leads) > 0 {
		page.Button = t.text("people.erase")
		if n := len(found.leads) - onWay; n > 0 {
			page.Button = t.count("people.button", n)
		}
		page.Effects = []string{t.text("people.effect"), t.text("people.final")}
	}
	if onWay > 0 {
		page.Effects = append(page.Effects, t.count("people.way", onWay))
		page.Force = t.count("people.force", onWay)
	}
	return writePeople(w, r, http.StatusOK, page)
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

// erasePeople erases what a person wrote, and shows what is left.
func (p *Pages) erasePeople(w http.ResponseWriter, r *http.Request) error {
	person, page, isGood, err := p.askedPerson(w, r)
	if err != nil || !isGood {
		return err
	}
	extendDeadlines(w)
	found, err := p.person(r.Context(), person)
	if err != nil {
		return err
	}
	erased, err := p.store.ErasePerson(r.Context(), person, found.leads, r.PostFormValue("force") == "true")
	if err != nil {
		return storeProblem(r.Context(), err)
	}
	page.Done = wordsFor(r).count("people.done", len(erased))
	p.counts.forget()
	return p.writePerson(w, r, person, page)
}
