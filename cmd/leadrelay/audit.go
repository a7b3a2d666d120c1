package main

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/web"
)

type auditCmd struct {
	Who    string `help:"Only what this token did."`
	What   string `help:"Only this deed, as the list calls it, such as retry or token.create."`
	Folio  string `help:"Only what was done to this lead."`
	After  string `help:"Only from this time on: a date, a time, or how long ago, as 36h or 7d."`
	Before string `help:"Only before this time."`
	Limit  int    `default:"50" help:"How many at most."`
	JSON   bool   `name:"json" help:"Print JSON, one entry to a line."`
}

// query returns the parameters of the API.
func (c auditCmd) query() (url.Values, error) {
	query := url.Values{"who": {c.Who}, "what": {c.What}}
	var wrong []error
	if c.Limit < 1 {
		wrong = append(wrong, errors.New("--limit wants a number above zero"))
	}
	if c.Folio != "" {
		id, err := lead.ParseRemoteID(c.Folio)
		wrong = append(wrong, err)
		query.Set("remote_id", id.String())
	}
	for name, value := range map[string]string{"after": c.After, "before": c.Before} {
		if value != "" {
			at, err := parseTime("--"+name, value, time.Now())
			wrong = append(wrong, err)
			query.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
	return query, errors.Join(wrong...)
}

// Validate implements kong's check of the command line.
func (c auditCmd) Validate() error {
	_, err := c.query()
	return err
}

// Run prints a table, or JSON.
func (c auditCmd) Run(p *program) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	zone := time.Now().Format("MST")
	width, _ := terminalWidth(p.stdout)
	t := &table{out: p.stdout, width: width, columns: []column{
		{name: "TIME (" + zone + ")"}, {name: "WHO", cut: true}, {name: "FROM", isOptional: areEqual}, {name: "WHAT"}, {name: "SITES", cut: true, isOptional: areEqual}, {name: "ABOUT", cut: true},
	}}
	for left := c.Limit; left > 0; {
		const most = 500
		query.Set("limit", strconv.Itoa(min(most, left)))
		var page struct {
			Entries    []console.AuditEntry `json:"entries"`
			NextCursor *string              `json:"next_cursor"`
		}
		if err := op.get(p.ctx, "/api/v1/audit?"+query.Encode(), &page); err != nil {
			return err
		}
		if err := c.print(p, t, page.Entries, zone); err != nil || page.NextCursor == nil {
			return err
		}
		left -= len(page.Entries)
		query.Set("cursor", *page.NextCursor)
	}
	return nil
}

func (c auditCmd) print(p *program, t *table, entries []console.AuditEntry, zone string) error {
	var rows [][]string
	for _, e := range entries {
		if c.JSON {
			if err := json.NewEncoder(p.stdout).Encode(e); err != nil {
				return err
			}
			continue
		}
		sites := "all"
		if e.Sites != nil {
			sites = strings.Join(e.Sites, " ")
		}
		rows = append(rows, []string{formatMinute(e.At, zone), e.Who, oneLine(e.From), e.What, sites, aboutEntry(e)})
	}
	if c.JSON {
		return nil
	}
	return t.page(rows)
}

// aboutEntry says which leads an entry is about, and what else.
func aboutEntry(e console.AuditEntry) string {
	const named = 3
	var all []string
	for _, id := range e.RemoteIDs[:min(named, len(e.RemoteIDs))] {
		all = append(all, web.Folio(int64(id)))
	}
	if more := e.Leads - len(all); more > 0 {
		all = append(all, plural(more, "lead"))
	}
	if e.Job != nil {
		all = append(all, "job "+strconv.FormatInt(*e.Job, 10))
	}
	if e.About != nil {
		all = append(all, oneLine(e.About))
	}
	return strings.Join(all, ", ")
}
