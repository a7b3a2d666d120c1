package store

import (
	"context"
	"fmt"
	"time"

	"leadrelay/internal/access"
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
