package store

import (
	"context"
	"database/sql"

	"leadrelay/internal/lead"
)

// newestAttempts is how many of a lead's attempts are kept at least: on the usual
// schedule all. A key that is refused for days, or a broker that wants peace,
// makes thousands of one lead.
const newestAttempts = 100

// keptAttempt is the condition for an attempt of lead $1 that is kept: one of the
// $2 newest, the first, or the first that EasyBroker may have taken, from when on
// its list is read. So what is read of a lead has an end also where a version that
// kept all has left more.
const keptAttempt = `(number > (SELECT attempt FROM leads WHERE remote_id = $1) - $2 OR number = 1
	OR number = (SELECT COALESCE(min(number), 1) FROM attempts WHERE remote_id = $1 AND outcome IN ('unsure', 'delivered')))`

// forgetAttempts removes those of the claimed lead that are not kept any more. Their
// numbers tell that they were there.
func forgetAttempts(tx *sql.Tx, c *lead.Claim) error {
	if c.Number <= newestAttempts {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM attempts WHERE remote_id = $1 AND NOT `+keptAttempt, int64(c.Lead.RemoteID), newestAttempts)
	return err
}

func (s *Store) attempts(ctx context.Context, id lead.RemoteID) ([]lead.Attempt, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT number, begun_at, ended_at, outcome, status, detail, sent
		FROM attempts WHERE remote_id = $1 AND `+keptAttempt+` ORDER BY number`, int64(id), newestAttempts)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var attempts []lead.Attempt
	for rows.Next() {
		var a lead.Attempt
		var begun, ended sql.NullInt64
		var sent []byte
		if err := rows.Scan(&a.Number, &begun, &ended, &a.Outcome, &a.Status, &a.Detail, &sent); err != nil {
			return nil, err
		}
		a.BegunAt, a.EndedAt, a.Sent = fromMillis(begun), fromMillis(ended), scanSent(sent)
		attempts = append(attempts, a)
	}
	return attempts, rows.Err()
}
