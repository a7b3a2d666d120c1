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
		l, err := findIn(tx, id)
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

// findIn is Find within a transaction.
func findIn(tx *sql.Tx, id lead.RemoteID) (lead.Lead, error) {
	l, err := scanLead(tx.QueryRow(`SELECT `+leadColumns+` FROM leads WHERE remote_id = $1`, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		err = lead.ErrNotFound
	}
	return l, err
}

// rewrite writes all of a lead that a person can change. One that is queued
// anew begins its schedule anew, too.
func rewrite(tx *sql.Tx, l lead.Lead, anew bool) error {
	body, err := pack(&l)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE leads SET state = $1, reason = $2, property_id = $3, body = $4, due_at = $5, queued_at = $6,
		delivered_at = $7, confirmed_at = $8, tries = CASE WHEN $9 THEN 0 ELSE tries END, fence = fence + 1,
		moved_at = CASE WHEN state = $1 THEN moved_at ELSE $10 END WHERE remote_id = $11`,
		string(l.State), l.Reason, l.PropertyID, body, millis(l.DueAt), millis(l.QueuedAt),
		millis(l.DeliveredAt), millis(l.ConfirmedAt), anew, time.Now().UnixMilli(), int64(l.RemoteID))
	return err
}

// SetApart quarantines a lead of which a late sign says that it is spam, and
// reports whether it did: the lead must still be held until that time, and no
// attempt may ever have begun. What a person has queued, or a better repeat, is
// not held any more and stays queued.
func (s *Store) SetApart(ctx context.Context, id lead.RemoteID, until time.Time, reason string) (bool, error) {
	apart, err := s.change(ctx, `UPDATE leads SET state = 'quarantined', reason = $1, due_at = NULL, fence = fence + 1
		WHERE remote_id = $2 AND state = 'queued' AND attempt = 0 AND due_at = $3`, reason, int64(id), until.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("set lead %d apart: %w", id, err)
	}
	return apart, nil
}

// Confirm writes down that EasyBroker's list has the lead, with what a person
// must know of it, if anything, and reports whether that was news. A lead that
// still waits to be sent is confirmed as well: a backup that was restored does
// not know what has arrived since. So is one that has failed: EasyBroker may
// refuse what it has taken before. Whoever had claimed it is too late from then
// on. One that is being sent right now is left to its courier.
func (s *Store) Confirm(ctx context.Context, id lead.RemoteID, at time.Time, reason string) (bool, error) {
	news, err := s.change(ctx, `UPDATE leads SET state = 'confirmed', reason = $1, due_at = NULL, confirmed_at = $2, fence = fence + 1
		WHERE remote_id = $3 AND state IN ('delivered', 'doubtful', 'queued', 'failed')`, reason, at.UnixMilli(), int64(id))
	if err != nil {
		return false, fmt.Errorf("confirm lead %d: %w", id, err)
	}
	return news, nil
}

// change runs a statement that is about one lead, and reports whether it has
// changed it.
func (s *Store) change(ctx context.Context, statement string, args ...any) (bool, error) {
	var changed bool // read only after a commit
	err := s.do(ctx, func(tx *sql.Tx) error {
		res, err := tx.Exec(statement, args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		changed = n == 1
		return err
	})
	if err != nil {
		return false, err
	}
	return changed, nil
}
