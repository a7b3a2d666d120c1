package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

// newLead is a lead on its way into the database.
type newLead struct {
	lead.Submission
	body string

	// The writer sets these.
	kept      lead.Kept
	keyReused bool          // its key belongs to another lead
	ahead     time.Duration // of the clock that its times came from, when they were set right
}

// setRight makes the times of the lead those of a clock that is right. It may run again.
func (n *newLead) setRight(ahead time.Duration) {
	wrong := ahead - n.ahead
	n.ahead = ahead
	for _, at := range []*time.Time{&n.Lead.ReceivedAt, &n.Lead.QueuedAt, &n.Lead.DueAt} {
		if !at.IsZero() {
			*at = at.Add(-wrong)
		}
	}
}

// Keep gives the lead its remote id and writes it to disk, unless it is a repeat:
// then it has the remote id of the first. If Keep returns an error, the lead must
// not be acknowledged. The error is [lead.ErrKeyReused] if another lead has its
// key. ctx bounds the wait: if it ends first, the lead is kept only if its
// transaction has begun.
func (s *Store) Keep(ctx context.Context, sub lead.Submission) (lead.Kept, error) {
	body, err := pack(&sub.Lead)
	if err != nil {
		return lead.Kept{}, err
	}
	n := &newLead{Submission: sub, body: body}
	if err := s.keeper.keep(ctx, n); err != nil {
		return lead.Kept{}, fmt.Errorf("keep lead: %w", err)
	}
	if n.keyReused {
		return lead.Kept{}, lead.ErrKeyReused
	}
	if !n.kept.Again || n.kept.Sooner {
		n.kept.DueAt = n.Lead.DueAt
	}
	return n.kept, nil
}

// keepAll inserts the leads of the batch under fresh remote ids. If some are
// repeats, ids at the end of the range are skipped.
func (tx *writeTx) keepAll(batch []*job) error {
	next, err := tx.nextIDs(batch)
	if err != nil {
		return err
	}
	if len(next) == 0 {
		return nil
	}
	if err := tx.w.repeats.lookUp(tx, batch); err != nil {
		return fmt.Errorf("repeats: %w", err)
	}
	var tests []*newLead
	for _, j := range batch {
		n := j.lead
		if n == nil {
			continue
		}
		if n.Lead.State == lead.Test { // each is new, and nothing is a repeat of it
			n.kept = lead.Kept{RemoteID: next[n.Tick]}
			next[n.Tick]++
			tests = append(tests, n)
			continue
		}
		isRepeat, err := tx.isRepeat(n, next[n.Tick])
		if err != nil {
			return tx.w.blame(j, fmt.Errorf("repeats: %w", err))
		}
		if isRepeat {
			continue
		}
		next[n.Tick]++
		tx.fresh = append(tx.fresh, n)
	}
	if err := tx.insertFresh(); err != nil {
		return err
	}
	if err := tx.insertTests(tests); err != nil {
		return err
	}
	if err := tx.countArrived(); err != nil {
		return err
	}
	if err := tx.w.repeats.save(tx); err != nil {
		return fmt.Errorf("repeats: %w", err)
	}
	return tx.deleteOldKeys()
}

// advanceIDsSQL hands out n remote ids at once. The first is max(last + 1, ticks):
// see [lead.RemoteID].
const advanceIDsSQL = `UPDATE remote_ids SET last = $1 + CASE WHEN last < $2 THEN $2 ELSE last END
	WHERE tick = $3 RETURNING last`

// nextIDs hands out as many remote ids as the batch needs and returns the first
// one for each tick.
func (tx *writeTx) nextIDs(batch []*job) (map[lead.Tick]lead.RemoteID, error) {
	count, ticks := map[lead.Tick]int64{}, map[lead.Tick]int64{}
	for _, j := range batch {
		if n := j.lead; n != nil {
			count[n.Tick]++
			ticks[n.Tick] = max(ticks[n.Tick], n.Tick.Since(n.Lead.ReceivedAt))
		}
	}
	first := make(map[lead.Tick]lead.RemoteID, len(count))
	for tick, n := range count {
		last, err := tx.w.dialect.nextIDs(tx, tick, n, ticks[tick])
		if err != nil {
			return nil, fmt.Errorf("remote ids: %w", err)
		}
		first[tick] = lead.RemoteID(last - n + 1)
	}
	return first, nil
}

func (tx *writeTx) advanceIDs(tick lead.Tick, n, passed int64) (last int64, err error) {
	err = tx.queryRow(advanceIDs, n, passed-1, string(tick)).Scan(&last)
	return last, err
}

// manyLeads are inserted by one statement if so many wait. With a statement for
// each, keeping a lead takes a sixth more processor time.
const manyLeads = 8

// insertSQL inserts so many leads. Its parameters have no numbers: SQLite's driver
// would look each of them up among all others, which is a twelfth of the processor
// time that keeping a lead takes.
func insertSQL(leads int) string {
	const row = ", (?, ?, ?, ?, ?, ?, ?, ?)"
	return `INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at, reason) VALUES ` + strings.Repeat(row, leads)[len(", "):]
}

// appendTo appends the values of the lead's row.
func (n *newLead) appendTo(args []any) []any {
	l := &n.Lead
	return append(args, int64(n.kept.RemoteID), l.Site, string(l.State), l.PropertyID, n.body, l.ReceivedAt.UnixMilli(), millis(l.DueAt), l.Reason)
}

// insertFresh inserts the fresh leads. It must run before anything looks for one
// of them.
func (tx *writeTx) insertFresh() error {
	fresh := tx.fresh
	tx.fresh = tx.fresh[:0]
	for left, err := fresh, error(nil); len(left) > 0; {
		if left, err = tx.w.dialect.insert(tx, left); err != nil {
			return tx.w.blame(nil, fmt.Errorf("insert: %w", err))
		}
	}
	return tx.tellKept(fresh)
}

// insertMany inserts as many of the leads as one statement takes.
func (tx *writeTx) insertMany(leads []*newLead) (left []*newLead, err error) {
	n, name := 1, insertOne
	if len(leads) >= manyLeads {
		n, name = manyLeads, insertMany
	}
	tx.args = tx.args[:0]
	for _, l := range leads[:n] {
		tx.args = l.appendTo(tx.args)
		tx.noteArrived(&l.Lead)
	}
	_, err = tx.exec(name, tx.args...)
	return leads[n:], err
}

// body is the part of a lead that is no column of its own.
type body struct {
	lead.Inquiry
	Source string     `json:"source"`
	Trace  lead.Trace `json:"trace,omitempty"` // older releases leave it out
}

// pack encodes the body without escaping < > and &. The body never goes into a
// page as it is, and six bytes for one would be most of what a flood costs the
// disk.
func pack(l *lead.Lead) (string, error) { return encode(body{l.Inquiry, l.Source, l.Trace}) }

func encode(v any) (string, error) {
	var packed strings.Builder
	e := json.NewEncoder(&packed)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(packed.String(), "\n"), nil
}

// inJSON returns a part of a text as a body has it.
func inJSON(text string) string {
	quoted, _ := encode(text) // never fails
	return quoted[1 : len(quoted)-1]
}

func unpack(data []byte, l *lead.Lead) error {
	b := body{Inquiry: l.Inquiry}
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("unreadable body: %w", err)
	}
	l.Inquiry, l.Source, l.Trace = b.Inquiry, b.Source, b.Trace
	return nil
}
