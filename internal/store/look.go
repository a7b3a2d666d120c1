package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Seen is what can be known of a database without changing it.
type Seen struct {
	Schema  int      // the number of its schema; 0 if it has none yet
	Oldest  int      // that a program must know to use the database; 0 if it knows all
	Knows   int      // the number of the schema that this program makes
	Version string   // of a PostgreSQL server
	Risks   []string // see [Store.Risks]
}

// Look returns what can be known of the database of a file or an address, while a relay
// runs on it or not. A file that is not there is [fs.ErrNotExist].
func Look(ctx context.Context, database string) (seen Seen, err error) {
	d, look := &sqliteDialect, lookAtFile
	if strings.Contains(database, "://") {
		d, look = &postgresDialect, lookAtServer
	}
	files, err := fs.Glob(migrations, d.migrations)
	if err != nil {
		return seen, err
	}
	seen.Knows = len(files)
	return seen, look(ctx, database, &seen)
}

func lookAtFile(ctx context.Context, path string, seen *Seen) (err error) {
	s, err := openSource(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(damaged(path, err), s.close()) }()
	return seen.schema(ctx, s.db, `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_versions'`)
}

func lookAtServer(ctx context.Context, address string, seen *Seen) (err error) {
	config, err := parsePostgres(address)
	if err != nil {
		return err
	}
	db := openPool(config, 1, 3*time.Second, true)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkPostgres(ctx, db); err != nil {
		return fmt.Errorf("PostgreSQL: %w", explained(err))
	}
	if err := db.QueryRowContext(ctx, `SELECT current_setting('server_version')`).Scan(&seen.Version); err != nil {
		return err
	}
	if seen.Risks, err = risks(ctx, db); err != nil {
		return err
	}
	return seen.schema(ctx, db, `SELECT count(to_regclass('schema_versions'))`)
}

// schema reads the number of the schema. The query counts the tables that have it.
func (seen *Seen) schema(ctx context.Context, db *sql.DB, isThere string) error {
	var n int
	if err := db.QueryRowContext(ctx, isThere).Scan(&n); err != nil || n == 0 {
		return err
	}
	if err := db.QueryRowContext(ctx, schemaSQL, seen.Knows).Scan(&seen.Schema, &seen.Oldest); err == nil {
		return nil
	}
	seen.Oldest = 0 // a former release has no such table
	return db.QueryRowContext(ctx, `SELECT COALESCE(max(version), 0) FROM schema_versions`).Scan(&seen.Schema)
}
