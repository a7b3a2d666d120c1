package main

import (
	"fmt"
	"slices"

	"leadrelay/internal/config"
	"leadrelay/internal/site"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Tell everything that is wrong with the settings: 78 if the relay would not start, 0 with warnings alone. Nothing is contacted."`
	Print configPrintCmd `cmd:"" help:"Print the settings that are in force, as YAML, without secrets."`
}

type configCheckCmd struct{}

// Run exits with 78 for what serve would refuse. What serve only warns of is no failure.
func (configCheckCmd) Run(p *program) error {
	cfg, err := p.config()
	warnings := append(slices.Clone(cfg.Warnings), withoutNotice(cfg.Sites)...)
	for _, w := range warnings {
		p.printf("warning: %s\n", w)
	}
	if err != nil {
		return err
	}
	sites := plural(len(cfg.Sites), "site")
	if n := len(warnings); n > 0 {
		p.printf("No errors, but %s: %s. The relay would start all the same.\n", plural(n, "warning"), sites)
		return nil
	}
	p.printf("The settings are fine: %s.\n", sites)
	return nil
}

// withoutNotice warns of sites without a privacy notice. The start does not: a form of the
// agency's own may link one that we do not know.
func withoutNotice(sites []config.Site) (warnings []string) {
	for _, s := range sites {
		if s.Privacy == "" {
			name := "privacy_url of the site " + s.ID
			if s.ID == site.Default {
				name = "LEADRELAY_PRIVACY_URL"
			}
			warnings = append(warnings, name+": is not set, so the hosted form and the snippet have no privacy notice, which Mexican law wants where personal data are asked for; no lead says then which notice its visitor has seen")
		}
	}
	return warnings
}

// plural returns a number with its noun: 1 site, 2 sites.
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

type configPrintCmd struct{}

// Run prints the settings that serve would use, also if there are some that it lacks.
func (configPrintCmd) Run(p *program) error {
	cfg, err := p.operatorConfig()
	if err != nil {
		return err
	}
	return cfg.Print(p.stdout)
}
