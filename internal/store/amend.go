package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// Amend lets f change a lead on behalf of a person, and writes down the result.
// Whoever had claimed the lead is too late from then on. If f returns an error,
// nothing has changed, and the error wraps it. The error wraps [lead.ErrNotFound]
// if there is no such lead, and a [lead.IllegalMoveError] if the lead cannot come
// into the state that f gives it. f may run twice, each time on a fresh copy, and
// may still run after ctx has ended.
func (s *Store) Amend(ctx context.Context, id lead.RemoteID, f func(*lead.Lead) error) (lead.Lead, error) {
	var amended lead.Lead // to be read only after a commit
	err := s.writer.do(ctx, func(tx *writeTx) error {
		l, err := tx.find(id)
		if err != nil {
			return err
		}
		was := l.State
		if err := f(&l); err != nil {
			return err
		}
		amended = l
		now, err := tx.now()
		if err != nil {
			return err
		}
		if err := tx.note(ctx, access.Entry{Sites: []string{l.Site}, RemoteIDs: []lead.RemoteID{id}}); err != nil {
			return err
		}
		return tx.rewrite(was, &l, now)
	})
	if err != nil {
		return lead.Lead{}, fmt.Errorf("amend lead %d: %w", id, err)
	}
	return amended, nil
}

// find returns the lead, or [lead.ErrNotFound]. Nobody else can change it before
// the transaction has ended.
func (tx *writeTx) find(id lead.RemoteID) (lead.Lead, error) {
	l, err := scanLead(tx.QueryRow(`SELECT `+leadColumns+` FROM leads WHERE remote_id = $1`+tx.w.dialect.forUpdate, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		err = lead.ErrNotFound
	}
	return l, err
}

// rewrite writes everything that a person can change in a lead, which was in a
// state before that time. A lead that is queued again starts its schedule from the
// beginning.
func (tx *writeTx) rewrite(was lead.State, l *lead.Lead, now time.Time) error {
	if err := was.CheckMove(l.State); err != nil {
		return err
	}
	body, err := pack(l)
	if err != nil {
		return err
	}
	isRestarted := was != lead.Queued && l.State == lead.Queued
	_, err = tx.Exec(`UPDATE leads SET state = $1, reason = $2, property_id = $3, body = $4, due_at = $5, queued_at = $6,
		delivered_at = $7, confirmed_at = $8, tries = CASE WHEN $9 THEN 0 ELSE tries END, fence = fence + 1,
		moved_at = CASE WHEN state = $1 THEN moved_at ELSE $10 END WHERE remote_id = $11`,
		string(l.State), l.Reason, l.PropertyID, body, millis(l.DueAt), millis(l.QueuedAt),
		millis(l.DeliveredAt), millis(l.ConfirmedAt), isRestarted, now.UnixMilli(), int64(l.RemoteID))
	if err != nil {
		return err
	}
	return tx.tell(l.RemoteID, l.Site, was, l.State, now)
}

// Quarantine sets a lead apart if a sign of spam comes late, and reports whether
// it did. The lead must still be delayed until the given time, and no attempt may
// ever have begun. That time is [lead.Kept.DueAt]. A lead that a person or a better repeat has queued is no longer
// delayed, so it stays queued.
func (s *Store) Quarantine(ctx context.Context, id lead.RemoteID, until time.Time, reason string) (bool, error) {
	done, err := s.change(ctx, `UPDATE leads SET state = `+sqlQuarantined+`, reason = $1, due_at = NULL, fence = fence + 1
		WHERE remote_id = $2 AND state = `+sqlQueued+` AND attempt = 0 AND due_at = $3`, reason, int64(id), until.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("quarantine lead %d: %w", id, err)
	}
	return done, nil
}

// Confirm writes down that EasyBroker's list has the lead, with a reason if a
// person must look at it, and reports whether that was news. Whoever had claimed
// the lead is too late from then on. Two kinds of leads are confirmed although
// they were not delivered. A queued lead may have arrived before a backup was
// restored. A failed lead may be one that EasyBroker has taken and later refused.
// A lead that is being sent is left to its courier.
func (s *Store) Confirm(ctx context.Context, id lead.RemoteID, at time.Time, reason string) (bool, error) {
	var isNews bool // to be read only after a commit
	err := s.writer.do(ctx, func(tx *writeTx) error {
		var site string
		err := tx.QueryRow(`UPDATE leads SET state = `+sqlConfirmed+`, reason = CASE WHEN reason IN ('`+lead.ReasonErased+`', '`+lead.ReasonBlocked+`') THEN reason ELSE $1 END, due_at = NULL, confirmed_at = $2, fence = fence + 1
			WHERE remote_id = $3 AND state IN (`+sqlDelivered+`, `+sqlDoubtful+`, `+sqlQueued+`, `+sqlFailed+`) RETURNING site`,
			reason, at.UnixMilli(), int64(id)).Scan(&site)
		isNews = err == nil
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.tell(id, site, lead.Delivered, lead.Confirmed, at)
	})
	if err != nil {
		return false, fmt.Errorf("confirm lead %d: %w", id, err)
	}
	return isNews, nil
}

// change runs a statement about one lead, and reports whether it has changed it.
func (s *Store) change(ctx context.Context, statement string, args ...any) (bool, error) {
	var isChanged bool // to be read only after a commit
	err := s.writer.do(ctx, func(tx *writeTx) (err error) {
		isChanged, err = changed(tx.Exec(statement, args...))
		return err
	})
	return err == nil && isChanged, err
}
