package console

import (
	"context"
	"errors"
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
	BlockPerson(ctx context.Context, ids []lead.RemoteID, may func(*lead.Lead) bool) ([]lead.RemoteID, error)
	UnblockPerson(ctx context.Context, ids []lead.RemoteID, may func(*lead.Lead) bool) ([]lead.RemoteID, error)
	// Blocked calls do with all blocked leads, newest first, as they were.
	Blocked(ctx context.Context, do func(*lead.BlockedLead)) error
	FindBlocked(ctx context.Context, id lead.RemoteID) (lead.BlockedLead, []lead.Attempt, error)
}

// maxPersonLeads is how many leads of a person are seen to at once: more than anybody has,
// but for robots. The rest is counted.
const maxPersonLeads = 10_000

// personTimeout is how long the search for a person may take.
const personTimeout = 30 * time.Second

// personLeads are what there is of a person.
type personLeads struct {
	leads     []lead.Lead     // newest first, and then those that are blocked; without what the visitor wrote
	mentioned []lead.RemoteID // leads of others that mention the address or the phone
	leftOut   int

	until map[lead.RemoteID]time.Time // of those that are blocked: then they are erased
}

// add adds a lead if it is theirs, or mentions them.
func (f *personLeads) add(p lead.Person, l *lead.Lead) (isTheirs bool) {
	switch {
	case len(f.leads)+len(f.mentioned) >= maxPersonLeads:
		f.leftOut++
	case p.Has(&l.Inquiry):
		f.leads = append(f.leads, lead.Lead{RemoteID: l.RemoteID, State: l.State, Reason: l.Reason, ReceivedAt: l.ReceivedAt, Inquiry: lead.Inquiry{Site: l.Site}})
		return true
	case l.Mentions(p.Text()):
		f.mentioned = append(f.mentioned, l.RemoteID)
	}
	return false
}

// FindPerson finds all leads of a person, a page at a time, by the search index: it finds
// all that mention the address or the phone, and some more. What is blocked is not in it,
// and is read one by one.
func (s sight) FindPerson(ctx context.Context, p lead.Person) (found personLeads, err error) {
	by, err := access.Check(ctx, access.Own)
	if err != nil {
		return found, err
	}
	f := lead.Filter{Text: p.Text(), Limit: maxLimit}
	for more := true; more; {
		var page []lead.Lead
		if page, more, err = s.List(ctx, f); err != nil {
			return found, err
		}
		for i := range page {
			f.Below = page[i].RemoteID
			found.add(p, &page[i])
		}
	}
	found.until = map[lead.RemoteID]time.Time{}
	err = s.all.Blocked(ctx, func(b *lead.BlockedLead) {
		isNear := p.Has(&b.Inquiry) || b.Mentions(p.Text())
		if by.Sees(b.Site) && isNear && found.add(p, &b.Lead) {
			found.until[b.RemoteID] = b.Until
		}
	})
	return found, err
}

// FindBlocked returns a blocked lead as it was.
func (s sight) FindBlocked(ctx context.Context, id lead.RemoteID) (lead.BlockedLead, []lead.Attempt, error) {
	by, err := access.Check(ctx, access.Own)
	if err != nil {
		return lead.BlockedLead{}, nil, err
	}
	b, attempts, err := s.all.FindBlocked(ctx, id)
	if err == nil && !by.Sees(b.Site) {
		return lead.BlockedLead{}, nil, lead.ErrNotFound
	}
	return b, attempts, err
}

// forgetting is a way to forget a person, or to take that back: what it is called when it is
// done, and before, and what does it.
type forgetting struct {
	name, done, would string
	by                func(PeopleStore, context.Context, []lead.RemoteID, func(*lead.Lead) bool) ([]lead.RemoteID, error)
}

var (
	blocking   = forgetting{"block", "blocked", "would be blocked", PeopleStore.BlockPerson}
	unblocking = forgetting{"unblock", "unblocked", "would be unblocked", PeopleStore.UnblockPerson}
	erasing    = forgetting{"erase", "erased", "would be erased", PeopleStore.ErasePerson}
)

// passesOver says why a lead of the person stays as it is. It is empty if it does not.
func (f forgetting) passesOver(l *lead.Lead, force bool) string {
	switch isBlocked := l.IsBlocked(); {
	case f.name == unblocking.name && !isBlocked:
		return notBlocked
	case f.name == blocking.name && isBlocked:
		return blockedBefore
	case l.IsOnItsWay() && !force:
		return onItsWay
	}
	return ""
}

