package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"leadrelay/internal/lead"
)

// secondsEnd is above all ids that count seconds, and below those that count
// milliseconds.
const secondsEnd = 1 << 32

// LastEvent returns where somebody begins who watches from now on.
func (s *Store) LastEvent(ctx context.Context) (c lead.EventCursor, err error) {
	err = s.people.QueryRowContext(ctx, `SELECT COALESCE((SELECT max(remote_id) FROM leads WHERE remote_id > $1), $1),
		COALESCE((SELECT max(remote_id) FROM leads WHERE remote_id < $1), 0)`, int64(secondsEnd)).Scan(&c.Milliseconds, &c.Seconds)
	if err != nil {
		return c, fmt.Errorf("last event: %w", err)
	}
	err = s.people.QueryRowContext(ctx, s.writer.dialect.lastChange).Scan(&c.Tx, &c.Number)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("last event: %w", err)
	}
	return c, nil
}

// maxEvents is how many events of a kind are read at once.
const maxEvents = 500

// Events returns the new leads, and the changes of states, since the cursor, and where to
// go on. There may be more if there are many. isLost says that so much has changed since
// the cursor that the changes are not known any more. There are none of blocked leads.
func (s *Store) Events(ctx context.Context, c lead.EventCursor) (events []lead.Event, next lead.EventCursor, isLost bool, err error) {
	isKnown := true
	if c.Number > 0 {
		err = s.people.QueryRowContext(ctx, s.writer.dialect.hasChange, s.changeID(c.Tx), c.Number).Scan(&isKnown)
	}
	if err != nil || !isKnown {
		return nil, c, !isKnown, err
	}
	next = c
	for _, fresh := range []struct {
		last *int64
		end  int64
	}{{&next.Milliseconds, maxMillis}, {&next.Seconds, secondsEnd}} {
		rows, err := s.people.QueryContext(ctx, `SELECT remote_id, site, state FROM leads WHERE remote_id > $1 AND remote_id < $2 AND `+isSeen+` ORDER BY remote_id LIMIT $3`,
			*fresh.last, fresh.end, maxEvents)
		if err != nil {
			return nil, c, false, fmt.Errorf("events: %w", err)
		}
		kept, err := collect(rows, func(row scanner) (e lead.Event, err error) {
			err = row.Scan(&e.RemoteID, &e.Site, &e.State)
			return e, err
		})
		if err != nil {
			return nil, c, false, fmt.Errorf("events: %w", err)
		}
		if len(kept) > 0 {
			*fresh.last = int64(kept[len(kept)-1].RemoteID)
			events = append(events, kept...)
		}
	}
	rows, err := s.people.QueryContext(ctx, s.writer.dialect.changes, s.changeID(c.Tx), c.Number, maxEvents)
	if err != nil {
		return nil, c, false, fmt.Errorf("events: %w", err)
	}
	var isBlocked bool
	scan := func(row scanner) (e lead.Event, err error) {
		err = row.Scan(&next.Tx, &next.Number, &e.RemoteID, &e.Site, &e.State, &isBlocked)
		return e, err
	}
	for e, err := range each(rows, scan) {
		if err != nil {
			return nil, c, false, fmt.Errorf("events: %w", err)
		}
		if !isBlocked {
			events = append(events, e)
		}
	}
	return events, next, false, nil
}

// changeID returns the parameter for a transaction, which PostgreSQL reads as text.
func (s *Store) changeID(tx int64) any {
	if s.IsShared() {
		return strconv.FormatInt(tx, 10)
	}
	return tx
}

// keptChanges is how many changes are kept for who comes back.
const keptChanges = 20_000

// DeleteOldChanges deletes the changes that nobody asks for any more, a few to a commit.
func (s *Store) DeleteOldChanges(ctx context.Context) error {
	const step = 1000
	for more := true; more; {
		var isDue bool // most often not, and then it must cost no commit
		if err := s.read.QueryRowContext(ctx, s.writer.dialect.hasOldChange, keptChanges+step).Scan(&isDue); err != nil || !isDue {
			return err
		}
		err := s.writer.doLazily(ctx, func(tx *writeTx) error {
			res, err := tx.Exec(s.writer.dialect.deleteChanges, keptChanges, step)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			more = n == step
			return err
		})
		if err != nil {
			return fmt.Errorf("delete old changes: %w", err)
		}
	}
	return nil
}
