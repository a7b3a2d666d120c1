package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/problem"
)

// PeopleStore is the part of the store that forgets people.
type PeopleStore interface {
	ErasePerson(ctx context.Context, ids []lead.RemoteID, may func(*lead.Lead) bool) ([]lead.RemoteID, error)
}

// maxPersonLeads is how many leads of a person are seen to at once: more than anybody has,
// but for robots. The rest is counted.
const maxPersonLeads = 10_000

// personTimeout is how long the search for a person may take.
const personTimeout = 30 * time.Second

// personLeads are what there is of a person.
type personLeads struct {
	leads     []lead.Lead     // newest first; without what the visitor wrote
	mentioned []lead.RemoteID // leads of others that mention the address or the phone
	leftOut   int
}

// FindPerson finds all leads of a person, a page at a time, by the search index: it finds
// all that mention the address or the phone, and some more.
func (s sight) FindPerson(ctx context.Context, p lead.Person) (found personLeads, err error) {
	if _, err := access.Check(ctx, access.Own); err != nil {
		return found, err
	}
	f := lead.Filter{Text: p.Text(), Limit: maxLimit}
	for more := true; more; {
		var page []lead.Lead
		if page, more, err = s.List(ctx, f); err != nil {
			return found, err
		}
		for i := range page {
			l := &page[i]
			f.Below = l.RemoteID
			switch {
			case len(found.leads)+len(found.mentioned) >= maxPersonLeads:
				found.leftOut++
			case p.Has(&l.Inquiry):
				found.leads = append(found.leads, lead.Lead{RemoteID: l.RemoteID, State: l.State, ReceivedAt: l.ReceivedAt, Inquiry: lead.Inquiry{Site: l.Site}})
			case l.Mentions(p.Text()):
				found.mentioned = append(found.mentioned, l.RemoteID)
			}
		}
	}
	return found, nil
}

// ErasePerson erases what a person wrote in the leads, which must still be theirs. Those on
// their way are passed over unless forced.
func (s sight) ErasePerson(ctx context.Context, p lead.Person, leads []lead.Lead, force bool) ([]lead.RemoteID, error) {
	by, err := access.Check(ctx, access.Own)
	if err != nil {
		return nil, err
	}
	ids := make([]lead.RemoteID, len(leads))
	for i := range leads {
		ids[i] = leads[i].RemoteID
	}
	return s.all.ErasePerson(ctx, ids, func(l *lead.Lead) bool {
		return by.Sees(l.Site) && p.Has(&l.Inquiry) && (force || !l.IsOnItsWay())
	})
}

// PersonExport is all that is kept of a person.
type PersonExport struct {
	Leads       []LeadDetail    `json:"leads"`
	MentionedIn []lead.RemoteID `json:"mentioned_in"` // leads of others
	LeftOut     int             `json:"left_out"`
}

// The verdicts of an erasure.
const (
	erasedVerdict  = "erased"
	wouldBeErased  = "would be erased"
	onItsWay       = "on its way"
	changedVerdict = "changed" // since it was found
)

// Erasure is what became of the leads of a person, or would.
type Erasure struct {
	DryRun bool         `json:"dry_run"`
	Leads  []ErasedLead `json:"leads"`
	// MentionedIn are leads of others that mention the address or the phone. They stay.
	MentionedIn []lead.RemoteID `json:"mentioned_in"`
	LeftOut     int             `json:"left_out"`
}

// ErasedLead is a lead of a person.
type ErasedLead struct {
	RemoteID lead.RemoteID `json:"remote_id"`
	Site     string        `json:"site"`
	State    lead.State    `json:"state"`
	Verdict  string        `json:"verdict"`
}

