package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"leadrelay/internal/lead"
)

// Find returns the lead and its attempts, oldest first. The error wraps
// [lead.ErrNotFound] when there is no such lead.
func (s *Store) Find(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error) {
	l, err := scanLead(s.people.QueryRowContext(ctx, `SELECT `+leadColumns+` FROM leads WHERE remote_id = $1`, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return lead.Lead{}, nil, fmt.Errorf("lead %d: %w", id, lead.ErrNotFound)
	}
	if err != nil {
		return lead.Lead{}, nil, fmt.Errorf("find lead: %w", err)
	}
	attempts, err := s.attempts(ctx, id)
	if err != nil {
		return lead.Lead{}, nil, fmt.Errorf("find attempts: %w", err)
	}
	return l, attempts, nil
}

func (s *Store) attempts(ctx context.Context, id lead.RemoteID) ([]lead.Attempt, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT number, begun_at, ended_at, outcome, status, detail, sent
		FROM attempts WHERE remote_id = $1 ORDER BY number`, int64(id))
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

// Counts counts the leads of each site and state. It reads an index, not the
// leads, so it may be asked often.
func (s *Store) Counts(ctx context.Context) ([]lead.Count, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT n.site, n.state, n.leads, leads.received_at
		FROM (SELECT site, state, count(*) AS leads, min(remote_id) AS oldest FROM leads GROUP BY site, state) AS n
		JOIN leads ON leads.remote_id = n.oldest`)
	if err != nil {
		return nil, fmt.Errorf("count leads: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var counts []lead.Count
	for rows.Next() {
		var c lead.Count
		var oldest sql.NullInt64
		if err := rows.Scan(&c.Site, &c.State, &c.Leads, &oldest); err != nil {
			return nil, fmt.Errorf("count leads: %w", err)
		}
		c.Oldest = fromMillis(oldest)
		counts = append(counts, c)
	}
	return counts, rows.Err()
}

// Odd counts the leads that are done but for a person's look, by their reason:
// [lead.ReasonMissing] or [lead.ReasonTwice].
func (s *Store) Odd(ctx context.Context) (map[string]int, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT reason, count(*) FROM leads WHERE reason IN ('missing', 'twice') GROUP BY reason`)
	if err != nil {
		return nil, fmt.Errorf("count odd leads: %w", err)
	}
	defer func() { _ = rows.Close() }()
	odd := map[string]int{}
	for rows.Next() {
		var reason string
		var n int
		if err := rows.Scan(&reason, &n); err != nil {
			return nil, fmt.Errorf("count odd leads: %w", err)
		}
		odd[reason] = n
	}
	return odd, rows.Err()
}

// List returns the leads that match, newest first, and whether there are more. A
// text is looked for in all of them, so one search waits for another.
func (s *Store) List(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, err error) {
	if len(f.RemoteIDs) == 0 {
		return s.list(ctx, f, 0)
	}
	ids := slices.Compact(slices.Sorted(slices.Values(f.RemoteIDs)))
	for _, id := range slices.Backward(ids) {
		one := f
		one.Below = min(cmp.Or(f.Below, id+1), id+1)
		found, _, err := s.list(ctx, one, id)
		if err != nil {
			return nil, false, err
		}
		leads = append(leads, found...)
		if len(leads) > f.Limit {
			return leads[:f.Limit], true, nil
		}
	}
	return leads, false, nil
}

// list looks at no lead older than from.
func (s *Store) list(ctx context.Context, f lead.Filter, from lead.RemoteID) (leads []lead.Lead, more bool, err error) {
	most := int64(f.Limit) + 1
	if f.Text != "" {
		most = maxMillis // the text is looked for here, where accents and JSON are understood
		select {
		case s.search <- struct{}{}:
			defer func() { <-s.search }()
		case <-ctx.Done():
			return nil, false, fmt.Errorf("list leads: wait for another search: %w", ctx.Err())
		}
	}
	rows, err := s.people.QueryContext(ctx, listSQL, f.Site, string(f.State), f.PropertyID,
		bound(f.After, 0), bound(f.Before, maxMillis), cmp.Or(int64(f.Below), maxMillis), int64(from), most)
	if err != nil {
		return nil, false, fmt.Errorf("list leads: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for !more && rows.Next() {
		l, err := scanLead(rows)
		switch {
		case err != nil:
			return nil, false, fmt.Errorf("list leads: %w", err)
		case !l.Mentions(f.Text):
		case len(leads) == f.Limit:
			more = true
		default:
			leads = append(leads, l)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("list leads: %w", err)
	}
	return leads, more, nil
}

const listSQL = `SELECT ` + leadColumns + ` FROM leads
	WHERE ($1 = '' OR site = $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR property_id = $3)
	AND received_at >= $4 AND received_at < $5 AND remote_id < $6 AND remote_id >= $7
	ORDER BY remote_id DESC LIMIT $8`

// maxMillis is later than any time, and more than any number of leads.
const maxMillis = int64(1) << 62

func bound(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return t.UnixMilli()
}
