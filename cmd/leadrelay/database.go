package main

import (
	"fmt"
	"strings"

	"leadrelay/internal/config"
	"leadrelay/internal/store"
)

type recountCmd struct{}

// Run counts all leads anew. A relay that has the file open stops it; on a server those
// that run wait meanwhile.
func (recountCmd) Run(p *program) error {
	cfg, err := p.operatorConfig()
	if err != nil {
		return err
	}
	s, err := store.OpenToTransfer(p.ctx, string(cfg.Database))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	done := p.progress().start("counting")
	err = s.Recount(p.ctx)
	done()
	if err == nil {
		p.printf("Counted. Leads that were erased stay counted as they were.\n")
	}
	return err
}

type moveDatabaseCmd struct {
	From string `required:"" help:"The database to move from: the path of a SQLite file, or postgres://…"`
	To   string `help:"The one to move to, which is empty. Without it, that of the settings, so that a password is in no list of processes."`
}

// Run moves all that is in a database into another one. It can be called again if it was
// interrupted.
func (c moveDatabaseCmd) Run(p *program) error {
	to := config.Database(c.To)
	if to == "" {
		cfg, err := p.operatorConfig()
		if err != nil {
			return err
		}
		to = cfg.Database
	}
	if c.From == string(to) {
		return fmt.Errorf("--from and --to are the same database, %s", to)
	}
	from, err := store.OpenToTransfer(p.ctx, c.From)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	into, err := store.OpenToTransfer(p.ctx, string(to))
	if err != nil {
		return err
	}
	defer func() { _ = into.Close() }()
	moved := map[string]int{}
	done := p.progress().start("moving")
	err = store.Transfer(p.ctx, from, into, func(t store.Transferred) { moved[t.Table] = t.Rows })
	done()
	if err != nil {
		return err
	}
	p.printf("Moved and compared: %s, %s, %s, %s. Now start the relay with LEADRELAY_DATABASE=%s.\n", plural(moved["leads"], "lead"),
		plural(moved["attempts"], "attempt"), plural(moved["repeats"], "key"), plural(moved["reconciliations"], "report"), strings.TrimSpace(to.String()))
	return nil
}
