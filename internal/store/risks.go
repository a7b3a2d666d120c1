package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Risks returns the settings of a PostgreSQL server that are off, and with which a power
// cut loses what was committed. A file has none: we set its durability ourselves.
func (s *Store) Risks(ctx context.Context) ([]string, error) {
	if !s.writer.dialect.isShared {
		return nil, nil
	}
	return risks(ctx, s.read)
}

func risks(ctx context.Context, db *sql.DB) ([]string, error) {
	const off = `SELECT COALESCE(string_agg(name, ' ' ORDER BY name), '') FROM pg_settings
		WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'`
	var names string
	if err := db.QueryRowContext(ctx, off).Scan(&names); err != nil {
		return nil, fmt.Errorf("durability: %w", err)
	}
	return strings.Fields(names), nil
}