// ForgetPerson erases what a person wrote in the leads, which must still be theirs, or blocks
// it, or takes that back. Those on their way are passed over unless forced.
func (s sight) ForgetPerson(ctx context.Context, f forgetting, p lead.Person, leads []lead.Lead, force bool) ([]lead.RemoteID, error) {
	by, err := access.Check(ctx, access.Own)
	if err != nil {
		return nil, err
	}
	ids := make([]lead.RemoteID, len(leads))
	for i := range leads {
		ids[i] = leads[i].RemoteID
	}
	return f.by(s.all, ctx, ids, func(l *lead.Lead) bool {
		return by.Sees(l.Site) && p.Has(&l.Inquiry) && (force || !l.IsOnItsWay())
	})
}

// PersonExport is all that is kept of a person.
type PersonExport struct {
	Leads       []PersonLead    `json:"leads"`
	MentionedIn []lead.RemoteID `json:"mentioned_in"` // leads of others
	LeftOut     int             `json:"left_out"`
	Requests    []Request       `json:"requests"` // that have not ended
}

// PersonLead is a lead of a person, with all that is kept of it.
type PersonLead struct {
	LeadDetail

	BlockedUntil *time.Time `json:"blocked_until"` // null if it is not blocked
}

// The other verdicts of an erasure or a block.
const (
	onItsWay       = "on its way"
	blockedBefore  = "blocked before"
	notBlocked     = "not blocked"
	changedVerdict = "changed" // since it was found
)

// Erasure is what became of the leads of a person who is erased, blocked or unblocked, or would.
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
	details := make([]PersonLead, 0, len(ids))
	for _, id := range ids {
		one, err := a.personLead(ctx, id)
		if err != nil && problem.From(err).Code == problem.NotFound {
			continue // it is gone meanwhile
		}
		if err != nil {
			return PersonExport{}, err
		}
		details = append(details, one)
	}
	requests, err := a.openRequestsOf(ctx, p)
	if err != nil {
		return PersonExport{}, storeProblem(ctx, err)
	}
	return PersonExport{Leads: details, MentionedIn: append([]lead.RemoteID{}, found.mentioned...), LeftOut: found.leftOut, Requests: requests}, nil
}

// personLead returns all that is kept of a lead. A blocked one is as it was.
func (a api) personLead(ctx context.Context, id lead.RemoteID) (PersonLead, error) {
	l, attempts, err := a.findOne(ctx, id)
	if err != nil || !l.IsBlocked() {
		return PersonLead{LeadDetail: a.detail(ctx, l, attempts)}, err
	}
	b, attempts, err := a.store.FindBlocked(ctx, id)
	if errors.Is(err, lead.ErrNotFound) {
		return PersonLead{}, problem.NewNoLead(err) // it is erased meanwhile
	}
	if err != nil {
		return PersonLead{}, storeProblem(ctx, err)
	}
	return PersonLead{a.detail(ctx, b.Lead, attempts), timeOrNull(b.Until)}, nil
}

// forgetPerson returns the handler that erases, blocks or unblocks what a person wrote, or
// says what that would do.
func (a api) forgetPerson(f forgetting) problem.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error { return a.forget(w, r, f) }
}

func (a api) forget(w http.ResponseWriter, r *http.Request, f forgetting) error {
	var dryRun, force bool
	known := jsonFields{"dry_run": parseInto(&dryRun)}
	if f.name != unblocking.name {
		known["force"] = parseInto(&force)
	}
	p, err := readPerson(w, r, known)
	if err != nil {
		return err
	}
	extendDeadlines(w)
	found, err := a.person(r.Context(), p)
	if err != nil {
		return err
	}
	answer := Erasure{DryRun: dryRun, Leads: []ErasedLead{}, MentionedIn: append([]lead.RemoteID{}, found.mentioned...), LeftOut: found.leftOut}
	var done []lead.RemoteID
	if !dryRun {
		if done, err = a.store.ForgetPerson(r.Context(), f, p, found.leads, force); err != nil {
			return storeProblem(r.Context(), err)
		}
	}
	for _, l := range found.leads {
		one := ErasedLead{RemoteID: l.RemoteID, Site: l.Site, State: l.State, Verdict: f.passesOver(&l, force)}
		switch {
		case slices.Contains(done, l.RemoteID):
			one.Verdict = f.done
		case one.Verdict != "":
		case dryRun:
			one.Verdict = f.would
		default:
			one.Verdict = changedVerdict
		}
		answer.Leads = append(answer.Leads, one)
	}
	return writeJSON(w, answer)
}
