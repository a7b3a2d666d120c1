package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// AuditKept is for how long it is known who did what.
const AuditKept = 2 * 365 * 24 * time.Hour

// note writes down what whoever asks does, in the transaction that does it. What the relay
// does by itself is not noted.
func (tx *writeTx) note(ctx context.Context, e access.Entry) error {
	by, err := access.From(ctx)
	if err != nil {
		return nil //nolint:nilerr // nobody asks
	}
	now, err := tx.now()
	if err != nil {
		return err
	}
	sites, err := json.Marshal(e.Sites)
	if err != nil {
		return err
	}
	ids := ","
	if len(e.RemoteIDs) > 0 {
		ids = "," + listed(e.RemoteIDs) + ","
	}
	for isNew := false; !isNew; {
		isNew, err = changed(tx.Exec(`INSERT INTO audit (id, at, who, came_from, what, sites, remote_ids, leads, job, about)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`, tx.w.entries.next(now),
			now.UnixMilli(), by.Name, by.From, cmp.Or(e.What, by.Doing, "change"), string(sites), ids, max(e.Leads, len(e.RemoteIDs)), e.Job, e.About))
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	return nil
}

// entryIDs gives entries ids that grow with time. In the same millisecond those of two
// processes differ, but for one in millions, which is tried again.
type entryIDs struct{ last uint32 }

func (i *entryIDs) next(now time.Time) int64 {
	const bits = 20 // so that all are below maxMillis
	if i.last == 0 {
		i.last = rand.Uint32()
	}
	i.last++
	return now.UnixMilli()<<bits | int64(i.last&(1<<bits-1))
}

// Note writes down what whoever asks does, where that changes nothing in the database.
func (s *Store) Note(ctx context.Context, e access.Entry) error {
	return s.writer.do(ctx, func(tx *writeTx) error { return tx.note(ctx, e) })
}

// Audit returns entries that match, newest first, and whether there may be more: then the
// next page is below the id that it returns.
func (s *Store) Audit(ctx context.Context, f access.EntryFilter) (entries []access.Entry, below int64, more bool, err error) {
	const step = 500
	below = cmp.Or(f.Below, maxMillis)
	mention := "%"
	if f.RemoteID != 0 {
		mention = "%," + f.RemoteID.String() + ",%"
	}
	for {
		rows, err := s.people.QueryContext(ctx, `SELECT id, at, who, came_from, what, sites, remote_ids, leads, job, about FROM audit
			WHERE id < $1 AND ($2 = '' OR who = $2) AND ($3 = '' OR what = $3) AND at >= $4 AND at < $5 AND remote_ids LIKE $6 ORDER BY id DESC LIMIT $7`,
			below, f.Who, f.What, millisOr(f.After, 0), millisOr(f.Before, maxMillis), mention, step)
		if err != nil {
			return nil, 0, false, fmt.Errorf("audit: %w", err)
		}
		some, err := collect(rows, scanEntry)
		if err != nil {
			return nil, 0, false, fmt.Errorf("audit: %w", err)
		}
		for _, e := range some {
			if f.Sees != nil && !f.Sees(e.Sites) {
				below = e.ID
				continue
			}
			if len(entries) == f.Limit {
				return entries, below, true, nil
			}
			entries, below = append(entries, e), e.ID
		}
		if len(some) < step {
			return entries, 0, false, nil
		}
	}
}

func scanEntry(row scanner) (e access.Entry, err error) {
	var at sql.NullInt64
	var sites []byte
	var ids string
	if err := row.Scan(&e.ID, &at, &e.Who, &e.From, &e.What, &sites, &ids, &e.Leads, &e.Job, &e.About); err != nil {
		return e, err
	}
	e.At = fromMillis(at)
	for text := range strings.SplitSeq(strings.Trim(ids, ","), ",") {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			e.RemoteIDs = append(e.RemoteIDs, lead.RemoteID(id))
		}
	}
	return e, json.Unmarshal(sites, &e.Sites)
}

// DeleteOldEntries deletes what was done before a time, a few entries to a commit, and
// returns how many it has deleted. The oldest have the smallest ids.
func (s *Store) DeleteOldEntries(ctx context.Context, before time.Time) (deleted int, err error) {
	const step = 200
	rest := newRests(ctx)
	for {
		var last sql.NullInt64
		err := s.read.QueryRowContext(ctx, `SELECT max(id) FROM (SELECT id, at FROM audit ORDER BY id LIMIT $1) AS oldest WHERE at < $2`, step, before.UnixMilli()).Scan(&last)
		if err != nil || !last.Valid {
			return deleted, err
		}
		var n int64 // to be read only after a commit
		err = s.writer.doLazily(ctx, func(tx *writeTx) error {
			result, err := tx.Exec(`DELETE FROM audit WHERE id <= $1 AND at < $2`, last.Int64, before.UnixMilli())
			if err == nil {
				n, err = result.RowsAffected()
			}
			return err
		})
		if err != nil {
			return deleted, fmt.Errorf("old entries: %w", err)
		}
		if deleted += int(n); n == 0 {
			return deleted, nil
		}
		if err := rest.now(); err != nil {
			return deleted, nil //nolint:nilerr // it goes on the next time
		}
	}
}
