package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/web"
)

// leadsMove is what the verbs that move leads have in common.
type leadsMove struct {
	RemoteIDs []string `arg:"" name:"remote_id" help:"The folios; spaces between the digits of one are fine in quotes."`
	JSON      bool     `name:"json" help:"Print JSON."`
}

// Validate is asked while the command line is read.
func (c leadsMove) Validate() error {
	_, err := parseIDs(c.RemoteIDs)
	return err
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

// moved are the leads that have moved.
type moved struct {
	Leads []console.Story `json:"leads"`
}

// run moves one lead after the other. One that cannot be moved keeps no other
// from it; its reason is told at the end.
func (c leadsMove) run(p *program, verb string, body any) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	ids, err := parseIDs(c.RemoteIDs)
	if err != nil {
		return err
	}
	all := moved{Leads: []console.Story{}}
	var failed []error
	for _, id := range ids {
		var s console.Story
		if err := op.call(p.ctx, http.MethodPost, "/api/v1/leads/"+id.String()+"/"+verb, body, &s, usually); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", web.Folio(int64(id)), err))
			continue
		}
		all.Leads = append(all.Leads, s)
	}
	return errors.Join(append(failed, all.print(p.stdout, c.JSON))...)
}

func (m moved) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, m)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range m.Leads {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", web.Folio(int64(s.RemoteID)), s.State)
	}
	return table.Flush()
}

type leadsRetryCmd struct {
	leadsMove

	Force bool `help:"Also send leads again that EasyBroker has taken: they arrive a second time."`
}

// Run queues the leads.
func (c leadsRetryCmd) Run(p *program) error {
	return c.run(p, "retry", map[string]bool{"force": c.Force})
}

type leadsReleaseCmd struct{ leadsMove }

// Run queues the leads.
func (c leadsReleaseCmd) Run(p *program) error { return c.run(p, "release", nil) }

type leadsDiscardCmd struct{ leadsMove }

// Run throws the leads away.
func (c leadsDiscardCmd) Run(p *program) error { return c.run(p, "discard", nil) }

type leadsEditCmd struct {
	RemoteID string  `arg:"" name:"remote_id" help:"The folio; spaces between its digits are fine in quotes."`
	Property *string `help:"The property's id."`
	Name     *string `help:"The visitor's name; an empty text takes it away, here and below."`
	Email    *string `help:"The visitor's e-mail."`
	Phone    *string `help:"The visitor's phone."`
	Message  *string `help:"What the visitor wrote."`
	JSON     bool    `name:"json" help:"Print JSON."`
}

// Validate is asked while the command line is read.
func (c leadsEditCmd) Validate() error {
	if len(c.changes()) == 0 {
		return errors.New("name at least one of --property, --name, --email, --phone, --message")
	}
	_, err := lead.ParseRemoteID(c.RemoteID)
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
	id, err := lead.ParseRemoteID(c.RemoteID)
	if err != nil {
		return err
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	var s console.Story
	if err := op.call(p.ctx, http.MethodPatch, "/api/v1/leads/"+id.String(), c.changes(), &s, usually); err != nil {
		return err
	}
	return printStory(p.stdout, s, c.JSON)
}
