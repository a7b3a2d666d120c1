package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/web"
)

type leadsCmd struct {
	List leadsListCmd `cmd:"" help:"List leads, newest first."`
	Show leadsShowCmd `cmd:"" help:"Show one lead and its attempts."`
}

type leadsListCmd struct {
	Site     string `help:"Only leads of this site."`
	State    string `help:"Only leads in this state: queued, sending, doubtful, delivered, confirmed, failed, quarantined, discarded."`
	Property string `help:"Only leads about this property."`
	Query    string `name:"q" help:"Only leads with this text in the folio, the property or what the visitor wrote."`
	After    string `help:"Only leads received from this time on, as 2026-11-24T10:00:00Z."`
	Before   string `help:"Only leads received before this time."`
	Limit    int    `default:"50" help:"How many at most."`
	JSON     bool   `name:"json" help:"Print JSON."`
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
	for name, value := range map[string]string{
		"site": c.Site, "state": c.State, "property_id": c.Property, "q": c.Query, "after": c.After, "before": c.Before,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	page, err := op.list(p.ctx, query, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, page)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "FOLIO\tRECEIVED\tSTATE\tSITE\tPROPERTY\tNAME\tREASON")
	for _, l := range page.Leads {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", web.Folio(int64(l.RemoteID)), local(l.ReceivedAt), l.State,
			l.Site, plain(l.PropertyID), plain(l.Name), plain(l.Reason))
	}
	return table.Flush()
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
	if c.JSON {
		return printJSON(p.stdout, s)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"folio", web.Folio(int64(s.RemoteID))},
		{"state", string(s.State)},
		{"reason", plain(s.Reason)},
		{"site", s.Site},
		{"property", plain(s.PropertyID)},
		{"name", plain(s.Name)},
		{"e-mail", plain(s.Email)},
		{"phone", plain(s.Phone)},
		{"message", plain(s.Message)},
		{"received", local(s.ReceivedAt)},
		{"next attempt", local(s.NextAttemptAt)},
		{"delivered", local(s.DeliveredAt)},
		{"confirmed", local(s.ConfirmedAt)},
	} {
		if row[1] != "" {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
		}
	}
	for _, a := range s.Attempts {
		_, _ = fmt.Fprintf(table, "attempt %d\t%s  %s  %s\n", a.Number, local(a.BegunAt), plain(a.Outcome), plain(a.Detail))
	}
	return table.Flush()
}

// operator talks to the operator's door of a running relay.
type operator struct {
	root, token string
}

func (p *program) operator() (operator, error) {
	cfg, err := p.operatorConfig()
	if err != nil {
		return operator{}, err
	}
	token, err := readToken(cfg)
	if err != nil {
		return operator{}, err
	}
	return operator{root: "http://" + reachable(cfg.OperatorAddr), token: token.Reveal()}, nil
}

// list turns pages until it has as many leads as wanted.
func (o operator) list(ctx context.Context, query url.Values, limit int) (console.Page, error) {
	all := console.Page{Leads: []console.Lead{}}
	for {
		const most = 500
		query.Set("limit", strconv.Itoa(min(most, limit-len(all.Leads))))
		var page console.Page
		if err := o.get(ctx, "/api/v1/leads?"+query.Encode(), &page); err != nil {
			return all, err
		}
		all.Leads = append(all.Leads, page.Leads...)
		all.NextCursor = page.NextCursor
		if page.NextCursor == nil || len(all.Leads) >= limit {
			return all, nil
		}
		query.Set("cursor", *page.NextCursor)
	}
}

func (o operator) get(ctx context.Context, path string, into any) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.root+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	req.Header.Set("Accept-Language", "en")
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // its own text would repeat the query
		}
		return fmt.Errorf("is the relay running? operator's door %s: %w", o.root, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// refusal reads a problem document.
func refusal(resp *http.Response) error {
	var doc struct {
		Title, Detail string
		Errors        []struct{ Field, Message string }
	}
	const most = 64 << 10
	if err := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&doc); err != nil || doc.Title == "" {
		return fmt.Errorf("operator's door: %s", resp.Status)
	}
	lines := []string{fmt.Sprintf("%s (%d) %s", doc.Title, resp.StatusCode, doc.Detail)}
	for _, e := range doc.Errors {
		lines = append(lines, e.Field+": "+e.Message)
	}
	return errors.New(strings.Join(lines, "\n"))
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
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
