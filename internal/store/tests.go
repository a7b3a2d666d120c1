package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

// testColumns are read by scanLead, as leadColumns are.
const testColumns = `remote_id, site, '` + string(lead.Test) + `', property_id, body, received_at, received_at, CAST(NULL AS BIGINT), '',
	CAST(NULL AS BIGINT), CAST(NULL AS BIGINT)`

// insertTests inserts test inquiries, and writes down that every channel of their sites is
// to be told. They are in the commit of the leads that came with them.
func (tx *writeTx) insertTests(tests []*newLead) error {
	var rows [][]any
	for _, n := range tests {
		l, id := &n.Lead, n.kept.RemoteID
		if _, err := tx.Exec(`INSERT INTO tests (remote_id, site, property_id, body, received_at) VALUES ($1, $2, $3, $4, $5)`,
			int64(id), l.Site, l.PropertyID, n.body, l.ReceivedAt.UnixMilli()); err != nil {
			return tx.w.blame(nil, fmt.Errorf("insert test: %w", err))
		}
		isTold := map[lead.Channel]bool{}
		for _, s := range tx.w.subscriptions.of(l.Site) {
			if !isTold[s.Channel] {
				isTold[s.Channel] = true
				rows = append(rows, newDelivery(id, s.Channel, lead.NoticeTest, 1, l.ReceivedAt, l.ReceivedAt))
			}
		}
	}
	return tx.addDeliveries(rows)
}

// FindTest returns a test inquiry. The error wraps [lead.ErrNotFound] if there is no such,
// or if it was so long ago that it is gone.
func (s *Store) FindTest(ctx context.Context, id lead.RemoteID) (lead.Lead, error) {
	l, err := scanLead(s.people.QueryRowContext(ctx, `SELECT `+testColumns+` FROM tests WHERE remote_id = $1`, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return lead.Lead{}, fmt.Errorf("test %d: %w", id, lead.ErrNotFound)
	}
	if err != nil {
		return lead.Lead{}, fmt.Errorf("find test: %w", err)
	}
	return l, nil
}

// Tests returns the newest test inquiries of the sites, or of all sites if there are none.
func (s *Store) Tests(ctx context.Context, sites []string, n int) ([]lead.Lead, error) {
	where, args := "", []any{n}
	if sites != nil {
		where, args = ` WHERE site `+fmt.Sprintf(s.writer.dialect.oneOfTexts, "$2"), append(args, jsonList(sites))
	}
	rows, err := s.people.QueryContext(ctx, `SELECT `+testColumns+` FROM tests`+where+` ORDER BY remote_id DESC LIMIT $1`, args...)
	if err != nil {
		return nil, fmt.Errorf("tests: %w", err)
	}
	all, err := collect(rows, scanLead)
	if err != nil {
		return nil, fmt.Errorf("tests: %w", err)
	}
	return all, nil
}

// EraseTests removes the test inquiries that came before a time, and what was told of them.
func (s *Store) EraseTests(ctx context.Context, before time.Time) error {
	var isDue bool // most often not, and then it must cost no commit
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM tests WHERE received_at < $1)`, before.UnixMilli()).Scan(&isDue)
	if err == nil && isDue {
		err = s.writer.doLazily(ctx, func(tx *writeTx) error { return tx.eraseTests(before) })
	}
	if err != nil {
		return fmt.Errorf("erase tests: %w", err)
	}
	return nil
}

func (tx *writeTx) eraseTests(before time.Time) error {
	const old = `SELECT remote_id FROM tests WHERE received_at < $1`
	for _, statement := range []string{`DELETE FROM deliveries WHERE remote_id IN (` + old + `)`, `DELETE FROM tests WHERE received_at < $1`} {
		if _, err := tx.Exec(statement, before.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}
