package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

// endedAt is when a lead came into its state: a confirmed one when it was seen,
// any other when a person moved it there, and one that the door or a late sign
// set apart when it was received. It is as the index says it.
const endedAt = `COALESCE(confirmed_at, moved_at, received_at)`

// The states stand there as the index has them, for SQLite uses it only then. A
// lead that is still due is not at its end.
const erasableSQL = `SELECT remote_id FROM leads WHERE state IN ('quarantined', 'discarded', 'confirmed') AND state = '%s' AND ` + endedAt + ` < $1 AND due_at IS NULL ORDER BY ` + endedAt + ` LIMIT $2`

// Erase removes the quarantined, discarded or confirmed leads that came into the
// state before then, with their attempts, and returns how many. It goes in small
// steps that share commits with others, and rests between them, so that whoever
// keeps a lead meanwhile does not notice. The rows that know a repeat go by
// themselves after a day, and no lead is erased sooner.
func (s *Store) Erase(ctx context.Context, state lead.State, before time.Time) (erased int, err error) {
	const step, rest = 64, 3 // leads, and how many times as long as a step took
	for {
		begun := time.Now()
		due, err := idsOf(s.read.QueryContext(ctx, fmt.Sprintf(erasableSQL, state), before.UnixMilli(), 1))
		if err != nil {
			return erased, fmt.Errorf("erase %s leads: %w", state, err)
		}
		if len(due) == 0 { // most often, and that must cost no commit
			return erased, nil
		}
		n, err := s.eraseSome(ctx, state, before, step)
		erased += n
		if err != nil {
			return erased, fmt.Errorf("erase %s leads: %w", state, err)
		}
		select {
		case <-time.After(max(time.Since(begun)*rest, time.Millisecond)):
		case <-ctx.Done():
			return erased, nil
		}
	}
}

func (s *Store) eraseSome(ctx context.Context, state lead.State, before time.Time, most int) (int, error) {
	var ids []int64 // read only after a commit
	err := s.doLazily(ctx, func(tx *sql.Tx) (err error) {
		if ids, err = idsOf(tx.Query(fmt.Sprintf(erasableSQL, state), before.UnixMilli(), most)); err != nil {
			return err
		}
		for _, id := range ids {
			for _, statement := range []string{`DELETE FROM attempts WHERE remote_id = $1`, `DELETE FROM leads WHERE remote_id = $1`} {
				if _, err := tx.Exec(statement, id); err != nil {
					return err
				}
			}
		}
		return s.forget(tx, time.Now()) // also when no lead comes in any more
	})
	if err != nil {
		return 0, err
	}
	return len(ids), nil
}

func idsOf(rows *sql.Rows, err error) (ids []int64, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
