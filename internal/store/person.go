package store

import (
	"context"
	"fmt"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// erasePersonSQL writes an erased lead. It makes moves that no other statement may: a lead
// on its way is thrown away. Whoever had claimed it is too late.
const erasePersonSQL = `UPDATE leads SET state = $1, reason = $2, property_id = '', body = $3, due_at = NULL, fence = fence + 1,
	moved_at = CASE WHEN state = $1 THEN moved_at ELSE $4 END WHERE remote_id = $5`

// ErasePerson erases what visitors wrote in the leads, a few to a commit, and returns those
// that it has erased. It passes over those that may says no to, and those that were erased
// before. EasyBroker's words in their attempts go with it, the fingerprints of what was
// sent, the keys by which a repeat is known, and what reports say of it. What is left in other places (the search
// index, the log of a file) goes with [Store.Scrub]. A blocked lead is shown to may, and
// erased, with what is kept apart of it.
func (s *Store) ErasePerson(ctx context.Context, ids []lead.RemoteID, may func(*lead.Lead) bool) ([]lead.RemoteID, error) {
	return s.forget(ctx, ids, forgetting{
		deed: access.DidErasePerson, one: (*writeTx).eraseLead,
		may: func(l *lead.Lead) bool { return l.Reason != lead.ReasonErased && may(l) },
	})
}

// forgetting is a way in which people are forgotten, or not any more.
type forgetting struct {
	deed string // its name in the audit
	may  func(*lead.Lead) bool
	one  func(*writeTx, *lead.Lead, time.Time) error
}

func (s *Store) forget(ctx context.Context, ids []lead.RemoteID, f forgetting) (forgotten []lead.RemoteID, err error) {
	// A test inquiry is nobody's data for long, and may have anybody's.
	if err := s.EraseTests(ctx, time.UnixMilli(maxMillis)); err != nil {
		return nil, err
	}
	return s.forgetLeads(ctx, ids, f)
}

func (s *Store) forgetLeads(ctx context.Context, ids []lead.RemoteID, f forgetting) (forgotten []lead.RemoteID, err error) {
	const step = 32
	for len(ids) > 0 {
		some := ids[:min(step, len(ids))]
		ids = ids[len(some):]
		var done []lead.RemoteID // to be read only after a commit
		err := s.writer.do(ctx, func(tx *writeTx) (err error) {
			done, err = tx.forget(ctx, some, f)
			return err
		})
		if err != nil {
			return forgotten, fmt.Errorf("forget a person: %w", err)
		}
		forgotten = append(forgotten, done...)
	}
	s.unscrubbed.Store(true)
	if err := s.scrubReports(ctx); err != nil {
		return forgotten, fmt.Errorf("forget a person in reports: %w", err)
	}
	return forgotten, nil
}

func (tx *writeTx) forget(ctx context.Context, ids []lead.RemoteID, f forgetting) (forgotten []lead.RemoteID, err error) {
	now, err := tx.now()
	if err != nil {
		return nil, err
	}
	sites := map[string]bool{}
	for _, id := range ids {
		l, err := tx.find(id)
		if err != nil {
			return nil, err
		}
		if err := tx.putBack(&l); err != nil {
			return nil, err
		}
		if !f.may(&l) {
			continue
		}
		sites[l.Site] = true
		if err := f.one(tx, &l, now); err != nil {
			return nil, err
		}
		forgotten = append(forgotten, id)
	}
	if len(forgotten) == 0 {
		return nil, nil
	}
	if _, err := tx.Exec(`DELETE FROM repeats WHERE remote_id `+fmt.Sprintf(tx.w.dialect.oneOf, "$1"), listed(forgotten)); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(sites))
	for site := range sites {
		names = append(names, site)
	}
	return forgotten, tx.note(ctx, access.Entry{What: f.deed, Sites: names, RemoteIDs: forgotten})
}

func (tx *writeTx) eraseLead(l *lead.Lead, now time.Time) error {
	l.Erase()
	if _, err := tx.Exec(`DELETE FROM blocked_leads WHERE remote_id = $1`, int64(l.RemoteID)); err != nil {
		return err
	}
	return tx.empty(l, now)
}

// empty writes a lead that has nothing of its visitor any more.
func (tx *writeTx) empty(l *lead.Lead, now time.Time) error {
	body, err := pack(l)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(erasePersonSQL, string(l.State), l.Reason, body, now.UnixMilli(), int64(l.RemoteID)); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM deliveries WHERE remote_id = $1`, int64(l.RemoteID)); err != nil {
		return err // whoever was to be told would get what is left
	}
	_, err = tx.Exec(`UPDATE attempts SET detail = '', sent = NULL, ended_at = COALESCE(ended_at, $1),
		outcome = CASE WHEN ended_at IS NULL THEN 'unsure' ELSE outcome END WHERE remote_id = $2`, now.UnixMilli(), int64(l.RemoteID))
	return err
}

// Scrub takes care that what was erased is in no file: it waits for the search index, which
// [Store.Index] makes anew, takes people out of reports that were made meanwhile, and then
// empties a file's log, or has the server clean up. It does nothing while there is nothing
// to do, and tries again at the next call if somebody reads. Whoever starts calls it once in
// any case, because a process may have died before.
func (s *Store) Scrub(ctx context.Context) error {
	if !s.unscrubbed.Load() {
		return nil
	}
	var stale bool
	err := s.people.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM search_stale AS s JOIN search_blocks AS b ON s.remote_id BETWEEN b.first AND b.last)`).Scan(&stale)
	if err != nil || stale {
		return err
	}
	s.unscrubbed.Store(false) // first: what is erased meanwhile sets it again
	var isDone bool
	if err = s.scrubReports(ctx); err == nil {
		isDone, err = s.scrub(ctx)
	}
	if !isDone {
		s.unscrubbed.Store(true)
	}
	if err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	return nil
}

func (s *Store) scrub(ctx context.Context) (bool, error) {
	if s.IsShared() {
		_, err := s.people.ExecContext(ctx, `VACUUM leads, attempts, repeats, tests, search_blocks, search_pages, blocked_leads, person_requests, reconciliations`)
		return true, err // if it fails, the server cleans up by itself some time
	}
	conn, err := s.writer.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	// Who keeps leads waits meanwhile, so this does not wait for readers.
	if _, err := conn.ExecContext(ctx, `PRAGMA busy_timeout = 20`); err != nil {
		return false, err
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA busy_timeout = 1500`) }()
	var busy, log, copied int
	err = conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &copied)
	return busy == 0, err
}
