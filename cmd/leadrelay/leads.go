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
	"strings"
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
	Edit    leadsEditCmd    `cmd:"" help:"Correct a lead that waits for a person, which a retry sends, or that has arrived, which is to be corrected in EasyBroker, too."`
	Watch   leadsWatchCmd   `cmd:"" help:"Print each lead that comes in or changes its state, until it is interrupted."`
	Export  leadsExportCmd  `cmd:"" help:"Export leads as a table for a spreadsheet, or as JSON."`
	Replay  leadsReplayCmd  `cmd:"" help:"Send many leads again that EasyBroker's list does not have."`
}

// leadsFilter has the flags that select leads.
type leadsFilter struct {
	Site     string `help:"Only leads of this site."`
	State    string `help:"Only leads in this state: ${states}."`
	Property string `help:"Only leads about this property."`
	Query    string `name:"q" help:"Only leads with this text in the folio, the property or what the visitor wrote."`
	After    string `help:"Only leads received from this time on: 2026-11-28, 2026-11-28T10:00 (both local), 2026-11-28T10:00:00-06:00, or how long ago, as 36h or 7d."`
	Before   string `help:"Only leads received before this time; a date is its first moment."`
}

// parameters returns the filter as parameters of the operator's API. The error names
// everything that is wrong.
func (f leadsFilter) parameters() (map[string]string, error) {
	parameters := map[string]string{"site": f.Site, "state": f.State, "property_id": f.Property, "q": f.Query}
	var wrong []error
	if f.State != "" && !slices.Contains(lead.States(), lead.State(f.State)) {
		wrong = append(wrong, errors.New("--state wants one of "+states()))
	}
	now := time.Now()
	var after, before time.Time
	for _, one := range []struct {
		name, given string
		read        *time.Time
	}{{"after", f.After, &after}, {"before", f.Before, &before}} {
		if one.given == "" {
			continue
		}
		var err error
		if *one.read, err = parseTime("--"+one.name, one.given, now); err != nil {
			wrong = append(wrong, err)
		}
		parameters[one.name] = one.read.UTC().Format(time.RFC3339Nano)
	}
	if len(wrong) == 0 && f.After != "" && f.Before != "" && !after.Before(before) {
		wrong = append(wrong, fmt.Errorf("nothing lies between --after %s and --before %s; a date is its first moment", formatTime(&after), formatTime(&before)))
	}
	maps.DeleteFunc(parameters, func(_, value string) bool { return value == "" })
	return parameters, errors.Join(wrong...)
}

