package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

// resume takes over the work that a dead process left open. Thanks to the lock on
// the file nobody else has these leads, so we need not wait for their leases to
// run out. An attempt that was cut off is closed, and its lead is looked up at
// once. A look-up that was cut off is due again.
//
// An attempt that was cut off ended when the process was last known to be alive.
// Its bytes may have left later, but not later than now. So the courier does not
// let a list prove an absence before its own process has run for a settle delay
// (decision 6).
func resume(ctx context.Context, db *sql.DB, now time.Time) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	sites, err := sqliteDialect.allSites(ctx, tx)
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
	ended := time.UnixMilli(alive.Int64)
	if ended.After(now) { // the clock may have been set back
		ended = now
	}
	return takeOver(ctx, tx, &sqliteDialect, []string{site}, ended, now)
}

// takeOver closes the attempts that are open at the sites, with the time of their
// end, and frees the leads that are claimed for a look-up. Whoever claimed them is
// too late.
func takeOver(ctx context.Context, tx *sql.Tx, d *dialect, sites []string, ended, now time.Time) error {
	list, err := json.Marshal(sites)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{closeAttemptsSQL, []any{ended.UnixMilli(), string(list)}},
		{doubtSendingSQL, []any{ended.UnixMilli(), string(list)}},
		{unclaimLookupsSQL, []any{now.UnixMilli(), string(list)}},
	} {
		if _, err := tx.ExecContext(ctx, d.atSites(step.sql), step.args...); err != nil {
			return err
		}
	}
	return nil
}

// allSites returns the sites that have leads. It takes one step in the index for
// each site, however many leads there are.
func (d *dialect) allSites(ctx context.Context, db queryer) ([]string, error) {
	rows, err := db.QueryContext(ctx, d.allSitesSQL())
	if err != nil {
		return nil, err
	}
	return collect(rows, scanColumn[string])
}

// atSites returns the statement with the condition for the sites of a JSON list, $2.
func (d *dialect) atSites(statement string) string {
	return strings.NewReplacer(theSites, d.isOfSites, inRows, d.inRows[0], endRows, d.inRows[1]).Replace(statement)
}

func (d *dialect) allSitesSQL() string {
	return `WITH RECURSIVE found(site) AS (SELECT ` + fmt.Sprintf(d.nextSite, "''") + `
		UNION ALL SELECT ` + fmt.Sprintf(d.nextSite, "found.site") + ` FROM found WHERE site IS NOT NULL)
		SELECT site FROM found WHERE site IS NOT NULL`
}

const (
	theSites        = `{sites}`
	inRows, endRows = `{in}`, `{end}` // around a query for few rows, which are then found by an index

	// A lead that is being sent is always due. PostgreSQL has an index of those that are.
	cutOff = inRows + `SELECT remote_id FROM leads WHERE ` + theSites + ` AND state = ` + sqlSending + ` AND due_at IS NOT NULL` + endRows
	// lastAliveSQL returns the newest time at which the dead process is known to
	// have written, as far as that is found without reading all leads.
	lastAliveSQL = `SELECT max(at) FROM (SELECT beat_at AS at FROM pulse
		UNION ALL SELECT received_at FROM leads WHERE remote_id = (SELECT max(remote_id) FROM leads)
		UNION ALL SELECT begun_at FROM attempts WHERE remote_id IN
			(SELECT remote_id FROM leads WHERE site = $1 AND state = ` + sqlSending + `)) AS writes`
	closeAttemptsSQL = `UPDATE attempts SET ended_at = CASE WHEN begun_at > $1 THEN begun_at ELSE $1 END, outcome = 'unsure', detail = '` + lead.ReasonInterrupted + `'
		WHERE ended_at IS NULL AND remote_id ` + cutOff
	doubtSendingSQL = `UPDATE leads SET state = ` + sqlDoubtful + `, fence = fence + 1, due_at = $1, turn_at = NULL
		WHERE ` + theSites + ` AND state = ` + sqlSending + ` AND due_at IS NOT NULL`
	// unclaimLookupsSQL gives back the claims of the dead process. Only claimed
	// leads have a turn_at. Otherwise they would wait for a lease of minutes.
	unclaimLookupsSQL = `UPDATE leads SET due_at = turn_at, turn_at = NULL, fence = fence + 1
		WHERE ` + theSites + ` AND state IN (` + sqlDoubtful + `, ` + sqlDelivered + `, ` + sqlConfirmed + `) AND due_at > $1 AND turn_at <= $1`
)
