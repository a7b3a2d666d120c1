package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"leadrelay/internal/lead"
)

// Trials of a paused site are rare, so their statements are not prepared. They
// are made of the prepared ones.

// takeRows runs the statement that takes leads.
func (s *Store) takeRows(tx *sql.Tx, q lead.Due, args ...any) (*sql.Rows, error) {
	if !q.Newest && len(q.Except) == 0 {
		return s.bind(tx, s.stmt.take).Query(args...) //nolint:sqlclosecheck // the transaction's end closes it
	}
	const oldest = " ORDER BY due_at"
	order := oldest
	if q.Newest {
		order += " DESC"
	}
	unlike, args := exceptProperties(q, args)
	return tx.Query(strings.Replace(s.dialect.take, oldest, unlike+order, 1), args...)
}

// nextDueRow runs the statement that finds what is due next.
func (s *Store) nextDueRow(ctx context.Context, q lead.Due, args ...any) *sql.Row {
	if len(q.Except) == 0 {
		return s.stmt.nextDue.QueryRowContext(ctx, args...)
	}
	const since = " AND due_at >= $3"
	unlike, args := exceptProperties(q, args)
	return s.read.QueryRowContext(ctx, strings.Replace(nextDueSQL, since, since+unlike, 1), args...)
}

// exceptProperties is the condition that leaves properties out, and the
// arguments with them.
func exceptProperties(q lead.Due, args []any) (condition string, all []any) {
	if len(q.Except) == 0 {
		return "", args
	}
	marks := make([]string, len(q.Except))
	for i, property := range q.Except {
		args = append(args, property)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	return " AND property_id NOT IN (" + strings.Join(marks, ", ") + ")", args
}
