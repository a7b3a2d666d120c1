package main

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
	if n := len(cfg.Warnings); n > 0 {
		p.printf("The settings can be read: %d site(s). See the %d warning(s) before you start the relay.\n", len(cfg.Sites), n)
		return nil
	}
	p.printf("The settings are fine: %d site(s).\n", len(cfg.Sites))
	return nil
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
