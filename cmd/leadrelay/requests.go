package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// requestsCmd sees to what people have asked for that is theirs by law.
type requestsCmd struct {
	List   requestsListCmd   `cmd:"" default:"withargs" help:"List the requests: those that are open first, with the day on which the next step is due. Exits with 1 if one is late."`
	Open   requestsOpenCmd   `cmd:"" help:"Write down a request of a person."`
	Check  requestsCheckCmd  `cmd:"" help:"Whoever asks is who they say."`
	Accept requestsAcceptCmd `cmd:"" help:"The person was told that it will be done. It is due 15 working days later."`
	Finish requestsFinishCmd `cmd:"" help:"It is carried out. Whose request it was is forgotten."`
	Refuse requestsRefuseCmd `cmd:"" help:"It is refused, and the person was told why. Whose request it was is forgotten."`
}

const requestsPath = "/api/v1/people/requests"

type requestsListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

type lateError int

func (e lateError) Error() string { return plural(int(e), "request") + " late" }

// Run lists the requests.
func (c requestsListCmd) Run(p *program) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	var all console.RequestList
	if err := op.call(p.ctx, http.MethodGet, requestsPath, nil, &all, normalCall); err != nil {
		return err
	}
	late := 0
	for _, r := range all.Requests {
		if r.WorkingDaysLeft != nil && *r.WorkingDaysLeft < 0 {
			late++
		}
	}
	if c.JSON {
		err = printJSON(p.stdout, all)
	} else {
		err = printRequests(p, all.Requests)
	}
	if err == nil && late > 0 {
		err = lateError(late)
	}
	return err
}

func printRequests(p *program, all []console.Request) error {
	if len(all) == 0 {
		p.printf("no requests\n")
		return nil
	}
	rows := make([][]string, len(all))
	for i, r := range all {
		rows[i] = []string{strconv.FormatInt(r.ID, 10), string(r.Kind), string(r.State), orDash(r.Who), r.ReceivedAt.Local().Format(time.DateOnly), dueWords(r)}
	}
	t := table{out: p.stdout, columns: []column{{name: "ID"}, {name: "KIND"}, {name: "STATE"}, {name: "WHO"}, {name: "RECEIVED"}, {name: "DUE"}}}
	return t.page(rows)
}

func orDash(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// dueWords tells when the next step of a request is due, and how long there is.
func dueWords(r console.Request) string {
	if r.DueOn == nil {
		return "ended " + r.EndedAt.Local().Format(time.DateOnly)
	}
	if left := *r.WorkingDaysLeft; left < 0 {
		return fmt.Sprintf("%s, %s late", *r.DueOn, plural(-left, "working day"))
	}
	return fmt.Sprintf("%s, %s left", *r.DueOn, plural(*r.WorkingDaysLeft, "working day"))
}

type requestsOpenCmd struct {
	Kind lead.RequestKind `arg:"" enum:"access,rectification,cancellation,opposition" help:"access, rectification, cancellation or opposition."`
	whoArg

	Received string `placeholder:"DATE" help:"When it was received, if that was not now."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run writes a request down.
func (c requestsOpenCmd) Run(p *program) error {
	body := c.body()
	body["kind"] = c.Kind
	if c.Received != "" {
		at, err := parseTime("--received", c.Received, time.Now())
		if err != nil {
			return err
		}
		body["received_at"] = at.Format(time.RFC3339)
	}
	return callRequest(p, requestsPath, body, c.JSON)
}

// requestArg is the argument that names a request.
type requestArg struct {
	ID   int64 `arg:"" name:"id" help:"The number of the request."`
	JSON bool  `name:"json" help:"Print JSON."`
}

func (a requestArg) take(p *program, step lead.RequestStep) error {
	return callRequest(p, fmt.Sprintf("%s/%d/%s", requestsPath, a.ID, step), nil, a.JSON)
}

type requestsCheckCmd struct{ requestArg }

// Run takes the step.
func (c requestsCheckCmd) Run(p *program) error { return c.take(p, lead.CheckRequest) }

type requestsAcceptCmd struct{ requestArg }

// Run takes the step.
func (c requestsAcceptCmd) Run(p *program) error { return c.take(p, lead.AcceptRequest) }

type requestsFinishCmd struct{ requestArg }

// Run takes the step.
func (c requestsFinishCmd) Run(p *program) error { return c.take(p, lead.FinishRequest) }

type requestsRefuseCmd struct{ requestArg }

// Run takes the step.
func (c requestsRefuseCmd) Run(p *program) error { return c.take(p, lead.RefuseRequest) }

func callRequest(p *program, path string, body any, asJSON bool) error {
	op, err := p.operator()
	if err != nil {
		return err
	}
	var r console.Request
	if err := op.call(p.ctx, http.MethodPost, path, body, &r, normalCall); err != nil {
		return err
	}
	if asJSON {
		return printJSON(p.stdout, r)
	}
	return printRequests(p, []console.Request{r})
}
