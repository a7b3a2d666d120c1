package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// maxReports is how many drift reports are kept: a month and a half of daily
// reports.
const maxReports = 50

// KeepReport keeps a drift report and deletes all but the last 50.
func (s *Store) KeepReport(ctx context.Context, at time.Time, body []byte) error {
	err := s.writer.do(ctx, func(tx *writeTx) error {
		var number int64
		err := tx.QueryRow(`INSERT INTO reconciliations (number, at, body)
			SELECT 1 + COALESCE(max(number), 0), $1, $2 FROM reconciliations RETURNING number`, at.UnixMilli(), string(body)).Scan(&number)
		if err != nil {
			return err
		}
		if err := tx.note(ctx, access.Entry{What: access.DidReconcile}); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM reconciliations WHERE number <= $1`, number-maxReports)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep report: %w", err)
	}
	s.unscrubbed.Store(true) // it may name somebody who was forgotten while it was made
	return nil
}

// Reports returns up to n drift reports, newest first, as long as they have 4 MiB
// together, and how many of the n were left out because of that. The newest is
// always there.
func (s *Store) Reports(ctx context.Context, n int) (reports [][]byte, left int, err error) {
	const maxBytes = 4 << 20
	rows, err := s.people.QueryContext(ctx, `SELECT body FROM reconciliations ORDER BY number DESC LIMIT $1`, n)
	if err != nil {
		return nil, 0, fmt.Errorf("list reports: %w", err)
	}
	size := 0
	for body, err := range each(rows, scanColumn[[]byte]) {
		if err != nil {
			return nil, 0, fmt.Errorf("list reports: %w", err)
		}
		if size += len(body); size > maxBytes && len(reports) > 0 {
			left++
			continue
		}
		reports = append(reports, body)
	}
	return reports, left, nil
}

// scrubReports takes what is about forgotten people out of the drift reports, but for the
// number, the site and the state of their leads.
func (s *Store) scrubReports(ctx context.Context) error {
	rows, err := s.people.QueryContext(ctx, `SELECT number FROM reconciliations`)
	if err != nil {
		return err
	}
	numbers, err := collect(rows, scanColumn[int64])
	if err != nil {
		return err
	}
	for _, number := range numbers { // one by one, because they may be large
		for isDone := false; !isDone; {
			if isDone, err = s.scrubReport(ctx, number); err != nil {
				return fmt.Errorf("report %d: %w", number, err)
			}
		}
	}
	return nil
}

// scrubReport is false if somebody else has changed the report meanwhile.
func (s *Store) scrubReport(ctx context.Context, number int64) (bool, error) {
	var body []byte
	rows, err := s.people.QueryContext(ctx, `SELECT body FROM reconciliations WHERE number = $1`, number)
	if err != nil {
		return false, err
	}
	for body, err = range each(rows, scanColumn[[]byte]) {
		if err != nil {
			return false, err
		}
	}
	if body == nil {
		return true, nil // newer ones have taken its place
	}
	var d lead.Drift
	if err := json.Unmarshal(body, &d); err != nil {
		return false, err
	}
	gone, err := s.forgotten(ctx, d.Revealing())
	if err != nil || len(gone) == 0 {
		return err == nil, err
	}
	d.Forget(gone)
	scrubbed, err := json.Marshal(d)
	if err != nil {
		return false, err
	}
	return s.change(ctx, `UPDATE reconciliations SET body = $1 WHERE number = $2 AND body = $3`, string(scrubbed), number, string(body))
}

// forgotten returns those of the leads that have nothing of their visitors any more.
func (s *Store) forgotten(ctx context.Context, ids []lead.RemoteID) ([]lead.RemoteID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := s.people.QueryContext(ctx, `SELECT remote_id FROM leads WHERE remote_id `+fmt.Sprintf(s.writer.dialect.oneOf, "$1")+
		` AND (reason IN ('`+lead.ReasonErased+`', '`+lead.ReasonBlocked+`') OR EXISTS (SELECT 1 FROM blocked_leads AS b WHERE b.remote_id = leads.remote_id))`, listed(ids))
	if err != nil {
		return nil, err
	}
	return collect(rows, scanColumn[lead.RemoteID])
}
