package main

import "fmt"

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Tell everything that is wrong with the settings. Nothing is contacted."`
	Print configPrintCmd `cmd:"" help:"Print the settings that are in force, as YAML, without secrets."`
}

type configCheckCmd struct{}

// Run exits with 78 when something is wrong.
func (configCheckCmd) Run(p *program) error {
	cfg, err := p.config()
	for _, w := range cfg.Warnings {
		p.printf("warning: %s\n", w)
	}
	if err != nil {
		return err
	}
	sites := counted(len(cfg.Sites), "site")
	if n := len(cfg.Warnings); n > 0 {
		p.printf("The settings can be read: %s. See the %s before you start the relay.\n", sites, counted(n, "warning"))
		return nil
	}
	p.printf("The settings are fine: %s.\n", sites)
	return nil
}

// counted is a number with its noun: 1 site, 2 sites.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

type configPrintCmd struct{}

// Run prints what serve would use.
func (configPrintCmd) Run(p *program) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	return cfg.Print(p.stdout)
}
