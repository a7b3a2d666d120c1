package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
)

// isSeen is the condition for a lead that everybody may see who may see its site.
const isSeen = `reason <> '` + lead.ReasonBlocked + `'`

// changedIsBlocked reports of a change whether its lead is blocked now.
const changedIsBlocked = `COALESCE((SELECT reason FROM leads WHERE leads.remote_id = lead_changes.remote_id) = '` + lead.ReasonBlocked + `', FALSE)`

// contents are what is kept apart of a blocked lead.
type contents struct {
	PropertyID string          `json:"property_id"`
	Reason     string          `json:"reason"`
	Body       json.RawMessage `json:"body"`
	Details    map[int]string  `json:"details"` // of attempts, by their numbers
	State      lead.State      `json:"state"`   // empty if a former release has blocked it
}

// BlockFor says for how long what blocked people wrote is kept from now on.
func (s *Store) BlockFor(period time.Duration) { s.blockFor.Store(int64(period)) }

// BlockPerson takes leads out of everybody's sight: nothing that their visitors wrote is in
// them any more, as if they were erased, and it is kept apart until its time is over. See
// [Store.ErasePerson]. It passes over leads that are blocked already.
func (s *Store) BlockPerson(ctx context.Context, ids []lead.RemoteID, may func(*lead.Lead) bool) ([]lead.RemoteID, error) {
	period := time.Duration(s.blockFor.Load())
	if period == 0 {
		period = lead.BlockedFor
	}
	return s.forget(ctx, ids, forgetting{
		deed: access.DidBlockPerson,
		may:  func(l *lead.Lead) bool { return !l.IsErased() && may(l) },
		one: func(tx *writeTx, l *lead.Lead, now time.Time) error {
			if err := tx.keepApart(l, now, now.Add(period)); err != nil {
				return err
			}
			l.Block()
			return tx.empty(l, now)
		},
	})
}

