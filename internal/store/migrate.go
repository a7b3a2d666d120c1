package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrations embed.FS

// NewerSchemaError means that a newer leadrelay has written this database.
type NewerSchemaError struct{ Has, Knows int }

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database has schema %d, this leadrelay knows only %d: start the newer version, or restore a backup from before the upgrade", e.Has, e.Knows)
}

// migrate brings the schema up to date. Each step has a transaction of its own, so
// that the next start goes on where a killed process stopped.
func migrate(ctx context.Context, db *sql.DB, ddl *strings.Replacer) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)`); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	var has int
	if err := db.QueryRowContext(ctx, `SELECT COALESCE(max(version), 0) FROM schema_versions`).Scan(&has); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if has > len(files) {
		return &NewerSchemaError{Has: has, Knows: len(files)}
	}
	for i, file := range files[has:] {
		if err := migrateStep(ctx, db, ddl, file, has+i+1); err != nil {
			return fmt.Errorf("schema: %s: %w", file, err)
		}
	}
	return nil
}

func migrateStep(ctx context.Context, db *sql.DB, ddl *strings.Replacer, file string, version int) error {
	if !strings.HasPrefix(file, fmt.Sprintf("migrations/%04d_", version)) {
		return fmt.Errorf("expected step %d here", version)
	}
	text, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, ddl.Replace(string(text))); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO schema_versions (version, applied_at) VALUES ($1, $2)`, version, time.Now().UnixMilli()); err != nil {
		return err
	}
	return tx.Commit()
}
