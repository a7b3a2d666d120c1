package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

// Find returns the lead and its attempts that are kept, oldest first. The error
// wraps [lead.ErrNotFound] if there is no such lead.
func (s *Store) Find(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error) {
	l, err := scanLead(s.people.QueryRowContext(ctx, `SELECT `+leadColumns+` FROM leads WHERE remote_id = $1`, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return lead.Lead{}, nil, fmt.Errorf("lead %d: %w", id, lead.ErrNotFound)
	}
	if err != nil {
		return lead.Lead{}, nil, fmt.Errorf("find lead: %w", err)
	}
	attempts, err := listAttempts(ctx, s.people, id)
	if err != nil {
		return lead.Lead{}, nil, fmt.Errorf("find attempts: %w", err)
	}
	return l, attempts, nil
}

// Counts counts the leads of each site and state. It reads an index and not the leads, but
// a million of them take a while.
func (s *Store) Counts(ctx context.Context) ([]lead.Count, error) {
	return s.counts(ctx, "")
}

// CountsOf counts the leads of each site in the states. It takes no longer if there are
// many leads in other states.
func (s *Store) CountsOf(ctx context.Context, states ...lead.State) ([]lead.Count, error) {
	d := &s.writer.dialect
	sites, err := d.allSites(ctx, s.people)
	if err != nil {
		return nil, fmt.Errorf("sites: %w", err)
	}
	names := make([]string, len(states))
	for i, state := range states {
		names[i] = "'" + string(state) + "'" // PostgreSQL knows how many leads are in these
	}
	where := `WHERE site ` + fmt.Sprintf(d.oneOfTexts, "$1") + ` AND state IN (` + strings.Join(names, ", ") + `)`
	return s.counts(ctx, where, jsonList(sites))
}

// counts does not join the leads, because PostgreSQL may read all of them for that.
func (s *Store) counts(ctx context.Context, where string, args ...any) ([]lead.Count, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT site, state, leads, (SELECT received_at FROM leads WHERE remote_id = n.oldest)
		FROM (SELECT site, state, count(*) AS leads, min(remote_id) AS oldest FROM `+s.writer.dialect.counted+` `+where+` GROUP BY site, state) AS n`, args...)
	if err != nil {
		return nil, fmt.Errorf("count leads: %w", err)
	}
	return collect(rows, func(row scanner) (c lead.Count, err error) {
		var oldest sql.NullInt64
		err = row.Scan(&c.Site, &c.State, &c.Leads, &oldest)
		c.Oldest = fromMillis(oldest)
		return c, err
	})
}

// Odd counts the leads that have arrived and need a person's attention all the
// same, by their reason: [lead.ReasonMissing] or [lead.ReasonTwice].
func (s *Store) Odd(ctx context.Context) (map[string]int, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT reason, count(*) FROM leads WHERE reason IN ('missing', 'twice') GROUP BY reason`)
	if err != nil {
		return nil, fmt.Errorf("count odd leads: %w", err)
	}
	return countByReason(rows)
}

// OddLeads returns the newest leads that [Store.Odd] counts, at most n of them.
// Nil means those of all sites.
func (s *Store) OddLeads(ctx context.Context, n int, sites []string) ([]lead.Lead, error) {
	of, args := s.writer.dialect.ofSites(sites, []any{n})
	rows, err := s.people.QueryContext(ctx, `SELECT `+leadColumns+` FROM leads WHERE reason IN ('missing', 'twice')`+of+` ORDER BY remote_id DESC LIMIT $1`, args...)
	if err != nil {
		return nil, fmt.Errorf("list odd leads: %w", err)
	}
	leads, err := collect(rows, scanLead)
	if err != nil {
		return nil, fmt.Errorf("list odd leads: %w", err)
	}
	return leads, nil
}

// quarantineReasonsSQL finds the leads as [erasableSQL] does: one that came since a time was
// not quarantined before it.
const quarantineReasonsSQL = `SELECT reason, count(*) FROM leads WHERE ` + mayEnd + ` AND state = ` + sqlQuarantined + `
	AND ` + endedAt + ` >= $1 AND due_at IS NULL AND received_at >= $1`

// QuarantineReasons counts the leads that are in quarantine and were received since a
// time, by their reason. Nil means those of all sites.
func (s *Store) QuarantineReasons(ctx context.Context, since time.Time, sites []string) (map[string]int, error) {
	of, args := s.writer.dialect.ofSites(sites, []any{since.UnixMilli()})
	rows, err := s.people.QueryContext(ctx, quarantineReasonsSQL+of+` GROUP BY reason`, args...)
	if err != nil {
		return nil, fmt.Errorf("count reasons: %w", err)
	}
	return countByReason(rows)
}

// countByReason reads rows with a reason and a number.
func countByReason(rows *sql.Rows) (map[string]int, error) {
	type count struct {
		reason string
		leads  int
	}
	byReason := map[string]int{}
	scan := func(row scanner) (c count, err error) {
		err = row.Scan(&c.reason, &c.leads)
		return c, err
	}
	for c, err := range each(rows, scan) {
		if err != nil {
			return nil, fmt.Errorf("count reasons: %w", err)
		}
		byReason[c.reason] = c.leads
	}
	return byReason, nil
}

