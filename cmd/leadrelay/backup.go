package main

import (
	"fmt"
	"time"

	"leadrelay/internal/config"
	"leadrelay/internal/store"
)

type backupCmd struct {
	File     string `arg:"" help:"The file to make; nothing is overwritten."`
	Database string `help:"The path of the SQLite database. Without it, that of the settings."`
}

// Run copies the database, also while a relay runs on it.
func (c backupCmd) Run(p *program) error {
	from, err := p.databaseFile(c.Database, "pg_dump makes a backup of a PostgreSQL database")
	if err != nil {
		return err
	}
	done := p.progress().start("copying")
	b, err := store.Backup(p.ctx, from, c.File)
	done()
	if err != nil {
		return err
	}
	p.printf("%s has %s, and was checked. It has personal data; the settings, the keys and the operator's token are not in it.\n", c.File, contents(b))
	return nil
}

type restoreCmd struct {
	File     string `arg:"" help:"A backup, or a database that no relay runs on."`
	Database string `help:"The path of the SQLite database to make, where there is none. Without it, that of the settings."`
}

// Run makes a database of a backup.
func (c restoreCmd) Run(p *program) error {
	to, err := p.databaseFile(c.Database, "psql or pg_restore restores a PostgreSQL database")
	if err != nil {
		return err
	}
	done := p.progress().start("restoring")
	b, err := store.Restore(p.ctx, c.File, to)
	done()
	if err != nil {
		return err
	}
	p.printf("%s has %s. What was due is looked up before it is sent.\n", to, contents(b))
	if b.Leads > 0 {
		p.printf("Later leads are in EasyBroker, if anywhere. Start the relay, and then run: leadrelay reconcile --since %s\n", b.LastReceived.Format(time.RFC3339))
	}
	return nil
}

// contents says what a copy has.
func contents(b store.BackedUp) string {
	leads := plural(b.Leads, "lead")
	if b.Leads > 0 {
		leads += fmt.Sprintf(", the last with the folio %s of %s", b.Last, b.LastReceived.Local().Format(time.DateTime))
	}
	return leads
}

// databaseFile returns the path of the SQLite database: the given one, or that of the
// settings.
func (p *program) databaseFile(given, otherwise string) (string, error) {
	path := config.Database(given)
	if path == "" {
		cfg, err := p.operatorConfig()
		if err != nil {
			return "", err
		}
		path = cfg.Database
	}
	if path.IsServer() {
		return "", fmt.Errorf("the database is not in a file: %s", otherwise)
	}
	return string(path), nil
}
