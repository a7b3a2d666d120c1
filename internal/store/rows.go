package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"leadrelay/internal/lead"
)

// The states as they stand in SQL.
const (
	sqlQuarantined = "'" + string(lead.Quarantined) + "'"
	sqlQueued      = "'" + string(lead.Queued) + "'"
	sqlSending     = "'" + string(lead.Sending) + "'"
	sqlDoubtful    = "'" + string(lead.Doubtful) + "'"
	sqlDelivered   = "'" + string(lead.Delivered) + "'"
	sqlConfirmed   = "'" + string(lead.Confirmed) + "'"
	sqlFailed      = "'" + string(lead.Failed) + "'"
	sqlDiscarded   = "'" + string(lead.Discarded) + "'"
)

// leadColumns are read by scanLead, in this order.
const leadColumns = `remote_id, site, state, property_id, body, received_at, COALESCE(queued_at, received_at), due_at, reason, delivered_at, confirmed_at`

type scanner interface{ Scan(dest ...any) error }

// queryer is a database or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each reads the rows of a query one by one and closes them. An error is the
// last thing that it yields.
func each[T any](rows *sql.Rows, scan func(scanner) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		defer func() { _ = rows.Close() }()
		var none T
		for rows.Next() {
			row, err := scan(rows)
			if err != nil {
				yield(none, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(none, err)
		}
	}
}

// collect returns all rows of a query, or nothing if one of them fails.
func collect[T any](rows *sql.Rows, scan func(scanner) (T, error)) (all []T, err error) {
	for row, err := range each(rows, scan) {
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}

// scanColumn reads a row with one column.
func scanColumn[T any](row scanner) (value T, err error) {
	err = row.Scan(&value)
	return value, err
}

// jsonList returns texts as a query takes several of them.
func jsonList[T ~string](texts []T) string {
	list, _ := json.Marshal(append([]T{}, texts...)) // which cannot fail; no texts are an empty list
	return string(list)
}

// scanLead reads leadColumns.
func scanLead(row scanner) (lead.Lead, error) { return scanLeadAnd(row) }

// scanLeadAnd reads leadColumns and the columns that the query selects after
// them.
func scanLeadAnd(row scanner, more ...any) (lead.Lead, error) {
	var (
		l                                           lead.Lead
		body                                        []byte
		received, queued, due, delivered, confirmed sql.NullInt64
	)
	dest := append([]any{
		&l.RemoteID, &l.Site, &l.State, &l.PropertyID, &body, &received, &queued, &due,
		&l.Reason, &delivered, &confirmed,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return lead.Lead{}, err
	}
	if err := unpack(body, &l); err != nil {
		return lead.Lead{}, fmt.Errorf("lead %d: %w", l.RemoteID, err)
	}
	l.ReceivedAt, l.QueuedAt, l.DueAt = fromMillis(received), fromMillis(queued), fromMillis(due)
	l.DeliveredAt, l.ConfirmedAt = fromMillis(delivered), fromMillis(confirmed)
	return l, nil
}

// millis converts a time to what the database holds. The zero time is NULL.
func millis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

func fromMillis(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMilli(n.Int64).UTC()
}

// maxMillis is later than any time, and more than any number of leads.
const maxMillis = int64(1) << 62

// millisOr is the time in milliseconds, or another value if the time is zero.
func millisOr(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return t.UnixMilli()
}
