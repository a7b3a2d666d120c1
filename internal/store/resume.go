package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

// resume takes over what a dead process left open. The lock on the file says
// that nobody else has these leads, so nobody waits until their leases run out:
// an attempt that was cut is closed and its lead looked up at once, and a
// look-up that was cut is due again.
//
// A cut attempt ended when the process was last known to live. Its bytes may
// have left later, but not later than now: the courier believes no list to prove
// an absence before its own process has run for a settle delay (decision 6).
func (s *Store) resume(ctx context.Context, now time.Time) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	sites, err := allSites(ctx, tx)
	if err != nil {
		return err
	}
	for _, site := range sites {
		if err := resumeSite(ctx, tx, site, now); err != nil {
			return fmt.Errorf("site %s: %w", site, err)
		}
	}
	return tx.Commit()
}

func resumeSite(ctx context.Context, tx *sql.Tx, site string, now time.Time) error {
	var alive sql.NullInt64
	if err := tx.QueryRowContext(ctx, lastAliveSQL, site).Scan(&alive); err != nil {
		return err
	}
	ended := min(alive.Int64, now.UnixMilli()) // the clock may have been set back
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{closeCutSQL, []any{ended, site}},
		{doubtCutSQL, []any{ended, site}},
		{lookAgainSQL, []any{now.UnixMilli(), site}},
	} {
		if _, err := tx.ExecContext(ctx, step.sql, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// allSites finds the sites that have leads with one step in the index for each,
// however many leads there are.
func allSites(ctx context.Context, tx *sql.Tx) (sites []string, err error) {
	rows, err := tx.QueryContext(ctx, `WITH RECURSIVE found(site) AS (SELECT min(site) FROM leads
		UNION ALL SELECT (SELECT min(site) FROM leads WHERE site > found.site) FROM found WHERE site IS NOT NULL)
		SELECT site FROM found WHERE site IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var site string
		if err := rows.Scan(&site); err != nil {
			return nil, err
		}
		sites = append(sites, site)
	}
	return sites, rows.Err()
}

const (
	cut = `(SELECT remote_id FROM leads WHERE site = $2 AND state = '` + string(lead.Sending) + `')`
	// lastAliveSQL is the newest time that the dead process is known to have
	// written, of those that are found without reading all leads.
	lastAliveSQL = `SELECT max(at) FROM (SELECT beat_at AS at FROM pulse
		UNION ALL SELECT received_at FROM leads WHERE remote_id = (SELECT max(remote_id) FROM leads)
		UNION ALL SELECT begun_at FROM attempts WHERE remote_id IN
			(SELECT remote_id FROM leads WHERE site = $1 AND state = '` + string(lead.Sending) + `')) AS writes`
	closeCutSQL = `UPDATE attempts SET ended_at = CASE WHEN begun_at > $1 THEN begun_at ELSE $1 END, outcome = 'unsure', detail = 'interrupted'
		WHERE ended_at IS NULL AND remote_id IN ` + cut
	doubtCutSQL = `UPDATE leads SET state = '` + string(lead.Doubtful) + `', fence = fence + 1, due_at = $1, turn_at = NULL
		WHERE site = $2 AND state = '` + string(lead.Sending) + `'`
	// lookAgainSQL gives back the claims of the dead process, which alone have a
	// turn: without it they would wait for the end of a lease of minutes.
	lookAgainSQL = `UPDATE leads SET due_at = turn_at, turn_at = NULL
		WHERE site = $2 AND state IN ('doubtful', 'delivered', 'confirmed') AND due_at > $1 AND turn_at <= $1`
)
