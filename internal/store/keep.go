package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"leadrelay/internal/lead"
)

// manyLeads are inserted by one statement where so many wait: a statement of its own
// for each costs a sixth more of the processor time that it takes to keep a lead.
const manyLeads = 8

// insertSQL inserts so many leads. Its values have no numbers: SQLite's driver would
// look each of them up among all others, a twelfth of what it takes to keep a lead.
func insertSQL(leads int) string {
	const row = ", (?, ?, ?, ?, ?, ?, ?, ?)"
	return `INSERT INTO leads (remote_id, site, state, property_id, body, received_at, due_at, reason) VALUES ` + strings.Repeat(row, leads)[len(", "):]
}

// keep is a lead on its way into the database.
type keep struct {
	lead.Submission
	body string

	kept   lead.Kept
	reused bool // its key belongs to another lead
}

// addTo adds the values of the lead's row.
func (k *keep) addTo(args []any) []any {
	l := &k.Lead
	return append(args, int64(k.kept.RemoteID), l.Site, string(l.State), l.PropertyID, k.body, l.ReceivedAt.UnixMilli(), millis(l.DueAt), l.Reason)
}

// insert inserts the fresh leads of the transaction. Whoever looks for one of them
// must have it done before.
func (s *Store) insert(tx *sql.Tx) error {
	fresh := s.fresh
	s.fresh = s.fresh[:0]
	for len(fresh) > 0 {
		n, stmt := 1, s.stmt.insert
		if len(fresh) >= manyLeads {
			n, stmt = manyLeads, s.stmt.insertMany
		}
		s.args = s.args[:0]
		for _, k := range fresh[:n] {
			s.args = k.addTo(s.args)
		}
		if _, err := s.bind(tx, stmt).Exec(s.args...); err != nil { //nolint:sqlclosecheck // the transaction's end closes it
			return jobError{fmt.Errorf("insert: %w", err)}
		}
		fresh = fresh[n:]
	}
	return nil
}

// Keep gives the lead its remote id and writes it down, unless it is a repeat:
// then it has that of the first. It returns after the lead is safely on disk; on
// an error nothing may be acknowledged. The error is [lead.ErrKeyReused] when
// another lead has its key. ctx bounds the wait: when it ends first, the lead is
// kept only if its transaction had begun.
func (s *Store) Keep(ctx context.Context, sub lead.Submission) (lead.Kept, error) {
	body, err := pack(&sub.Lead)
	if err != nil {
		return lead.Kept{}, err
	}
	k := &keep{Submission: sub, body: body}
	if err := s.await(ctx, &job{kept: k, done: make(chan error, 1)}); err != nil {
		return lead.Kept{}, fmt.Errorf("keep lead: %w", err)
	}
	if k.reused {
		return lead.Kept{}, lead.ErrKeyReused
	}
	return k.kept, nil
}

// body is the part of a lead that no query asks for by column.
type body struct {
	lead.Inquiry
	Source string `json:"source"`
}

// pack writes < > and & as they are: nobody puts the body into a page as it is,
// and six bytes for one would be most of what a flood costs the disk.
func pack(l *lead.Lead) (string, error) {
	var packed strings.Builder
	e := json.NewEncoder(&packed)
	e.SetEscapeHTML(false)
	if err := e.Encode(body{Inquiry: l.Inquiry, Source: l.Source}); err != nil {
		return "", err
	}
	return strings.TrimSuffix(packed.String(), "\n"), nil
}

func unpack(data []byte, l *lead.Lead) error {
	b := body{Inquiry: l.Inquiry}
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("unreadable body: %w", err)
	}
	l.Inquiry, l.Source = b.Inquiry, b.Source
	return nil
}
