package main

import (
	"errors"
	"fmt"
	"net/http"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// leadsMove has the arguments and flags of the verbs that move leads.
type leadsMove struct {
	leadsOrder

	RemoteIDs []string `arg:"" optional:"" name:"folio" help:"The folios; spaces between the digits of one are fine in quotes."`
	JSON      bool     `name:"json" help:"Print JSON."`
}

// Validate implements kong's check of the command line.
func (c leadsMove) Validate() error {
	_, err := parseIDs(c.RemoteIDs)
	return errors.Join(err, c.validate(len(c.RemoteIDs) > 0))
}

func parseIDs(words []string) ([]lead.RemoteID, error) {
	ids := make([]lead.RemoteID, len(words))
	for i, word := range words {
		var err error
		if ids[i], err = lead.ParseRemoteID(word); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// moved has the leads that were moved.
type moved struct {
	Leads []console.LeadDetail `json:"leads"`
}

// run moves one lead after the other and prints each at once. If one cannot be moved,
// it goes on and reports the reason at the end. All leads of a filter are a job.
func (c leadsMove) run(p *program, verb lead.JobVerb, body any) error {
	if c.All {
		return c.order(p, verb, c.JSON)
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	ids, err := parseIDs(c.RemoteIDs)
	if err != nil {
		return err
	}
	all := moved{Leads: []console.LeadDetail{}}
	var failed []error
	for _, id := range ids {
		var s console.LeadDetail
		err := op.call(p.ctx, http.MethodPost, "/api/v1/leads/"+id.String()+"/"+string(verb), body, &s, normalCall)
		if err != nil {
			failed = append(failed, withFolio(id, err))
			if refused, ok := errors.AsType[*refusedError](err); !ok || !refused.aboutLead() {
				break // the others would fail, too
			}
			continue
		}
		if all.Leads = append(all.Leads, s); !c.JSON {
			p.printf("%s  %s\n", s.RemoteID, s.State)
		}
	}
	if c.JSON {
		failed = append(failed, printJSON(p.stdout, all))
	}
	return errors.Join(failed...)
}

// withFolio adds the folio to an error that is about the lead.
func withFolio(id lead.RemoteID, err error) error {
	if refused, ok := errors.AsType[*refusedError](err); !ok || !refused.aboutLead() {
		return err
	}
	return fmt.Errorf("%s: %w", id, err)
}

type leadsRetryCmd struct {
	leadsMove

	Force bool `help:"Also send leads again that EasyBroker has taken: they arrive a second time."`
}

// Validate implements kong's check of the command line.
func (c leadsRetryCmd) Validate() error {
	err := c.leadsMove.Validate()
	if c.Force && c.All {
		err = errors.Join(err, errors.New("--force goes with folios alone"))
	}
	return err
}

// Run queues the leads.
func (c leadsRetryCmd) Run(p *program) error {
	return c.run(p, lead.JobRetry, map[string]bool{"force": c.Force})
}

type leadsReleaseCmd struct{ leadsMove }

// Run queues the leads.
func (c leadsReleaseCmd) Run(p *program) error { return c.run(p, lead.JobRelease, nil) }

type leadsDiscardCmd struct{ leadsMove }

// Run throws the leads away.
func (c leadsDiscardCmd) Run(p *program) error { return c.run(p, lead.JobDiscard, nil) }

type leadsEditCmd struct {
	folio

	Property *string `help:"The property's id."`
	Name     *string `help:"The visitor's name; an empty text takes it away, here and below."`
	Email    *string `help:"The visitor's e-mail."`
	Phone    *string `help:"The visitor's phone."`
	Message  *string `help:"What the visitor wrote."`
	JSON     bool    `name:"json" help:"Print JSON."`
}

// Validate implements kong's check of the command line.
func (c leadsEditCmd) Validate() error {
	if len(c.changes()) == 0 {
		return errors.New("name at least one of --property, --name, --email, --phone, --message")
	}
	_, err := c.id()
	return err
}

func (c leadsEditCmd) changes() map[lead.Field]string {
	changes := map[lead.Field]string{}
	for f, value := range map[lead.Field]*string{
		lead.PropertyID: c.Property, lead.Name: c.Name, lead.Email: c.Email, lead.Phone: c.Phone, lead.Message: c.Message,
	} {
		if value != nil {
			changes[f] = *value
		}
	}
	return changes
}

// Run changes the fields and prints the lead.
func (c leadsEditCmd) Run(p *program) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	var s console.LeadDetail
	if err := op.call(p.ctx, http.MethodPatch, "/api/v1/leads/"+id.String(), c.changes(), &s, normalCall); err != nil {
		return withFolio(id, err)
	}
	if err := printDetail(p.stdout, s, c.JSON); err != nil || c.JSON {
		return err
	}
	if fields := s.Context["rectified"]; fields != "" {
		p.printf("\nIt is changed here. EasyBroker has the old %s, and takes no corrections by program: correct it there, too\n", fields)
	}
	if s.State != lead.Failed {
		return nil
	}
	p.printf("\nIt is changed, and not sent yet: leadrelay leads retry %s\n", id)
	return nil
}
