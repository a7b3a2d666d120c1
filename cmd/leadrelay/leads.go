package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"text/tabwriter"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/web"
)

type leadsCmd struct {
	List    leadsListCmd    `cmd:"" help:"List leads, newest first."`
	Show    leadsShowCmd    `cmd:"" help:"Show one lead and its attempts."`
	Retry   leadsRetryCmd   `cmd:"" help:"Send leads that failed or were discarded."`
	Release leadsReleaseCmd `cmd:"" help:"Send leads that looked like spam and are none."`
	Discard leadsDiscardCmd `cmd:"" help:"Throw leads away that failed or look like spam; a retry brings them back."`
	Edit    leadsEditCmd    `cmd:"" help:"Correct a lead that waits for a person; a retry sends it."`
	Replay  leadsReplayCmd  `cmd:"" help:"Send many leads again that EasyBroker's list does not have."`
}

// leadsFilter says which leads are meant.
type leadsFilter struct {
	Site     string `help:"Only leads of this site."`
	State    string `help:"Only leads in this state: queued, sending, doubtful, delivered, confirmed, failed, quarantined, discarded."`
	Property string `help:"Only leads about this property."`
	Query    string `name:"q" help:"Only leads with this text in the folio, the property or what the visitor wrote."`
	After    string `help:"Only leads received from this time on, as 2026-11-24T10:00:00Z."`
	Before   string `help:"Only leads received before this time."`
}

// words are the filter in the words of the operator's API.
func (f leadsFilter) words() map[string]string {
	words := map[string]string{
		"site": f.Site, "state": f.State, "property_id": f.Property, "q": f.Query, "after": f.After, "before": f.Before,
	}
	maps.DeleteFunc(words, func(_, value string) bool { return value == "" })
	return words
}

type leadsListCmd struct {
	leadsFilter

	Limit int  `default:"50" help:"How many at most."`
	JSON  bool `name:"json" help:"Print JSON."`
}

// Validate is asked while the command line is read.
func (c leadsListCmd) Validate() error {
	if c.Limit < 1 {
		return errors.New("--limit wants a number above zero")
	}
	return nil
}

// Run prints a table, or JSON.
func (c leadsListCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range c.words() {
		query.Set(name, value)
	}
	if c.JSON {
		return listAsJSON(p, op, query, c.Limit)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "FOLIO\tRECEIVED\tSTATE\tSITE\tPROPERTY\tNAME\tREASON")
	_, err = op.list(p.ctx, query, c.Limit, func(leads []console.Lead) error {
		for _, l := range leads {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", web.Folio(int64(l.RemoteID)), local(l.ReceivedAt), l.State,
				l.Site, plain(l.PropertyID), plain(l.Name), plain(l.Reason))
		}
		return table.Flush()
	})
	return err
}

// listAsJSON prints one page of all leads, each when it has come.
func listAsJSON(p *program, op operator, query url.Values, limit int) error {
	out, n := bufio.NewWriter(p.stdout), 0
	cursor, err := op.list(p.ctx, query, limit, func(leads []console.Lead) error {
		for _, l := range leads {
			text, err := json.MarshalIndent(l, "    ", "  ")
			if err != nil {
				return err
			}
			between := ",\n    "
			if n == 0 {
				between = "{\n  \"leads\": [\n    "
			}
			n++
			_, _ = out.WriteString(between)
			_, _ = out.Write(text)
		}
		return out.Flush()
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return printJSON(p.stdout, console.Page{Leads: []console.Lead{}, NextCursor: cursor})
	}
	next, err := json.Marshal(cursor)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\n  ],\n  \"next_cursor\": %s\n}\n", next)
	return out.Flush()
}

type leadsShowCmd struct {
	RemoteID string `arg:"" name:"remote_id" help:"The folio; spaces between its digits are fine in quotes."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Validate is asked while the command line is read.
func (c leadsShowCmd) Validate() error {
	_, err := lead.ParseRemoteID(c.RemoteID)
	return err
}

// Run prints what is known of one lead.
func (c leadsShowCmd) Run(p *program) error {
	id, err := lead.ParseRemoteID(c.RemoteID)
	if err != nil {
		return err
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	var s console.Story
	if err := op.get(p.ctx, "/api/v1/leads/"+id.String(), &s); err != nil {
		return err
	}
	return printStory(p.stdout, s, c.JSON)
}

func printStory(w io.Writer, s console.Story, asJSON bool) error {
	if asJSON {
		return printJSON(w, s)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range slices.Concat(storyRows(s), besideRows(s)) {
		if row[1] != "" {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
		}
	}
	for _, a := range s.Attempts {
		_, _ = fmt.Fprintf(table, "attempt %d\t%s  %s  %s\n", a.Number, local(a.BegunAt), plain(a.Outcome), plain(a.Detail))
	}
	return table.Flush()
}

func storyRows(s console.Story) [][2]string {
	return [][2]string{
		{"folio", web.Folio(int64(s.RemoteID))},
		{"state", string(s.State)},
		{"reason", plain(s.Reason)},
		{"site", s.Site},
		{"property", plain(s.PropertyID)},
		{"ambiguous", s.Context["ambiguous"]}, // the relay's own word: no form can set it
		{"name", plain(s.Name)},
		{"e-mail", plain(s.Email)},
		{"phone", plain(s.Phone)},
		{"message", plain(s.Message)},
		{"received", local(s.ReceivedAt)},
		{"next attempt", local(s.NextAttemptAt)},
		{"delivered", local(s.DeliveredAt)},
		{"confirmed", local(s.ConfirmedAt)},
	}
}

// besideRows are what came with the lead beside its own fields. Their names are
// the form's, so none of them can pass for one of ours.
func besideRows(s console.Story) [][2]string {
	var rows [][2]string
	for _, name := range slices.Sorted(maps.Keys(s.Context)) {
		if name == "ambiguous" {
			continue
		}
		rows = append(rows, [2]string{"with " + lead.Line(name), lead.Line(s.Context[name])})
	}
	for _, p := range s.Extra {
		rows = append(rows, [2]string{"with " + lead.Line(p.Name), lead.Line(p.Value)})
	}
	return rows
}

// plain is a text of one line, fit for a terminal.
func plain(s *string) string {
	if s == nil {
		return ""
	}
	return lead.Line(*s)
}

func local(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