// readPerson parses who is meant, beside the other fields of the body.
func readPerson(w http.ResponseWriter, r *http.Request, known jsonFields) (p lead.Person, err error) {
	var email, phone string
	known["email"] = parseText(func(s string) { email = s })
	known["phone"] = parseText(func(s string) { phone = s })
	if err := readBody(w, r, known); err != nil {
		return p, err
	}
	wrong := func(f lead.Field, code lead.Code) error {
		return invalid(r, &lead.InvalidError{Fields: []lead.FieldError{{Field: f, Code: code}}})
	}
	switch {
	case (email == "") == (phone == ""):
		return p, wrong(lead.Email, lead.Missing) // either, and not both
	case email != "":
		if p, err = lead.PersonByEmail(email); err != nil {
			return p, wrong(lead.Email, codeInvalid)
		}
	default:
		if p, err = lead.PersonByPhone(phone); err != nil {
			return p, wrong(lead.Phone, codeInvalid)
		}
	}
	return p, nil
}

// person finds what there is of a person.
func (a api) person(ctx context.Context, p lead.Person) (personLeads, error) {
	ctx, cancel := context.WithTimeout(ctx, personTimeout)
	defer cancel()
	free, err := acquire(ctx, a.searches)
	if err != nil {
		return personLeads{}, err
	}
	defer free()
	found, err := a.store.FindPerson(ctx, p)
	if err != nil {
		return found, storeProblem(ctx, err)
	}
	return found, nil
}

// exportPerson answers all that is kept of a person.
func (a api) exportPerson(w http.ResponseWriter, r *http.Request) error {
	p, err := readPerson(w, r, jsonFields{})
	if err != nil {
		return err
	}
	extendDeadlines(w)
	all, err := a.kept(r.Context(), p)
	if err != nil {
		return err
	}
	return writeJSON(w, all)
}

// kept returns all that is kept of a person, and notes that it was shown.
func (a api) kept(ctx context.Context, p lead.Person) (PersonExport, error) {
	found, err := a.person(ctx, p)
	if err != nil {
		return PersonExport{}, err
	}
	ids, sites := make([]lead.RemoteID, len(found.leads)), []string{}
	for i, l := range found.leads {
		if ids[i] = l.RemoteID; !slices.Contains(sites, l.Site) {
			sites = append(sites, l.Site)
		}
	}
	if err := a.store.Note(ctx, access.Entry{What: access.DidExportPerson, Sites: sites, RemoteIDs: ids}); err != nil {
		return PersonExport{}, storeProblem(ctx, err)
	}
	details := make([]LeadDetail, 0, len(ids))
	for _, id := range ids {
		l, attempts, err := a.findOne(ctx, id)
		if err != nil && problem.From(err).Code == problem.NotFound {
			continue // it is gone meanwhile
		}
		if err != nil {
			return PersonExport{}, err
		}
		details = append(details, a.detail(ctx, l, attempts))
	}
	return PersonExport{Leads: details, MentionedIn: append([]lead.RemoteID{}, found.mentioned...), LeftOut: found.leftOut}, nil
}

// erasePerson erases what a person wrote, or says what that would do.
func (a api) erasePerson(w http.ResponseWriter, r *http.Request) error {
	var dryRun, force bool
	p, err := readPerson(w, r, jsonFields{"dry_run": parseInto(&dryRun), "force": parseInto(&force)})
	if err != nil {
		return err
	}
	extendDeadlines(w)
	found, err := a.person(r.Context(), p)
	if err != nil {
		return err
	}
	answer := Erasure{DryRun: dryRun, Leads: []ErasedLead{}, MentionedIn: append([]lead.RemoteID{}, found.mentioned...), LeftOut: found.leftOut}
	var erased []lead.RemoteID
	if !dryRun {
		if erased, err = a.store.ErasePerson(r.Context(), p, found.leads, force); err != nil {
			return storeProblem(r.Context(), err)
		}
	}
	for _, l := range found.leads {
		one := ErasedLead{RemoteID: l.RemoteID, Site: l.Site, State: l.State, Verdict: changedVerdict}
		switch {
		case slices.Contains(erased, l.RemoteID):
			one.Verdict = erasedVerdict
		case l.IsOnItsWay() && !force:
			one.Verdict = onItsWay
		case dryRun:
			one.Verdict = wouldBeErased
		}
		answer.Leads = append(answer.Leads, one)
	}
	return writeJSON(w, answer)
}
