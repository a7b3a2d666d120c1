package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

type leadsReplayCmd struct {
	leadsFilter

	RemoteIDs []string `arg:"" optional:"" name:"folio" help:"Only these folios, whatever their state."`
	DryRun    bool     `help:"Only say what would be sent."`
	JSON      bool     `name:"json" help:"Print JSON."`
}

// Validate implements kong's check of the command line.
func (c leadsReplayCmd) Validate() error {
	parameters, err := c.parameters()
	if err == nil && len(parameters) == 0 && len(c.RemoteIDs) == 0 {
		return errors.New("say which leads: --state failed, or another of the filters, or folios")
	}
	_, wrong := parseIDs(c.RemoteIDs)
	return errors.Join(err, wrong)
}

// Run replays leads and prints what was done with each.
func (c leadsReplayCmd) Run(p *program) error {
	parameters, err := c.parameters()
	if err != nil {
		return err
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	ids, err := parseIDs(c.RemoteIDs)
	if err != nil {
		return err
	}
	body := map[string]any{"dry_run": c.DryRun, "remote_ids": ids}
	for name, value := range parameters {
		body[name] = value
	}
	var all console.Replays
	if err := op.call(p.ctx, http.MethodPost, "/api/v1/replays", body, &all, longCall); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, all)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "FOLIO\tVERDICT\tSTATE\tSITE\tWHY")
	for _, one := range all.Replays {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.RemoteID, one.Verdict, one.State, one.Site, lead.Line(one.Why))
	}
	_, _ = fmt.Fprintln(table, summary(all.Counts))
	if all.LeftOut > 0 {
		_, _ = fmt.Fprintf(table, "%s left out: replay again, or with --after\n", plural(all.LeftOut, "newer one"))
	}
	return table.Flush()
}

func summary(counts map[lead.Verdict]int) string {
	var words []string
	for _, verdict := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[verdict], verdict))
	}
	return strings.Join(words, ", ")
}
