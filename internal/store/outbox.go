package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"leadrelay/internal/lead"
)

// The courier takes leads in two ways: queued ones to send, all others to look
// up. lookStates is the order in which the others matter: a sending lead is due
// when its lease ran out in the middle of an attempt.
var lookStates = []lead.State{lead.Sending, lead.Doubtful, lead.Delivered, lead.Confirmed}

// Begin takes up to q.N queued leads of the site that are due, and writes down
// that an attempt begins for each, before its first byte leaves: all in one
// commit. When fewer are due, next is when another one will be, or zero.
func (s *Store) Begin(ctx context.Context, site string, q lead.Due) (claims []lead.Claim, next time.Time, err error) {
	if !q.Sure { // most wake-ups find nothing to do; they must not cost a commit
		next, err = s.nextDue(ctx, site, lead.Queued, q)
		if err != nil || next.IsZero() || next.After(q.Now) {
			return nil, next, err
		}
	}
	var begun []lead.Claim // read only after a commit: the writer may outlive ctx
	err = s.do(ctx, func(tx *sql.Tx) error {
		var err error
		if begun, err = s.take(tx, site, lead.Queued, q); err != nil {
			return err
		}
		intent := s.bind(tx, s.stmt.intent) //nolint:sqlclosecheck // the transaction's end closes it
		for i := range begun {
			c := &begun[i]
			if _, err := intent.Exec(int64(c.Lead.RemoteID), c.Number, q.Now.UnixMilli(), sent(q, &c.Lead)); err != nil {
				return fmt.Errorf("intent: %w", err)
			}
			if c.Number > 1 {
				if err := forgetAttempts(tx, c); err != nil {
					return fmt.Errorf("forget attempts: %w", err)
				}
				if err := recall(tx, c); err != nil {
					return fmt.Errorf("recall: %w", err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("begin attempts: %w", err)
	}
	if len(begun) < q.N {
		next, err = s.nextDue(ctx, site, lead.Queued, lead.Due{Now: q.Now, Far: q.Far, Except: q.Except})
	}
	return begun, next, err
}

// Look takes up to q.N leads of the sites that are due for a look-up, as far as
// they have 1 MiB together. Those whose lease ran out in the middle of an attempt
// come back as doubtful, with that attempt closed as unsure. When fewer than q.N
// are taken, next is when another one is due, which may be now, or zero.
func (s *Store) Look(ctx context.Context, sites []string, q lead.Due) (claims []lead.Claim, next time.Time, err error) {
	if next, err = s.nextLook(ctx, sites, q); err != nil || next.IsZero() || next.After(q.Now) {
		return nil, next, err
	}
	var due []lead.Claim // read only after a commit: the writer may outlive ctx
	err = s.do(ctx, func(tx *sql.Tx) error {
		var err error
		if due, err = s.takeToLook(tx, sites, q); err != nil {
			return err
		}
		for i := range due {
			if err := closeOpen(tx, &due[i], q.Now); err != nil {
				return err
			}
			if err := recall(tx, &due[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("claim look-ups: %w", err)
	}
	if len(due) < q.N {
		next, err = s.nextLook(ctx, sites, q)
	}
	return due, next, err
}

// takeToLook takes few leads at a time: SQLite holds all that a statement takes,
// and whoever looks them up holds them for minutes.
func (s *Store) takeToLook(tx *sql.Tx, sites []string, q lead.Due) (due []lead.Claim, err error) {
	const step, mostBytes = 32, 1 << 20
	size := 0
	for _, state := range lookStates {
		for _, site := range sites {
			for more := true; more && len(due) < q.N && size < mostBytes; {
				some := q
				some.N = min(step, q.N-len(due))
				taken, err := s.take(tx, site, state, some)
				if err != nil {
					return nil, err
				}
				for i := range taken {
					size += sizeOf(&taken[i].Lead)
				}
				due, more = append(due, taken...), len(taken) == some.N
			}
		}
	}
	return due, nil
}

func (s *Store) nextLook(ctx context.Context, sites []string, q lead.Due) (next time.Time, err error) {
	for _, state := range lookStates {
		for _, site := range sites {
			due, err := s.nextDue(ctx, site, state, q)
			if err != nil {
				return time.Time{}, err
			}
			if !due.IsZero() && (next.IsZero() || due.Before(next)) {
				next = due
			}
		}
	}
	return next, nil
}

// nextDue is when a lead of the site in the state is due, not counting those
// that fell due before q.Since. A lead that is due later than any could be was
// written down before the clock was set back: it is due now.
func (s *Store) nextDue(ctx context.Context, site string, state lead.State, q lead.Due) (time.Time, error) {
	var first, last sql.NullInt64
	err := s.nextDueRow(ctx, q, site, string(state), bound(q.Since, 0)).Scan(&first, &last)
	if err != nil || q.Far == 0 || !last.Valid || fromMillis(last).Before(q.Now.Add(q.Far)) {
		return fromMillis(first), err
	}
	err = s.do(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE leads SET due_at = $1 WHERE site = $2 AND state = $3 AND due_at >= $4`,
			q.Now.UnixMilli(), site, string(state), q.Now.Add(q.Far).UnixMilli())
		return err
	})
	return q.Now, err
}

const nextDueSQL = `SELECT (SELECT min(due_at) FROM leads WHERE site = $1 AND state = $2 AND due_at >= $3),
	(SELECT max(due_at) FROM leads WHERE site = $1 AND state = $2)`

// takeSQL takes the leads that are due longest; %s is where a database passes
// over rows that another replica is taking. A due lead that is not queued
// either has been looked up before, or its attempt was cut. (SQLite would plan
// the statement anew each time for a limit that is a mere parameter.)
const takeSQL = `UPDATE leads SET fence = fence + 1, turn_at = due_at, due_at = $1,
	attempt = CASE state WHEN 'queued' THEN attempt + 1 ELSE attempt END,
	state = CASE state WHEN 'queued' THEN 'sending' WHEN 'sending' THEN 'doubtful' ELSE state END
	WHERE remote_id IN (SELECT remote_id FROM leads
		WHERE site = $2 AND state = $3 AND due_at >= $4 AND due_at <= $5 ORDER BY due_at LIMIT $6 + 0 %s)
	RETURNING ` + leadColumns + `, fence, tries, turn_at, attempt`

func (s *Store) take(tx *sql.Tx, site string, state lead.State, q lead.Due) ([]lead.Claim, error) {
	rows, err := s.takeRows(tx, q, q.Now.Add(q.Lease).UnixMilli(), site, string(state), bound(q.Since, 0), q.Now.UnixMilli(), q.N)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var claims []lead.Claim
	for rows.Next() {
		var c lead.Claim
		var turn sql.NullInt64
		if c.Lead, err = scanLead(rows, &c.Fence, &c.Tries, &turn, &c.Number); err != nil {
			return nil, err
		}
		if state != lead.Queued {
			c.Number = 0 // none begins
		}
		c.TurnAt = fromMillis(turn)
		claims = append(claims, c)
	}
	slices.SortFunc(claims, func(a, b lead.Claim) int {
		return cmp.Or(a.TurnAt.Compare(b.TurnAt), cmp.Compare(a.Lead.RemoteID, b.Lead.RemoteID))
	})
	return claims, rows.Err()
}

const intentSQL = `INSERT INTO attempts (remote_id, number, begun_at, sent) VALUES ($1, $2, $3, $4)`

// sent is the fingerprint of an attempt, as the database holds it.
func sent(q lead.Due, l *lead.Lead) any {
	if q.Sent == nil {
		return nil
	}
	f := q.Sent(l)
	return f[:]
}

// scanSent reads a fingerprint; it is zero when none was written down.
func scanSent(b []byte) (f lead.Fingerprint) {
	copy(f[:], b)
	return f
}

// closeOpen closes an attempt that nobody will end any more.
func closeOpen(tx *sql.Tx, c *lead.Claim, now time.Time) error {
	_, err := tx.Exec(`UPDATE attempts SET ended_at = $1, outcome = 'unsure', detail = 'interrupted'
		WHERE remote_id = $2 AND ended_at IS NULL`, now.UnixMilli(), int64(c.Lead.RemoteID))
	return err
}

// recall reads what is known of the attempts that EasyBroker may have taken.
// First and last are they by their number: the clock may have been set in
// between.
func recall(tx *sql.Tx, c *lead.Claim) error {
	rows, err := tx.Query(`SELECT begun_at, ended_at, outcome, status, sent FROM attempts
		WHERE remote_id = $1 AND ended_at IS NOT NULL AND `+keptAttempt+` ORDER BY number`, int64(c.Lead.RemoteID), newestAttempts)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var begun, ended sql.NullInt64
		var outcome lead.Outcome
		var sent []byte
		if err := rows.Scan(&begun, &ended, &outcome, &c.LastStatus, &sent); err != nil {
			return err
		}
		switch outcome {
		case lead.OutcomeUnsure, lead.OutcomeDelivered:
			if c.Perhaps++; c.Perhaps == 1 {
				c.FirstAttempt = fromMillis(begun)
			}
			c.LastAttempt, c.LastEnd = fromMillis(begun), fromMillis(ended)
			c.Sent = append(c.Sent, scanSent(sent))
		case lead.OutcomeDeferred:
			c.Deferred = append(c.Deferred, c.LastStatus)
		case lead.OutcomeRefused:
		}
	}
	return rows.Err()
}

// Settle writes down what became of a claimed lead. The error wraps
// [lead.ErrLost] when the lease ran out and another courier has the lead: the
// settlement then changes nothing.
func (s *Store) Settle(ctx context.Context, c lead.Claim, to lead.Settlement) error {
	err := s.doLazily(ctx, func(tx *sql.Tx) error {
		err := ours(s.bind(tx, s.stmt.settle).Exec(int64(c.Lead.RemoteID), c.Fence, string(to.State), to.Reason, millis(to.DueAt), to.Tries, //nolint:sqlclosecheck // as above
			when(to, lead.Delivered), when(to, lead.Confirmed)))
		if err != nil || to.Attempt == nil {
			return err
		}
		a := to.Attempt
		_, err = s.bind(tx, s.stmt.end).Exec(a.EndedAt.UnixMilli(), string(a.Outcome), a.Status, a.Detail, int64(c.Lead.RemoteID), a.Number) //nolint:sqlclosecheck // as above
		return err
	})
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

const (
	settleSQL = `UPDATE leads SET state = $3, reason = $4, due_at = $5, turn_at = NULL, tries = $6,
		delivered_at = COALESCE(delivered_at, $7), confirmed_at = COALESCE(confirmed_at, $8) WHERE remote_id = $1 AND fence = $2`
	endSQL = `UPDATE attempts SET ended_at = $1, outcome = $2, status = $3, detail = $4 WHERE remote_id = $5 AND number = $6`
)

// when is the time of the settlement, if it is the one that leads to the state.
func when(to lead.Settlement, state lead.State) sql.NullInt64 {
	if to.State != state {
		return sql.NullInt64{}
	}
	return millis(to.At)
}

// Release gives back a lead that was to be looked up and was not: it keeps its
// turn.
func (s *Store) Release(ctx context.Context, c lead.Claim) error {
	err := s.do(ctx, func(tx *sql.Tx) error {
		return ours(tx.Exec(`UPDATE leads SET due_at = turn_at, turn_at = NULL WHERE remote_id = $1 AND fence = $2`, int64(c.Lead.RemoteID), c.Fence))
	})
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// ours reports [lead.ErrLost] when the change found nobody to change.
func ours(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return lead.ErrLost
}

// Expire fails those of the site's leads that were queued before a time, for a
// person to look at, and returns their ids. It looks at those that are due
// longest, as many as q.N.
func (s *Store) Expire(ctx context.Context, site string, before time.Time, q lead.Due) ([]lead.RemoteID, error) {
	const stale = `FROM (SELECT remote_id, COALESCE(queued_at, received_at) AS queued FROM leads
		WHERE site = $1 AND state = 'queued' AND due_at <= $2 ORDER BY due_at LIMIT $3) AS longest WHERE queued < $4`
	args := []any{site, q.Now.UnixMilli(), q.N, before.UnixMilli()}
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) `+stale, args...).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	var ids []lead.RemoteID // read only after a commit
	err := s.do(ctx, func(tx *sql.Tx) error {
		var err error
		ids, err = scanIDs(tx.Query(`UPDATE leads SET state = 'failed', reason = '`+lead.ReasonDeadline+`', due_at = NULL, fence = fence + 1
			WHERE remote_id IN (SELECT remote_id `+stale+`) RETURNING remote_id`, args...))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("expire: %w", err)
	}
	return ids, nil
}

func scanIDs(rows *sql.Rows, err error) ([]lead.RemoteID, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var ids []lead.RemoteID
	for rows.Next() {
		var id lead.RemoteID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
