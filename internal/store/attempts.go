package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

const (
	beginAttemptSQL = `INSERT INTO attempts (remote_id, number, begun_at, sent) VALUES ($1, $2, $3, $4)`
	endAttemptSQL   = `UPDATE attempts SET ended_at = $1, outcome = $2, status = $3, detail = $4 WHERE remote_id = $5 AND number = $6`
)

// beginAttempt writes down that an attempt begins for the claimed lead, and loads
// the earlier ones.
func (tx *writeTx) beginAttempt(c *lead.Claim, q lead.Due) error {
	var fingerprint any // NULL if nobody asks for it later
	if q.Fingerprint != nil {
		f := q.Fingerprint(&c.Lead)
		fingerprint = f[:]
	}
	if _, err := tx.exec(beginAttempt, int64(c.Lead.RemoteID), c.Number, q.Now.UnixMilli(), fingerprint); err != nil {
		return fmt.Errorf("intent: %w", err)
	}
	if c.Number == 1 {
		return nil
	}
	if err := tx.deleteOldAttempts(c); err != nil {
		return fmt.Errorf("delete old attempts: %w", err)
	}
	if err := tx.loadAttempts(c); err != nil {
		return fmt.Errorf("load attempts: %w", err)
	}
	return nil
}

func (tx *writeTx) endAttempt(id lead.RemoteID, a *lead.Attempt) error {
	_, err := tx.exec(endAttempt, a.EndedAt.UnixMilli(), string(a.Outcome), a.Status, a.Detail, int64(id), a.Number)
	return err
}

// closeAttempt closes an attempt of the lead that is still open, because its
// courier is gone.
func (tx *writeTx) closeAttempt(c *lead.Claim, now time.Time) error {
	_, err := tx.Exec(`UPDATE attempts SET ended_at = $1, outcome = 'unsure', detail = '`+lead.ReasonInterrupted+`'
		WHERE remote_id = $2 AND ended_at IS NULL`, now.UnixMilli(), int64(c.Lead.RemoteID))
	return err
}

// newestAttempts is how many of a lead's newest attempts are always kept. A usual lead
// has fewer. A key that is refused for days, or a broker that asks us to slow
// down, makes thousands for one lead.
const newestAttempts = 100

// keptAttempt is the condition for an attempt of lead $1 that is kept: it is one
// of the $2 newest, the first, or the first that EasyBroker may have taken. (Its
// list is read from that time on.) Readers use it too, because an older version
// kept all attempts.
const keptAttempt = `(number > (SELECT attempt FROM leads WHERE remote_id = $1) - $2 OR number = 1
	OR number = (SELECT COALESCE(min(number), 1) FROM attempts WHERE remote_id = $1 AND outcome IN ('unsure', 'delivered')))`

// deleteOldAttempts deletes the attempts of the claimed lead that are not kept any
// more. The numbers of the others show that there were more.
func (tx *writeTx) deleteOldAttempts(c *lead.Claim) error {
	if c.Number <= newestAttempts {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM attempts WHERE remote_id = $1 AND NOT `+keptAttempt, int64(c.Lead.RemoteID), newestAttempts)
	return err
}

// loadAttempts loads into the claim what is known of the lead's attempts that have
// ended. The first and the last are found by their numbers, because the clock may
// have been set in between.
func (tx *writeTx) loadAttempts(c *lead.Claim) error {
	rows, err := tx.Query(`SELECT begun_at, ended_at, outcome, status, sent FROM attempts
		WHERE remote_id = $1 AND ended_at IS NOT NULL AND `+keptAttempt+` ORDER BY number`, int64(c.Lead.RemoteID), newestAttempts)
	if err != nil {
		return err
	}
	var begun, ended sql.NullInt64
	var fingerprint []byte
	scan := func(row scanner) (outcome lead.Outcome, err error) {
		err = row.Scan(&begun, &ended, &outcome, &c.LastStatus, &fingerprint)
		return outcome, err
	}
	for outcome, err := range each(rows, scan) {
		if err != nil {
			return err
		}
		switch outcome {
		case lead.OutcomeUnsure, lead.OutcomeDelivered:
			if c.MaybeTaken++; c.MaybeTaken == 1 {
				c.FirstAttempt = fromMillis(begun)
			}
			c.LastAttempt, c.LastEndedAt = fromMillis(begun), fromMillis(ended)
			c.Fingerprints = append(c.Fingerprints, toFingerprint(fingerprint))
		case lead.OutcomeDeferred:
			c.Deferred = append(c.Deferred, c.LastStatus)
		case lead.OutcomeRefused:
		}
	}
	return nil
}

// listAttempts returns the lead's attempts that are kept, oldest first.
func listAttempts(ctx context.Context, db *sql.DB, id lead.RemoteID) ([]lead.Attempt, error) {
	rows, err := db.QueryContext(ctx, `SELECT number, begun_at, ended_at, outcome, status, detail, sent
		FROM attempts WHERE remote_id = $1 AND `+keptAttempt+` ORDER BY number`, int64(id), newestAttempts)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (a lead.Attempt, err error) {
		var begun, ended sql.NullInt64
		var fingerprint []byte
		err = row.Scan(&a.Number, &begun, &ended, &a.Outcome, &a.Status, &a.Detail, &fingerprint)
		a.BegunAt, a.EndedAt, a.Fingerprint = fromMillis(begun), fromMillis(ended), toFingerprint(fingerprint)
		return a, err
	})
}

// toFingerprint returns a fingerprint that the database holds. It is zero if none
// was written down.
func toFingerprint(b []byte) (f lead.Fingerprint) {
	copy(f[:], b)
	return f
}
