package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

// Claim takes up to n leads of the site that are due, for as long as the
// lease. Those whose earlier lease ran out in the middle of an attempt come
// back as doubtful, with that attempt closed as unsure. When fewer than n are
// due, next is when another one will be, or zero.
func (s *Store) Claim(ctx context.Context, site string, now time.Time, n int, lease time.Duration) (claims []lead.Claim, next time.Time, err error) {
	// Most wake-ups find nothing to do; they must not cost a commit.
	if next, err = s.nextDue(ctx, site); err != nil || next.IsZero() || next.After(now) {
		return nil, next, err
	}
	var due []lead.Claim // read only after a commit: the writer may outlive ctx
	err = s.do(ctx, func(tx *sql.Tx) error {
		var err error
		if due, err = s.claimDue(tx, site, now, n, lease); err != nil {
			return err
		}
		for i := range due {
			if err := recall(tx, &due[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("claim: %w", err)
	}
	if len(due) < n {
		next, err = s.nextDue(ctx, site)
	}
	return due, next, err
}

func (s *Store) nextDue(ctx context.Context, site string) (time.Time, error) {
	var due sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT min(due_at) FROM leads WHERE site = $1 AND due_at IS NOT NULL`, site).Scan(&due)
	return fromMillis(due), err
}

// claimSQL takes the leads that are due longest; %s is where a database passes
// over rows that another replica is taking.
const claimSQL = `UPDATE leads
	SET fence = fence + 1, due_at = $1, state = CASE state WHEN 'sending' THEN 'doubtful' ELSE state END
	WHERE remote_id IN (SELECT remote_id FROM leads WHERE site = $2 AND due_at <= $3 ORDER BY due_at LIMIT $4 %s)
	RETURNING ` + leadColumns + `, fence, tries`

func (s *Store) claimDue(tx *sql.Tx, site string, now time.Time, n int, lease time.Duration) ([]lead.Claim, error) {
	rows, err := tx.Query(s.dialect.claim, now.Add(lease).UnixMilli(), site, now.UnixMilli(), n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var claims []lead.Claim
	for rows.Next() {
		var c lead.Claim
		if c.Lead, err = scanLead(rows, &c.Fence, &c.Tries); err != nil {
			return nil, err
		}
		claims = append(claims, c)
	}
	return claims, rows.Err()
}

// recall closes an attempt that nobody will end any more, and reads when the
// lead's attempts began.
func recall(tx *sql.Tx, c *lead.Claim, now time.Time) error {
	if c.Lead.State != lead.Doubtful {
		return nil
	}
	_, err := tx.Exec(`UPDATE attempts SET ended_at = $1, outcome = 'unsure', detail = 'interrupted'
		WHERE remote_id = $2 AND ended_at IS NULL`, now.UnixMilli(), int64(c.Lead.RemoteID))
	if err != nil {
		return err
	}
	var first, last sql.NullInt64
	err = tx.QueryRow(`SELECT min(begun_at), max(begun_at) FROM attempts WHERE remote_id = $1`,
		int64(c.Lead.RemoteID)).Scan(&first, &last)
	c.FirstAttempt, c.LastAttempt = fromMillis(first), fromMillis(last)
	return err
}

// Begin writes down that an attempt begins, before its first byte leaves, and
// returns the attempt's number; the lease starts anew. The error wraps
// [lead.ErrLost] when the lease ran out and another courier has the lead.
func (s *Store) Begin(ctx context.Context, c lead.Claim, now time.Time, lease time.Duration) (int, error) {
	var number int // read only after a commit
	err := s.do(ctx, func(tx *sql.Tx) error {
		if err := change(tx, c, `state = 'sending', due_at = $3`, now.Add(lease).UnixMilli()); err != nil {
			return err
		}
		return tx.QueryRow(`INSERT INTO attempts (remote_id, number, begun_at)
			SELECT $1, 1 + COALESCE(max(number), 0), $2 FROM attempts WHERE remote_id = $1 RETURNING number`,
			int64(c.Lead.RemoteID), now.UnixMilli()).Scan(&number)
	})
	if err != nil {
		return 0, fmt.Errorf("begin attempt: %w", err)
	}
	return number, nil
}

// Settle writes down what became of a claimed lead. The error wraps
// [lead.ErrLost] when the lease ran out and another courier has the lead: the
// settlement then changes nothing.
func (s *Store) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	err := s.do(ctx, func(tx *sql.Tx) error {
		err := change(tx, c, `state = $3, reason = $4, due_at = $5, tries = $6,
			delivered_at = COALESCE(delivered_at, $7), confirmed_at = COALESCE(confirmed_at, $8)`,
			string(to.State), to.Reason, millis(to.DueAt), to.Tries, when(to, lead.Delivered), when(to, lead.Confirmed))
		if err != nil || to.Attempt == nil {
			return err
		}
		a := to.Attempt
		_, err = tx.Exec(`UPDATE attempts SET ended_at = $1, outcome = $2, status = $3, detail = $4
			WHERE remote_id = $5 AND number = $6`,
			a.EndedAt.UnixMilli(), string(a.Outcome), a.Status, a.Detail, int64(c.Lead.RemoteID), a.Number)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// when is the time of the settlement, if it is the one that leads to the state.
func when(to lead.Settlement, state lead.State) sql.NullInt64 {
	if to.State != state {
		return sql.NullInt64{}
	}
	return millis(to.At)
}

// Release gives a claimed lead back untried: it is due at once.
func (s *Store) Release(ctx context.Context, c lead.Claim, now time.Time) error {
	err := s.do(ctx, func(tx *sql.Tx) error { return change(tx, c, `due_at = $3`, now.UnixMilli()) })
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// change updates a claimed lead if it is still ours. Parameters of set count
// from $3.
func change(tx *sql.Tx, c lead.Claim, set string, args ...any) error {
	args = append([]any{int64(c.Lead.RemoteID), c.Fence}, args...)
	res, err := tx.Exec(`UPDATE leads SET `+set+` WHERE remote_id = $1 AND fence = $2`, args...) //nolint:gosec // set is one of the three texts above
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return lead.ErrLost
}