// keepApart keeps what the visitor wrote in a lead, and what EasyBroker said of it.
func (tx *writeTx) keepApart(l *lead.Lead, now, until time.Time) error {
	packed, err := pack(l)
	if err != nil {
		return err
	}
	c := contents{PropertyID: l.PropertyID, Reason: l.Reason, Body: json.RawMessage(packed), Details: map[int]string{}, State: l.State}
	rows, err := tx.Query(`SELECT number, detail FROM attempts WHERE remote_id = $1 AND detail <> ''`, int64(l.RemoteID))
	if err != nil {
		return err
	}
	var number int
	for detail, err := range each(rows, func(row scanner) (detail string, err error) { return detail, row.Scan(&number, &detail) }) {
		if err != nil {
			return err
		}
		c.Details[number] = detail
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO blocked_leads (remote_id, at, until, contents) VALUES ($1, $2, $3, $4)`,
		int64(l.RemoteID), now.UnixMilli(), until.UnixMilli(), string(text))
	return err
}

// putBack puts what is kept apart of a blocked lead into the lead, as it is in memory. A
// relay of an older release may have changed its reason.
func (tx *writeTx) putBack(l *lead.Lead) error {
	c, err := tx.keptApart(l.RemoteID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		l.Reason = lead.ReasonBlocked
		err = c.into(l)
	}
	return err
}

func (tx *writeTx) keptApart(id lead.RemoteID) (c contents, err error) {
	var text []byte
	if err := tx.QueryRow(`SELECT contents FROM blocked_leads WHERE remote_id = $1`, int64(id)).Scan(&text); err != nil {
		return c, err
	}
	return c, json.Unmarshal(text, &c)
}

// unblockSQL makes a move that no other statement may: what waited for a person does so again.
const unblockSQL = `UPDATE leads SET state = $1, reason = $2, property_id = $3, body = $4, due_at = NULL, fence = fence + 1, moved_at = $5 WHERE remote_id = $6`

// UnblockPerson puts what is kept apart of blocked leads back into them, and returns those
// leads. What waited for a person waits again. What was on its way when it was blocked stays
// discarded, because EasyBroker may have it: a person decides. The time that a discarded lead
// is kept begins anew. It passes over leads that are not blocked. See [Store.ErasePerson].
func (s *Store) UnblockPerson(ctx context.Context, ids []lead.RemoteID, may func(*lead.Lead) bool) ([]lead.RemoteID, error) {
	return s.forgetLeads(ctx, ids, forgetting{
		deed: access.DidUnblock, one: (*writeTx).unblock,
		may: func(l *lead.Lead) bool { return l.IsBlocked() && may(l) },
	})
}

// unblock writes a lead that has what was kept apart of it.
func (tx *writeTx) unblock(l *lead.Lead, now time.Time) error {
	c, err := tx.keptApart(l.RemoteID)
	if err != nil {
		return err
	}
	l.Reason = c.Reason
	if l.State == lead.Discarded && (c.State == lead.Failed || c.State == lead.Quarantined) {
		l.State = c.State
	}
	body, err := pack(l)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(unblockSQL, string(l.State), l.Reason, l.PropertyID, body, now.UnixMilli(), int64(l.RemoteID)); err != nil {
		return err
	}
	for number, detail := range c.Details {
		if _, err := tx.Exec(`UPDATE attempts SET detail = $1 WHERE remote_id = $2 AND number = $3`, detail, int64(l.RemoteID), number); err != nil {
			return err
		}
	}
	_, err = tx.Exec(`DELETE FROM blocked_leads WHERE remote_id = $1`, int64(l.RemoteID))
	return err
}

// into puts the contents into the lead, which stays blocked.
func (c *contents) into(l *lead.Lead) error {
	l.PropertyID = c.PropertyID
	l.Extra = nil
	return unpack(c.Body, l)
}

const blockedSQL = `SELECT ` + leadColumns + `, b.at, b.until, b.contents FROM blocked_leads AS b JOIN leads USING (remote_id)`

func scanBlocked(row scanner) (b lead.BlockedLead, c contents, err error) {
	var at, until int64
	var text []byte
	if b.Lead, err = scanLeadAnd(row, &at, &until, &text); err != nil {
		return b, c, err
	}
	b.At, b.Until = time.UnixMilli(at).UTC(), time.UnixMilli(until).UTC()
	if err := json.Unmarshal(text, &c); err != nil {
		return b, c, err
	}
	return b, c, c.into(&b.Lead)
}

// Blocked calls do with all blocked leads, newest first, as they were but for their reason.
// It reads them one by one: they have no index, because they are few.
func (s *Store) Blocked(ctx context.Context, do func(*lead.BlockedLead)) error {
	rows, err := s.people.QueryContext(ctx, blockedSQL+` ORDER BY remote_id DESC`)
	if err != nil {
		return fmt.Errorf("blocked leads: %w", err)
	}
	scan := func(row scanner) (lead.BlockedLead, error) { b, _, err := scanBlocked(row); return b, err }
	for b, err := range each(rows, scan) {
		if err != nil {
			return fmt.Errorf("blocked leads: %w", err)
		}
		do(&b)
	}
	return nil
}

// FindBlocked returns a blocked lead as it was, with its attempts. The error wraps
// [lead.ErrNotFound] if it is not blocked.
func (s *Store) FindBlocked(ctx context.Context, id lead.RemoteID) (lead.BlockedLead, []lead.Attempt, error) {
	b, c, err := scanBlocked(s.people.QueryRowContext(ctx, blockedSQL+` WHERE remote_id = $1`, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return lead.BlockedLead{}, nil, fmt.Errorf("blocked lead %d: %w", id, lead.ErrNotFound)
	}
	if err != nil {
		return lead.BlockedLead{}, nil, fmt.Errorf("find blocked lead: %w", err)
	}
	attempts, err := listAttempts(ctx, s.people, id)
	if err != nil {
		return lead.BlockedLead{}, nil, fmt.Errorf("find attempts: %w", err)
	}
	for i := range attempts {
		attempts[i].Detail = c.Details[attempts[i].Number]
	}
	b.Reason = c.Reason
	return b, attempts, nil
}

// EraseBlocked erases what has been blocked for as long as it is kept, and returns how many
// leads that were. It does so, too, for a lead that a relay of another release has changed.
func (s *Store) EraseBlocked(ctx context.Context) (erased int, err error) {
	const step = 32
	rest := newRests(ctx)
	for {
		now, err := s.Now(ctx)
		if err != nil {
			return erased, err
		}
		rows, err := s.read.QueryContext(ctx, `SELECT remote_id FROM blocked_leads WHERE until <= $1 ORDER BY until LIMIT $2`, now.UnixMilli(), step)
		if err != nil {
			return erased, fmt.Errorf("blocked leads: %w", err)
		}
		due, err := collect(rows, scanColumn[lead.RemoteID])
		if err != nil || len(due) == 0 {
			return erased, err
		}
		done, err := s.forget(ctx, due, forgetting{deed: access.DidErasePerson, one: (*writeTx).eraseLead, may: func(*lead.Lead) bool { return true }})
		erased += len(done)
		if err != nil {
			return erased, err
		}
		if err := rest.now(); err != nil {
			return erased, nil //nolint:nilerr // it goes on the next time
		}
	}
}