func states() string {
	names := make([]string, 0, len(lead.States()))
	for _, s := range lead.States() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// listFilter has the flags that select leads to be shown.
type listFilter struct {
	leadsFilter

	Notice string `help:"Only leads whose visitor has agreed to what has this text, such as the address of a privacy notice."`
}

// ask returns the operator's door and the query of the filter, if its site is there.
func (f listFilter) ask(p *program) (operator, url.Values, error) {
	op, query, err := f.leadsFilter.ask(p)
	if err == nil && f.Notice != "" {
		query.Set("notice", f.Notice)
	}
	return op, query, err
}

type leadsListCmd struct {
	listFilter

	Limit int  `default:"50" help:"How many at most."`
	JSON  bool `name:"json" help:"Print JSON."`
}

// ask returns the operator's door and the query of the filter, if its site is there.
func (f leadsFilter) ask(p *program) (operator, url.Values, error) {
	parameters, err := f.parameters()
	if err != nil {
		return operator{}, nil, err
	}
	op, err := p.operator()
	if err != nil {
		return operator{}, nil, err
	}
	query := url.Values{}
	for name, value := range parameters {
		query.Set(name, value)
	}
	return op, query, op.checkSite(p.ctx, f.Site)
}

// Validate implements kong's check of the command line.
func (c leadsListCmd) Validate() error {
	_, err := c.parameters()
	if c.Limit < 1 {
		err = errors.Join(err, errors.New("--limit wants a number above zero"))
	}
	return err
}

// Run prints a table, or JSON.
func (c leadsListCmd) Run(p *program) error {
	op, query, err := c.ask(p)
	if err != nil {
		return err
	}
	if c.JSON {
		return listAsJSON(p, op, query, c.Limit)
	}
	zone := time.Now().Format("MST")
	t := leadTable(p.stdout, zone)
	_, err = op.list(p.ctx, query, c.Limit, func(leads []console.Lead) error {
		rows := make([][]string, len(leads))
		for i, l := range leads {
			rows[i] = []string{
				l.RemoteID.String(), formatMinute(l.ReceivedAt, zone), string(l.State), l.Site, oneLine(l.PropertyID),
				oneLine(l.Name), oneLine(l.Email), oneLine(l.Phone), oneLine(l.Reason),
			}
		}
		return t.page(rows)
	})
	return err
}

func leadTable(out io.Writer, zone string) *table {
	width, _ := terminalWidth(out)
	return &table{out: out, width: width, columns: []column{
		{name: "FOLIO"}, {name: "RECEIVED (" + zone + ")"}, {name: "STATE"}, {name: "SITE", isOptional: areEqual}, {name: "PROPERTY"},
		{name: "NAME", cut: true}, {name: "EMAIL", cut: true}, {name: "PHONE"}, {name: "REASON", cut: true, isOptional: areEmpty},
	}}
}

func areEmpty(cells []string) bool {
	return !slices.ContainsFunc(cells, func(s string) bool { return s != "" })
}

func areEqual(cells []string) bool {
	return !slices.ContainsFunc(cells, func(s string) bool { return s != cells[0] })
}

// formatMinute returns a time to the minute. It adds the zone if it is not the one in
// the table's head, as before a change to summer time.
func formatMinute(t *time.Time, zone string) string {
	if t == nil {
		return ""
	}
	form := "2006-01-02 15:04"
	if t.Local().Format("MST") != zone {
		form += " MST"
	}
	return t.Local().Format(form)
}

// listAsJSON prints all leads as one page, each as soon as it arrives.
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

// folio is the argument of one folio. Groups of its digits may be separate arguments.
type folio struct {
	RemoteID []string `arg:"" name:"folio" help:"The folio (remote_id in JSON and in the log); spaces between its digits are fine."`
}

func (f folio) id() (lead.RemoteID, error) {
	for i, group := range f.RemoteID {
		if i > 0 && len(group) != 3 {
			return 0, errors.New("this command takes one folio; write it in one word, or in groups of three digits")
		}
	}
	return lead.ParseRemoteID(strings.Join(f.RemoteID, " "))
}

type leadsShowCmd struct {
	folio

	JSON bool `name:"json" help:"Print JSON."`
}

// Validate implements kong's check of the command line.
func (c leadsShowCmd) Validate() error {
	_, err := c.id()
	return err
}

// Run prints one lead.
func (c leadsShowCmd) Run(p *program) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	var s console.LeadDetail
	if err := op.get(p.ctx, "/api/v1/leads/"+id.String(), &s); err != nil {
		return withFolio(id, err)
	}
	return printDetail(p.stdout, s, c.JSON)
}

func printDetail(w io.Writer, s console.LeadDetail, asJSON bool) error {
	if asJSON {
		return printJSON(w, s)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range slices.Concat(leadRows(s), extraRows(s)) {
		if row[1] != "" {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
		}
	}
	if s.LeftOut > 0 {
		_, _ = fmt.Fprintf(table, "attempts\t%d, %d of them not kept\n", len(s.Attempts)+s.LeftOut, s.LeftOut)
	}
	for _, a := range s.Attempts {
		_, _ = fmt.Fprintf(table, "attempt %d\t%s  %s  %s\n", a.Number, formatTime(a.BegunAt), oneLine(a.Outcome), oneLine(a.Detail))
	}
	return table.Flush()
}

func leadRows(s console.LeadDetail) [][2]string {
	rows := [][2]string{
		{"folio", web.Folio(int64(s.RemoteID))},
		{"state", string(s.State)},
		{"reason", oneLine(s.Reason)},
		{"waits for", waitsFor(s)},
		{"site", s.Site},
	}
	for _, f := range lead.Fields() {
		rows = append(rows, [2]string{rowName(f), oneLine(s.Get(f))})
	}
	return append(rows, [][2]string{
		{"ambiguous", s.Context["ambiguous"]}, // set by the relay alone, never by a form
		{"received", formatTime(s.ReceivedAt)},
		{"next attempt", formatTime(s.NextAttemptAt)},
		{"delivered", formatTime(s.DeliveredAt)},
		{"confirmed", formatTime(s.ConfirmedAt)},
	}...)
}

// waitsFor says why the lead waits, if that is not about the lead itself.
func waitsFor(s console.LeadDetail) string {
	if s.WaitsFor == nil {
		return ""
	}
	return "its site: " + describeStanding(*s.WaitsFor)
}

func rowName(f lead.Field) string {
	switch f {
	case lead.PropertyID:
		return "property"
	case lead.Email:
		return "e-mail"
	default:
		return string(f)
	}
}

// extraRows returns the rows of context and extra fields. Their names begin with "with",
// because a form may use the name of one of our fields.
func extraRows(s console.LeadDetail) [][2]string {
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

// oneLine returns a text as one line that is safe for a terminal.
func oneLine(s *string) string {
	if s == nil {
		return ""
	}
	return lead.Line(*s)
}
