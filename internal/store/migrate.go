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

// NewerSchemaError means that a later leadrelay has written this database.
type NewerSchemaError struct{ Has, Knows int }

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database has schema %d, this leadrelay knows only %d: start the newer version, or restore a backup from before the upgrade", e.Has, e.Knows)
}

// migrate brings the schema up to date, each step in a transaction of its own,
// so that a process killed in between goes on where it stopped.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)`); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	var has int
	if err := s.write.QueryRowContext(ctx, `SELECT COALESCE(max(version), 0) FROM schema_versions`).Scan(&has); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if has > len(files) {
		return &NewerSchemaError{Has: has, Knows: len(files)}
	}
	for i, file := range files[has:] {
		if err := s.step(ctx, file, has+i+1); err != nil {
			return fmt.Errorf("schema: %s: %w", file, err)
		}
	}
	return nil
}

func (s *Store) step(ctx context.Context, file string, version int) error {
	if !strings.HasPrefix(file, fmt.Sprintf("migrations/%04d_", version)) {
		return fmt.Errorf("expected step %d here", version)
	}
	text, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, s.dialect.ddl.Replace(string(text))); err != nil {
		return err
	}
	if err := record(ctx, tx, version); err != nil {
		return err
	}
	return tx.Commit()
}

func record(ctx context.Context, tx *sql.Tx, version int) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO schema_versions (version, applied_at) VALUES ($1, $2)`, version, time.Now().UnixMilli())
	return err
}
