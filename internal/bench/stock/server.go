package stock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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

// FillPeopleServer is [FillPeople] for an empty PostgreSQL database. It tells how many leads
// are there, now and then.
func FillPeopleServer(ctx context.Context, address string, total int, tell func(n int)) error {
	s, err := store.OpenPostgres(ctx, address, store.PostgresOptions{})
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil { // it has made the tables
		return err
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	err = copyPeople(ctx, conn, total, tell)
	if err == nil {
		_, err = conn.Exec(ctx, `SELECT setval('remote_ids_ms', (SELECT max(remote_id) FROM leads))`)
	}
	return errors.Join(err, conn.Close(ctx))
}

func copyPeople(ctx context.Context, conn *pgx.Conn, total int, tell func(n int)) error {
	const step = tellEvery
	at := peopleRows(total)
	for from := 0; from < total; from += step {
		rows := pgx.CopyFromSlice(min(step, total-from), func(i int) ([]any, error) { return at(from + i) })
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{"leads"}, peopleColumns, rows); err != nil {
			return fmt.Errorf("fill %d: %w", from, err)
		}
		tell(min(from+step, total))
	}
	return nil
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
