package main

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

type jobsCmd struct {
	List  jobsListCmd  `cmd:"" help:"List the last hundred jobs, newest first."`
	Abort jobsAbortCmd `cmd:"" help:"End a job before its next step; what it has moved stays so."`
}

type jobsListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// jobList is the answer with the jobs.
type jobList struct {
	Jobs []console.Job `json:"jobs"`
}

// Run prints a table, or JSON.
func (c jobsListCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	var all jobList
	if err := op.get(p.ctx, "/api/v1/jobs", &all); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, all)
	}
	zone := time.Now().Format("MST")
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "JOB\tORDERED (%s)\tDO\tSTATE\tLEADS\tDONE\tMOVED\tCHANGED\tLEFT OUT\tWHICH\n", zone)
	for _, j := range all.Jobs {
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n",
			*j.ID, formatMinute(j.OrderedAt, zone), j.Do, j.State, j.Matched, j.Done, j.Moved, j.Changed, j.LeftOut, which(j))
	}
	return table.Flush()
}

// which says what the leads of a job had in common.
func which(j console.Job) string {
	var all []string
	for _, one := range []struct {
		name  string
		value string
	}{
		{"state", oneLine(j.LeadState)}, {"site", oneLine(j.Site)}, {"property", oneLine(j.PropertyID)},
		{"after", formatTime(j.After)}, {"before", formatTime(j.Before)},
	} {
		if one.value != "" {
			all = append(all, one.name+" "+one.value)
		}
	}
	return strings.Join(all, ", ")
}

type jobsAbortCmd struct {
	ID   int64 `arg:"" name:"job" help:"Its number, as jobs list shows it."`
	JSON bool  `name:"json" help:"Print JSON."`
}

// Run ends the job and prints how far it came.
func (c jobsAbortCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	var j console.Job
	err = op.call(p.ctx, http.MethodPost, "/api/v1/jobs/"+strconv.FormatInt(c.ID, 10)+"/abort", nil, &j, normalCall)
	if refused, ok := errors.AsType[*refusedError](err); ok && refused.status == http.StatusNotFound {
		return fmt.Errorf("there is no job %d", c.ID)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, j)
	}
	p.printf("job %d: %s, %d of %s seen to, %d moved\n", c.ID, j.State, j.Done, plural(j.Matched, "lead"), j.Moved)
	return nil
}

// leadsOrder has the flags that move all leads of a filter, as a job.
type leadsOrder struct {
	leadsFilter

	All bool `help:"All leads that the filters select. Without --yes it is only said how many they are."`
	Yes bool `help:"With --all: do it."`
}

// validate checks the flags. folios says whether there are folios as well.
func (c leadsOrder) validate(folios bool) error {
	parameters, err := c.parameters()
	switch {
	case err != nil:
		return err
	case c.All && folios:
		return errors.New("name folios, or --all with filters, and not both")
	case c.All && len(parameters) == 0:
		return errors.New("say which leads: --state failed, or another of the filters")
	case !c.All && (len(parameters) > 0 || c.Yes):
		return errors.New("filters and --yes go with --all")
	case !c.All && !folios:
		return errors.New("say which leads: <folio> …, or --all with filters")
	}
	return nil
}

// looking is for orders, for which the relay reads all leads that match.
var looking = callKind{2 * time.Minute, "looking for the leads"}

// order orders the job, or asks how many leads it would have.
func (c leadsOrder) order(p *program, do lead.JobVerb, asJSON bool) error {
	parameters, err := c.parameters()
	if err != nil {
		return err
	}
	op, err := p.operator()
	if err != nil {
		return err
	}
	if err := op.checkSite(p.ctx, c.Site); err != nil {
		return err
	}
	body := map[string]any{"do": do, "dry_run": !c.Yes}
	for name, value := range parameters {
		body[name] = value
	}
	var j console.Job
	if err := op.call(p.ctx, http.MethodPost, "/api/v1/jobs", body, &j, looking); err != nil {
		return err
	}
	if asJSON {
		return printJSON(p.stdout, j)
	}
	if c.Yes {
		p.printf("job %d: %s %s (%s); leadrelay jobs list shows how far it is\n", *j.ID, do, plural(j.Matched, "lead"), which(j))
	} else {
		p.printf("would %s %s (%s); nothing is done without --yes\n", do, plural(j.Matched, "lead"), which(j))
	}
	if j.LeftOut > 0 {
		p.printf("%s left out: do it again afterwards\n", plural(j.LeftOut, "newer one"))
	}
	return nil
}