const takenSQL = `SELECT remote_id FROM leads
	WHERE site = $1 AND state IN (` + sqlDelivered + `, ` + sqlConfirmed + `) AND COALESCE(delivered_at, received_at) >= $2`

// Taken returns the ids of the site's leads that EasyBroker has taken since a
// time, oldest first: the leads that it has answered for, and those that were only
// seen in its list and cannot have been there before. It does not return the leads
// themselves, because all of them would not fit into memory.
func (s *Store) Taken(ctx context.Context, site string, since time.Time) ([]lead.RemoteID, error) {
	rows, err := s.people.QueryContext(ctx, takenSQL, site, since.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("list taken leads: %w", err)
	}
	ids, err := collect(rows, scanColumn[lead.RemoteID])
	if err != nil {
		return nil, fmt.Errorf("list taken leads: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
}

// List returns the leads that match and are not blocked, newest first, and whether there are more. A
// page ends at the limit or at 1 MiB, and has at least one lead if any matches. There
// is one search for a text or a notice at a time. A notice is in no index.
func (s *Store) List(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, err error) {
	if f.Text != "" || f.Notice != "" {
		select {
		case s.search <- struct{}{}:
			defer func() { <-s.search }()
		case <-ctx.Done():
			return nil, false, fmt.Errorf("list leads: wait for another search: %w", ctx.Err())
		}
	}
	if len(f.RemoteIDs) == 0 {
		p, err := s.find(ctx, f)
		return p.leads, p.more, err
	}
	p := page{limit: f.Limit}
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

// page is the part of a list that is in memory at once.
type page struct {
	limit, bytes int
	rows         int           // that the database has returned
	last         lead.RemoteID // of these
	leads        []lead.Lead
	more         bool // there is another lead, which does not fit
}

func (p *page) add(l lead.Lead) {
	const maxBytes = 512 << 10
	size := sizeOf(&l)
	if p.more = len(p.leads) == p.limit || len(p.leads) > 0 && p.bytes+size > maxBytes; !p.more {
		p.leads, p.bytes = append(p.leads, l), p.bytes+size
	}
}

// sizeOf estimates how many bytes of memory the lead takes.
func sizeOf(l *lead.Lead) int {
	const base, pair = 600, 64
	_, texts := l.TextBytes()
	return base + texts + len(l.Reason) + pair*(len(l.Context)+len(l.Extra))
}

const listSQL = `SELECT ` + leadColumns + ` FROM leads WHERE ` + matches + ` AND remote_id < $6 AND remote_id >= $7%s
	ORDER BY remote_id DESC LIMIT $8`

// matches is a condition on a lead, by [matching]. A blocked lead matches nothing.
const matches = `($1 = '' OR site = $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR property_id = $3) AND received_at >= $4 AND received_at < $5 AND ` + isSeen

// ofSites returns the condition that a row is of one of the sites, which are one more
// parameter. Nil sites are all of them.
func (d *dialect) ofSites(sites []string, args []any) (condition string, all []any) {
	if sites == nil {
		return "", args
	}
	args = append(args, jsonList(sites))
	return " AND site " + fmt.Sprintf(d.oneOfTexts, "$"+strconv.Itoa(len(args))), args
}

func matching(f lead.Filter) []any {
	return []any{f.Site, string(f.State), f.PropertyID, millisOr(f.After, 0), millisOr(f.Before, maxMillis)}
}

// list adds the leads that match to the page, down to the id from. If it looks for a text, it
// reads the others, too, and a few at a time: what a server has begun to answer must be
// read to its end.
func (s *Store) list(ctx context.Context, f lead.Filter, from lead.RemoteID, p *page) error {
	const first, most = 256, 8192
	limit := f.Limit + 1
	if f.Text != "" || f.Notice != "" {
		limit = first // SQL knows neither accents nor JSON
	}
	for below := cmp.Or(int64(f.Below), maxMillis); ; limit = min(4*limit, most) {
		before := p.rows
		of, args := s.writer.dialect.ofSites(f.Sites, append(matching(f), below, int64(from), int64(limit)))
		if f.Notice != "" { // most leads need not be read for it
			args = append(args, inJSON(f.Notice))
			of += " AND " + fmt.Sprintf(s.writer.dialect.bodyHas, "$"+strconv.Itoa(len(args)))
		}
		err := s.addRows(ctx, f, p, fmt.Sprintf(listSQL, of), args...)
		if err != nil || p.more || p.rows-before < limit {
			return err
		}
		below = int64(p.last)
	}
}

// addRows adds the leads of a query to the page, if they mention the text.
func (s *Store) addRows(ctx context.Context, f lead.Filter, p *page, query string, args ...any) error {
	rows, err := s.people.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("list leads: %w", err)
	}
	terms := lead.Terms(f.Text)
	for l, err := range each(rows, scanLead) {
		if err != nil {
			return fmt.Errorf("list leads: %w", err)
		}
		p.rows, p.last = p.rows+1, l.RemoteID
		if !f.Matches(&l, terms) {
			continue
		}
		if p.add(l); p.more {
			break
		}
	}
	return nil
}
