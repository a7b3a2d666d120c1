package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

//go:embed migrations/*.sql migrations/postgres/*.sql
var migrations embed.FS

// NewerSchemaError means that a newer leadrelay has written this database.
type NewerSchemaError struct{ Has, Knows int }

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database has schema %d, this leadrelay knows only %d: start the newer version, or restore a backup from before the upgrade", e.Has, e.Knows)
}

// migrate brings the schema up to date. Each step has a transaction of its own, so
// that the next start goes on where a killed process stopped. Several processes may
// start at once: each step is done by one of them, while the others wait.
func migrate(ctx context.Context, db *sql.DB, d *dialect) error {
	files, err := fs.Glob(migrations, d.migrations)
	if err != nil {
		return err
	}
	for more := true; more; {
		more, err = migrateStep(ctx, db, d, files)
		if newer := (*NewerSchemaError)(nil); errors.As(err, &newer) {
			return newer // it says all there is to say
		}
		if err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	return nil
}

// migrateStep takes the next step, and reports whether there was one.
func migrateStep(ctx context.Context, db *sql.DB, d *dialect, files []string) (bool, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	const versions = `CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)`
	if _, err := tx.ExecContext(ctx, d.lockSchema+versions); err != nil {
		return false, err
	}
	var has int
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(max(version), 0) FROM schema_versions`).Scan(&has); err != nil {
		return false, err
	}
	switch {
	case has > len(files):
		return false, &NewerSchemaError{Has: has, Knows: len(files)}
	case has == len(files):
		return false, tx.Commit()
	}
	file := files[has]
	if !strings.HasPrefix(path.Base(file), fmt.Sprintf("%04d_", has+1)) {
		return false, fmt.Errorf("expected step %d and found %s", has+1, file)
	}
	text, err := migrations.ReadFile(file)
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO schema_versions (version, applied_at) VALUES ($1, $2)`, has+1, time.Now().UnixMilli()); err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	return true, tx.Commit()
}
