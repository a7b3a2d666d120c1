package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

// Begin claims up to q.N queued leads of the site that are due, and writes down
// that an attempt begins for each, before its first byte leaves: all in one
// commit. If fewer are due, next is when another one will be, or zero. If q.Since is set,
// nothing is asked about leads that were due before.
func (s *Store) Begin(ctx context.Context, site string, q lead.Due) (claims []lead.Claim, next time.Time, err error) {
	since := q.Since
	if !q.SkipPeek { // most wake-ups find nothing to do; they must not cost a commit
		next, err = s.nextDue(ctx, site, lead.Queued, q)
		if err != nil || next.IsZero() || next.After(q.Now) {
			return nil, next, err
		}
		if next.Before(q.Now) { // nobody need go the same way twice; what has come in beneath since is left to the next time
			q.Since = next
		}
	}
	var begun []lead.Claim // to be read only after a commit: the writer may outlive ctx
	err = s.writer.do(ctx, func(tx *writeTx) error {
		var err error
		if begun, err = tx.claim(site, lead.Queued, q); err != nil {
			return err
		}
		for i := range begun {
			if err := tx.beginAttempt(&begun[i], q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("begin attempts: %w", err)
	}
	if len(begun) < q.N {
		next, err = s.nextDue(ctx, site, lead.Queued, lead.Due{Now: q.Now, Since: since, MaxAhead: q.MaxAhead, Except: q.Except})
	}
	return begun, next, err
}

// lookupStates are the states in which a due lead must be looked up, the most
// urgent first. A sending lead is due if its lease has run out during an attempt.
var lookupStates = []lead.State{lead.Sending, lead.Doubtful, lead.Delivered, lead.Confirmed}

// ClaimLookups claims up to q.N leads of the sites that are due for a look-up, as
// long as they have 1 MiB together. A lead whose lease has run out during an
// attempt comes back as doubtful, with that attempt closed as unsure. If fewer
// than q.N are claimed, next is when another one is due, which may be now, or
// zero.
func (s *Store) ClaimLookups(ctx context.Context, sites []string, q lead.Due) (claims []lead.Claim, next time.Time, err error) {
	if next, err = s.nextLookup(ctx, sites, q); err != nil || next.IsZero() || next.After(q.Now) {
		return nil, next, err
	}
	var due []lead.Claim // to be read only after a commit: the writer may outlive ctx
	err = s.writer.do(ctx, func(tx *writeTx) error {
		var err error
		if due, err = tx.claimLookups(sites, q); err != nil {
			return err
		}
		for i := range due {
			if err := tx.closeAttempt(&due[i], q.Now); err != nil {
				return err
			}
			if err := tx.loadAttempts(&due[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("claim look-ups: %w", err)
	}
	if len(due) < q.N {
		next, err = s.nextLookup(ctx, sites, q)
	}
	return due, next, err
}

// claimLookups claims few leads at a time: SQLite holds all rows that a statement
// returns, and the courier holds the leads for minutes.
func (tx *writeTx) claimLookups(sites []string, q lead.Due) (due []lead.Claim, err error) {
	const step, maxBytes = 32, 1 << 20
	size := 0
	for _, state := range lookupStates {
		for _, site := range sites {
			for more := true; more && len(due) < q.N && size < maxBytes; {
				some := q
				some.N = min(step, q.N-len(due))
				claims, err := tx.claim(site, state, some)
				if err != nil {
					return nil, err
				}
				for i := range claims {
					size += sizeOf(&claims[i].Lead)
				}
				due, more = append(due, claims...), len(claims) == some.N
			}
		}
	}
	return due, nil
}

func (s *Store) nextLookup(ctx context.Context, sites []string, q lead.Due) (next time.Time, err error) {
	for _, state := range lookupStates {
		for _, site := range sites {
			due, err := s.nextDue(ctx, site, state, q)
			if err != nil {
				return time.Time{}, err
			}
			if !due.IsZero() && (next.IsZero() || due.Before(next)) {
				next = due
			}
		}
	}
	return next, nil
}

// nextDue returns when a lead of the site in the state is due, or zero. It leaves
// out the leads that fell due before q.Since. If a lead is due later than q.MaxAhead
// allows, the clock was set back after it was written: it becomes due now.
func (s *Store) nextDue(ctx context.Context, site string, state lead.State, q lead.Due) (time.Time, error) {
	horizon := maxMillis
	if q.MaxAhead != 0 {
		horizon = q.Now.Add(q.MaxAhead).UnixMilli()
	}
	var first, beyond sql.NullInt64
	err := s.nextDueRow(ctx, q, []any{site, string(state), millisOr(q.Since, 0), horizon}).Scan(&first, &beyond)
	if err != nil || !beyond.Valid {
		return fromMillis(first), err
	}
	err = s.writer.do(ctx, func(tx *writeTx) error {
		_, err := tx.Exec(`UPDATE leads SET due_at = $1 WHERE site = $2 AND state = $3 AND due_at >= $4`,
			q.Now.UnixMilli(), site, string(state), horizon)
		return err
	})
	return q.Now, err
}

// nextDueRow runs the dialect's query, if need be without some properties.
func (s *Store) nextDueRow(ctx context.Context, q lead.Due, args []any) *sql.Row {
	if len(q.Except) == 0 && s.nextDueStmt != nil {
		return s.nextDueStmt.QueryRowContext(ctx, args...)
	}
	const since = " AND due_at >= $3"
	others, args := exceptProperties(q, args)
	return s.read.QueryRowContext(ctx, strings.Replace(s.writer.dialect.nextDue, since, since+others, 1), args...)
}

// SitesDue returns those of the sites that have a queued lead which is due, and was not
// before since. It costs a step in the index for each.
func (s *Store) SitesDue(ctx context.Context, sites []string, since, now time.Time) ([]string, error) {
	if len(sites) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(sites)
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, s.writer.dialect.sitesDue, string(list), now.UnixMilli(), millisOr(since, 0))
	if err != nil {
		return nil, fmt.Errorf("sites due: %w", err)
	}
	due, err := collect(rows, scanColumn[string])
	if err != nil {
		return nil, fmt.Errorf("sites due: %w", err)
	}
	return due, nil
}

// claimSQL claims the leads that have been due for longest. The %s around its
// query are the dialect's. A lead that is not queued has been
// looked up before, or its attempt was cut off. (The sum behind LIMIT is for
// SQLite, which would plan the statement anew each time for a bare parameter.)
const claimSQL = `UPDATE leads SET fence = fence + 1, turn_at = due_at, due_at = $1,
	attempt = CASE state WHEN ` + sqlQueued + ` THEN attempt + 1 ELSE attempt END,
	state = CASE state WHEN ` + sqlQueued + ` THEN ` + sqlSending + ` WHEN ` + sqlSending + ` THEN ` + sqlDoubtful + ` ELSE state END
	WHERE remote_id %sSELECT remote_id FROM leads
		WHERE site = $2 AND state = $3 AND due_at >= $4 AND due_at <= $5 ORDER BY due_at, remote_id LIMIT $6 + 0%s
	RETURNING ` + leadColumns + `, fence, tries, turn_at, attempt`

// claim claims leads of the site in the state, those first that have been due for
// longest.
func (tx *writeTx) claim(site string, state lead.State, q lead.Due) ([]lead.Claim, error) {
	rows, err := tx.claimRows(q, []any{q.Now.Add(q.Lease).UnixMilli(), site, string(state), millisOr(q.Since, 0), q.Now.UnixMilli(), q.N})
	if err != nil {
		return nil, err
	}
	claims, err := collect(rows, scanClaim)
	if err != nil {
		return nil, err
	}
	if state != lead.Queued { // no attempt begins
		for i := range claims {
			claims[i].Number = 0
		}
	}
	slices.SortFunc(claims, func(a, b lead.Claim) int {
		return cmp.Or(a.WasDueAt.Compare(b.WasDueAt), cmp.Compare(a.Lead.RemoteID, b.Lead.RemoteID))
	})
	return claims, nil
}

// claimRows runs claimSQL. A paused site's trials are rare, so their variants of
// the statement are not prepared.
func (tx *writeTx) claimRows(q lead.Due, args []any) (*sql.Rows, error) {
	if !q.Newest && len(q.Except) == 0 {
		return tx.query(claimDue, args...)
	}
	const oldest = " ORDER BY due_at, remote_id"
	order := oldest
	if q.Newest {
		order = " ORDER BY due_at DESC, remote_id DESC"
	}
	others, args := exceptProperties(q, args)
	return tx.Query(strings.Replace(tx.w.dialect.claim, oldest, others+order, 1), args...)
}

// exceptProperties returns a condition that leaves out q.Except, and the arguments
// together with its own.
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

func scanClaim(row scanner) (c lead.Claim, err error) {
	var turn sql.NullInt64
	c.Lead, err = scanLeadAnd(row, &c.Fence, &c.Tries, &turn, &c.Number)
	c.WasDueAt = fromMillis(turn)
	return c, err
}
