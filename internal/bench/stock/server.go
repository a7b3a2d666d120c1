package stock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// FillServer is [Fill] for a PostgreSQL database whose leads are all due.
func FillServer(ctx context.Context, address string, due int) error {
	s, err := store.OpenPostgres(ctx, address, store.PostgresOptions{})
	if err != nil {
		return err
	}
	l, err := Draft(time.Now().Add(-age))
	if err == nil {
		_, err = s.Keep(ctx, lead.Submission{Lead: l, Tick: lead.Milliseconds})
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	return Execute(ctx, address,
		fmt.Sprintf(`INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at)
			SELECT remote_id - i, site, state, property_id, body, received_at - i, due_at - i FROM leads, generate_series(1, %d) AS i`, due-1),
		`VACUUM ANALYZE leads`, `CHECKPOINT`)
}

// Execute executes statements in a PostgreSQL database.
func Execute(ctx context.Context, address string, statements ...string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", statement, err), db.Close())
		}
	}
	return db.Close()
}
