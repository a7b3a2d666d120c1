package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

const settleSQL = `UPDATE leads SET state = $3, reason = $4, due_at = $5, turn_at = NULL, tries = $6,
	delivered_at = COALESCE(delivered_at, $7), confirmed_at = COALESCE(confirmed_at, $8) WHERE remote_id = $1 AND fence = $2`

// Settle writes down what has become of a claimed lead. The error wraps
// [lead.ErrLost] if the lease has run out and another courier has the lead. It
// wraps a [lead.IllegalMoveError] if the lead cannot come into the state. Then the
// settlement changes nothing.
func (s *Store) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	err := c.Lead.State.CheckMove(to.State)
	if to.State == lead.Sending { // its attempt has ended
		err = &lead.IllegalMoveError{From: c.Lead.State, To: to.State}
	}
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	err = s.writer.doLazily(ctx, func(tx *writeTx) error {
		err := checkFence(tx.exec(settleLead, int64(c.Lead.RemoteID), c.Fence, string(to.State), to.Reason, millis(to.DueAt), to.Tries,
			atIf(to, lead.Delivered), atIf(to, lead.Confirmed)))
		if err == nil {
			err = tx.tell(c.Lead.RemoteID, c.Lead.Site, c.Lead.State, to.State, to.At)
		}
		if err != nil || to.Attempt == nil {
			return err
		}
		return tx.endAttempt(c.Lead.RemoteID, to.Attempt)
	})
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// atIf returns the time of the settlement if it leads to the state, otherwise
// NULL.
func atIf(to lead.Settlement, state lead.State) sql.NullInt64 {
	if to.State != state {
		return sql.NullInt64{}
	}
	return millis(to.At)
}

// Unclaim gives back a lead that was claimed for a look-up and was not looked up.
// It keeps its place in the queue.
func (s *Store) Unclaim(ctx context.Context, c lead.Claim) error {
	err := s.writer.do(ctx, func(tx *writeTx) error {
		return checkFence(tx.Exec(`UPDATE leads SET due_at = turn_at, turn_at = NULL WHERE remote_id = $1 AND fence = $2`, int64(c.Lead.RemoteID), c.Fence))
	})
	if err != nil {
		return fmt.Errorf("unclaim: %w", err)
	}
	return nil
}

// checkFence returns [lead.ErrLost] if the statement has changed no lead, because
// the lead's fence was raised since.
func checkFence(res sql.Result, err error) error {
	isChanged, err := changed(res, err)
	if err == nil && !isChanged {
		return lead.ErrLost
	}
	return err
}

// changed reports whether a statement has changed a row.
func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Expire fails the leads of the site that were queued before a time, for a person
// to look at, and returns their ids. It looks at no more than the q.N leads that
// have been due for longest.
func (s *Store) Expire(ctx context.Context, site string, before time.Time, q lead.Due) ([]lead.RemoteID, error) {
	const stale = `FROM (SELECT remote_id, COALESCE(queued_at, received_at) AS queued FROM leads
		WHERE site = $1 AND state = ` + sqlQueued + ` AND due_at <= $2 ORDER BY due_at LIMIT $3) AS longest WHERE queued < $4`
	args := []any{site, q.Now.UnixMilli(), q.N, before.UnixMilli()}
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) `+stale, args...).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	var ids []lead.RemoteID // to be read only after a commit
	err := s.writer.do(ctx, func(tx *writeTx) error {
		rows, err := tx.Query(`UPDATE leads SET state = `+sqlFailed+`, reason = '`+lead.ReasonDeadline+`', due_at = NULL, fence = fence + 1
			WHERE remote_id IN (SELECT remote_id `+stale+`) AND state = `+sqlQueued+` RETURNING remote_id`, args...)
		if err != nil {
			return err
		}
		if ids, err = collect(rows, scanColumn[lead.RemoteID]); err != nil {
			return err
		}
		for _, id := range ids {
			if err := tx.tell(id, site, lead.Queued, lead.Failed, q.Now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("expire: %w", err)
	}
	return ids, nil
}
