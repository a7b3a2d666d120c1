package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"leadrelay/internal/lead"
)

// errDrift has an exit code of its own, so that cron sends a mail.
var errDrift = errors.New("our leads and EasyBroker's list differ")

type reconcileCmd struct {
	Since string `default:"24h" help:"Compare what EasyBroker has taken since then: how long ago, as 36h or 7d, or a time as 2026-11-28, 2026-11-28T10:00 (both local) or 2026-11-28T10:00:00-06:00."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Validate implements kong's check of the command line.
func (c reconcileCmd) Validate() error {
	_, err := c.since(time.Now())
	return err
}

func (c reconcileCmd) since(now time.Time) (time.Time, error) {
	at, err := parseTime("--since", c.Since, now)
	if err == nil && at.After(now) {
		err = fmt.Errorf("--since wants a time that was, and %s is still to come", formatTime(&at))
	}
	return at, err
}

// Run compares and prints the report. The error says what was found.
func (c reconcileCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	since, err := c.since(time.Now())
	if err != nil {
		return err
	}
	var d lead.Drift
	if err := op.call(p.ctx, http.MethodPost, "/api/v1/reconciliations", map[string]time.Time{"since": since.UTC()}, &d, longCall); err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(p.stdout, d)
	} else {
		err = printDrift(p.stdout, d)
	}
	if err != nil && !d.Found() { // what was found matters more than who reads it
		return err
	}
	return driftError(d)
}

// driftError returns an error if there is drift, or if something was not compared.
func driftError(d lead.Drift) error {
	if d.Found() {
		return errDrift
	}
	var unread []error
	for _, u := range d.Unreadable {
		unread = append(unread, fmt.Errorf("not compared: %s: %s", strings.Join(u.Sites, ", "), lead.Line(u.Why)))
	}
	return errors.Join(unread...)
}

func printDrift(w io.Writer, d lead.Drift) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if d.Found() || len(d.Unreadable) > 0 {
		_, _ = fmt.Fprintln(table, "DRIFT\tFOLIO\tSTATE\tSITE\tPROPERTY\tFIELDS")
	}
	for _, kind := range lead.DriftKinds() {
		name := strings.ReplaceAll(string(kind), "_", " ")
		for _, one := range *d.Of(kind) {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", name, one.RemoteID, one.State, one.Site,
				lead.Line(one.PropertyID), joinFields(one.Fields))
		}
		if n := d.LeftOut[kind]; n > 0 {
			_, _ = fmt.Fprintf(table, "%s\tand %d more\t\t\t\t\n", name, n)
		}
	}
	for _, u := range d.Unreadable {
		_, _ = fmt.Fprintf(table, "not compared\t\t\t%s\t\t%s\n", strings.Join(u.Sites, ", "), lead.Line(u.Why))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	window := "since " + formatTime(&d.Since)
	if !d.Until.IsZero() {
		window += " until " + formatTime(&d.Until) + " (leads come in meanwhile, so newer ones were not compared)"
	}
	_, err := fmt.Fprintf(w, "%s: taken %d, listed %d, confirmed just now %d\n", window, d.Ours, d.Listed, d.Confirmed)
	return err
}

func joinFields(all []lead.Field) string {
	words := make([]string, len(all))
	for i, f := range all {
		words[i] = string(f)
	}
	return strings.Join(words, ", ")
}
