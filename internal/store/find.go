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

// Find returns the lead and its attempts that are kept, oldest first. The error
// wraps [lead.ErrNotFound] when there is no such lead.
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

// List returns the leads that match, newest first, and whether there are more: a
// page ends with the limit, or with 1 MiB of what visitors wrote, and has one
// lead at least. A text is looked for in all of them, so one search waits for
// another.
func (s *Store) List(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, err error) {
	p := page{limit: f.Limit}
	if len(f.RemoteIDs) == 0 {
		err = s.list(ctx, f, 0, &p)
		return p.leads, p.more, err
	}
	ids := slices.Compact(slices.Sorted(slices.Values(f.RemoteIDs)))
	for _, id := range slices.Backward(ids) {
		one := f
		one.Below = min(cmp.Or(f.Below, id+1), id+1)
		if err := s.list(ctx, one, id, &p); err != nil || p.more {
			return p.leads, p.more, err
		}
	}
	return p.leads, false, nil
}

// page is as much of a list as is held at once.
type page struct {
	limit, bytes int
	leads        []lead.Lead
	more         bool // there is another lead, for which it has no room
}

func (p *page) add(l lead.Lead) {
	const most = 1 << 20
	size := sizeOf(&l)
	if p.more = len(p.leads) == p.limit || len(p.leads) > 0 && p.bytes+size > most; !p.more {
		p.leads, p.bytes = append(p.leads, l), p.bytes+size
	}
}

// sizeOf is about how many bytes the lead takes of the memory.
func sizeOf(l *lead.Lead) int {
	const lone, pair = 600, 64
	n := lone + len(l.Name) + len(l.Email) + len(l.Phone) + len(l.Message) + len(l.Reason)
	for name, value := range l.Context {
		n += pair + len(name) + len(value)
	}
	for _, p := range l.Extra {
		n += pair + len(p.Name) + len(p.Value)
	}
	return n
}

// list adds those of the leads to the page that are not older than from.
func (s *Store) list(ctx context.Context, f lead.Filter, from lead.RemoteID, p *page) error {
	most := int64(f.Limit) + 1
	if f.Text != "" {
		most = maxMillis // the text is looked for here, where accents and JSON are understood
		select {
		case s.search <- struct{}{}:
			defer func() { <-s.search }()
		case <-ctx.Done():
			return fmt.Errorf("list leads: wait for another search: %w", ctx.Err())
		}
	}
	rows, err := s.people.QueryContext(ctx, listSQL, f.Site, string(f.State), f.PropertyID,
		bound(f.After, 0), bound(f.Before, maxMillis), cmp.Or(int64(f.Below), maxMillis), int64(from), most)
	if err != nil {
		return fmt.Errorf("list leads: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for !p.more && rows.Next() {
		l, err := scanLead(rows)
		if err != nil {
			return fmt.Errorf("list leads: %w", err)
		}
		if l.Mentions(f.Text) {
			p.add(l)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list leads: %w", err)
	}
	return nil
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
