package main

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"leadrelay/internal/doctor"
	"leadrelay/internal/easybroker"
)

type doctorCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
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

func (p *program) printFindings(all []doctor.Finding) {
	marks := map[doctor.Level]string{doctor.Fine: "ok     ", doctor.Warning: "warning", doctor.Trouble: "TROUBLE"}
	for _, f := range all {
		p.printf("%s  %s: %s\n", marks[f.Level], f.About, f.Says)
		if f.Remedy != "" {
			p.printf("         → %s\n", f.Remedy)
		}
	}
}
