package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

// Amend lets f change a lead as a person wants it, and writes down what has
// become of it. Whoever had claimed the lead is too late from then on. When f
// returns an error nothing has changed, and the error wraps it; it wraps
// [lead.ErrNotFound] when there is no such lead. f may run twice, each time on
// a fresh copy, and may outlive a ctx that ends.
func (s *Store) Amend(ctx context.Context, id lead.RemoteID, f func(*lead.Lead) error) (lead.Lead, error) {
	var amended lead.Lead // read only after a commit
	err := s.do(ctx, func(tx *sql.Tx) error {
		l, err := scanLead(tx.QueryRow(`SELECT `+leadColumns+` FROM leads WHERE remote_id = $1`, int64(id)))
		if errors.Is(err, sql.ErrNoRows) {
			return lead.ErrNotFound
		}
		if err != nil {
			return err
		}
		was := l.State
		if err := f(&l); err != nil {
			return err
		}
		amended = l
		return rewrite(tx, l, was != lead.Queued && l.State == lead.Queued)
	})
	if err != nil {
		return lead.Lead{}, fmt.Errorf("amend lead %d: %w", id, err)
	}
	return amended, nil
}

// rewrite writes all of a lead that a person can change. One that is queued
// anew begins its schedule anew, too.
func rewrite(tx *sql.Tx, l lead.Lead, anew bool) error {
	body, err := pack(&l)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE leads SET state = $1, reason = $2, property_id = $3, body = $4, due_at = $5, queued_at = $6,
		delivered_at = $7, confirmed_at = $8, tries = CASE WHEN $9 THEN 0 ELSE tries END, fence = fence + 1 WHERE remote_id = $10`,
		string(l.State), l.Reason, l.PropertyID, string(body), millis(l.DueAt), millis(l.QueuedAt),
		millis(l.DeliveredAt), millis(l.ConfirmedAt), anew, int64(l.RemoteID))
	return err
}

// Confirm writes down that EasyBroker's list has the lead, with what a person
// must know of it, if anything, and reports whether that was news. A lead that still waits to be sent is confirmed as well: a
// backup that was restored does not know what has arrived since. Whoever had
// claimed it is too late from then on. One that is being sent right now is
// left to its courier.
func (s *Store) Confirm(ctx context.Context, id lead.RemoteID, at time.Time, reason string) (bool, error) {
	var news bool // read only after a commit
	err := s.do(ctx, func(tx *sql.Tx) error {
		res, err := tx.Exec(`UPDATE leads SET state = 'confirmed', reason = $1, due_at = NULL, confirmed_at = $2, fence = fence + 1
			WHERE remote_id = $3 AND state IN ('delivered', 'doubtful', 'queued')`, reason, at.UnixMilli(), int64(id))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		news = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("confirm lead %d: %w", id, err)
	}
	return news, nil
}
