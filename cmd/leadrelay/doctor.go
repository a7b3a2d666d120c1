package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"leadrelay/internal/console"
	"leadrelay/internal/doctor"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

type doctorCmd struct {
	JSON bool   `name:"json" help:"Print JSON."`
	Site string `name:"site" placeholder:"ID" help:"Also post a test inquiry for this site. It goes the whole way but to EasyBroker."`
}

var errTrouble = errors.New("there is trouble: see above")

// Run looks at the relay of these settings, whether it runs or not.
func (c doctorCmd) Run(p *program) error {
	const timeout = 15 * time.Second // if the settings cannot be read
	cfg, problems := p.config()
	d := doctor.Doctor{
		Settings: cfg, Problems: problems,
		EasyBroker: easybroker.New(easybroker.Options{Timeout: cmp.Or(cfg.Courier.Timeout, timeout), UserAgent: "leadrelay/" + version()}),
		Client:     &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}},
	}
	if cfg.Addr != "" {
		d.Public = "http://" + reachable(cfg.Addr)
	}
	if cfg.OperatorAddr != "" {
		d.Operator = "http://" + reachable(cfg.OperatorAddr)
	}
	if c.Site != "" {
		var err error
		if d.Inquiry, err = p.testInquiry(c.Site); err != nil {
			return err
		}
	}
	if o, err := p.operator(); err == nil { // else the settings say what is wrong, or there is no token yet
		d.Alerts = o.openAlerts
	}
	done := p.progress().start("looking")
	all := d.Examine(p.ctx)
	done()
	if c.JSON {
		if err := printJSON(p.stdout, struct {
			Findings []doctor.Finding `json:"findings"`
		}{all}); err != nil {
			return err
		}
	} else {
		p.printFindings(all)
	}
	if doctor.HasTrouble(all) {
		return errTrouble
	}
	return nil
}

// testInquiry returns how a test inquiry for a site is sent.
func (p *program) testInquiry(site string) (*doctor.Inquiry, error) {
	o, err := p.operator()
	if err != nil {
		return nil, err
	}
	o.progress = progress{}
	return &doctor.Inquiry{Site: site, Token: o.token, Told: func(ctx context.Context, id lead.RemoteID) (all []doctor.Told, err error) {
		if id == 0 {
			return nil, o.get(ctx, "/api/v1/tests", new(struct{}))
		}
		var test console.Test
		err = o.get(ctx, "/api/v1/tests/"+id.String(), &test)
		for _, t := range test.Told {
			one := doctor.Told{Kind: t.Kind, State: t.State, Attempts: t.Attempts}
			if t.Status != nil {
				one.Status = *t.Status
			}
			all = append(all, one)
		}
		return all, err
	}}, nil
}

// openAlerts asks the relay which alerts are open, and which sites are quiet.
func (o operator) openAlerts(ctx context.Context) (open []doctor.Alert, quiet []lead.Quiet, err error) {
	o.progress = progress{}
	var all console.AlertList
	err = o.get(ctx, "/api/v1/alerts", &all)
	for _, a := range all.Alerts {
		if a.ClosedAt == nil && a.Since != nil {
			open = append(open, doctor.Alert{Kind: a.Kind, Since: *a.Since, Cause: a.Cause, Remedy: a.Remedy})
		}
	}
	return open, all.Quiet, err
}

func (p *program) printFindings(all []doctor.Finding) {
	marks := map[doctor.Level]string{doctor.Fine: "ok     ", doctor.Warning: "warning", doctor.Trouble: "TROUBLE"}
	for _, f := range all {
		p.printf("%s  %s: %s\n", marks[f.Level], f.About, f.Says)
		if f.Remedy != "" {
			p.printf("         → %s\n", f.Remedy)
		}
	}
}

// examiner returns a function that looks at a relay of this environment, as the command
// does, and for people. It is a process of its own: one that has a SQLite database open
// loses its locks when it opens and closes the file once more.
func examiner(env map[string]string) func(context.Context) ([]console.Finding, error) {
	return func(ctx context.Context) ([]console.Finding, error) {
		program, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, program, "doctor", "--json")
		cmd.Env = []string{}
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		text, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitFailure {
			err = nil // there is trouble, which it tells
		}
		if err != nil {
			return nil, fmt.Errorf("doctor: %w", err)
		}
		var all struct{ Findings []console.Finding }
		if err := json.Unmarshal(text, &all); err != nil {
			return nil, fmt.Errorf("doctor: %w", err)
		}
		return all.Findings, nil
	}
}
