package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// mostReports is how many drift reports are kept: a month and a half of daily
// ones.
const mostReports = 50

// KeepReport keeps a drift report and forgets the oldest beyond the last 50.
func (s *Store) KeepReport(ctx context.Context, at time.Time, body []byte) error {
	err := s.do(ctx, func(tx *sql.Tx) error {
		var number int64
		err := tx.QueryRow(`INSERT INTO reconciliations (number, at, body)
			SELECT 1 + COALESCE(max(number), 0), $1, $2 FROM reconciliations RETURNING number`, at.UnixMilli(), string(body)).Scan(&number)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM reconciliations WHERE number <= $1`, number-mostReports)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep report: %w", err)
	}
	return nil
}

// Reports returns up to n of the drift reports, newest first, as far as they have
// 4 MiB together, and how many of the n were left out for that.
func (s *Store) Reports(ctx context.Context, n int) (reports [][]byte, left int, err error) {
	const most = 4 << 20
	rows, err := s.people.QueryContext(ctx, `SELECT body FROM reconciliations ORDER BY number DESC LIMIT $1`, n)
	if err != nil {
		return nil, 0, fmt.Errorf("list reports: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for size := 0; rows.Next(); {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, 0, fmt.Errorf("list reports: %w", err)
		}
		if size += len(body); size > most && len(reports) > 0 {
			left++
			continue
		}
		reports = append(reports, body)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("list reports: %w", err)
	}
	return reports, left, nil
}
