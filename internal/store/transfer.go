package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"leadrelay/internal/lead"
)

// Transferred is a table that was copied to another database.
type Transferred struct {
	Table string
	Rows  int
}

// Transfer copies all that is in one store to another, which is empty, and compares
// every row afterwards. No relay may run on either, and none starts on the one that
// everything was copied from any more. If Transfer is interrupted, it goes on where
// it stopped when it is called again. said is told how far it has come.
func Transfer(ctx context.Context, from, to *Store, said func(Transferred)) error {
	for _, s := range []*Store{from, to} {
		if err := s.checkUnused(ctx); err != nil {
			return err
		}
	}
	if done, err := isTransferred(ctx, from, to, said); done || err != nil {
		return err
	}
	if err := to.receive(ctx); err != nil {
		return err
	}
	if err := from.mark(ctx, movedAway); err != nil {
		return err
	}
	if err := from.closeAll(ctx); err != nil {
		return err
	}
	if err := from.FoldStats(ctx); err != nil {
		return err
	}
	for _, t := range transferTables {
		if err := t.copy(ctx, from, to, said); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if err := transferIDs(ctx, from, to); err != nil {
		return fmt.Errorf("remote ids: %w", err)
	}
	if err := to.Recount(ctx); err != nil {
		return err
	}
	if err := to.rememberWords(ctx); err != nil {
		return fmt.Errorf("words of the last minutes: %w", err)
	}
	for _, t := range transferTables {
		if err := t.compare(ctx, from, to); err != nil {
			return err
		}
	}
	return to.unmark(ctx)
}

// isTransferred reports whether all that is in one store is in the other one already: a
// transfer may be killed when it has ended and told nobody.
func isTransferred(ctx context.Context, from, to *Store, said func(Transferred)) (bool, error) {
	left, err := from.role(ctx)
	if err != nil || left != movedAway {
		return false, err
	}
	if role, err := to.role(ctx); err != nil || role != noRole {
		return false, err
	}
	var all []Transferred
	rows := 0
	for _, t := range transferTables {
		had, has, err := t.sums(ctx, from, to)
		if err != nil || had != has {
			return false, err
		}
		all, rows = append(all, Transferred{t.name, had.rows}), rows+had.rows
	}
	if rows == 0 { // it may be any empty database
		return false, nil
	}
	for _, t := range all {
		if t.Rows > 0 {
			said(t)
		}
	}
	return true, nil
}

// A database that takes part in a transfer has a table with the part that it takes.
type transferRole string

const (
	noRole    transferRole = ""
	movedAway transferRole = "source"
	receiving transferRole = "target"
)

// role returns the part that the database takes in a transfer.
func (s *Store) role(ctx context.Context) (role transferRole, err error) {
	var n int
	if err := s.read.QueryRowContext(ctx, s.writer.dialect.hasTransfer).Scan(&n); err != nil || n == 0 {
		return noRole, err
	}
	err = s.read.QueryRowContext(ctx, `SELECT role FROM transfer`).Scan(&role)
	if errors.Is(err, sql.ErrNoRows) {
		return noRole, nil
	}
	return role, err
}

// ErrMoved means that all of a database was moved away, so no relay may run on it.
var ErrMoved = errors.New("its leads were moved to another database by leadrelay move; two relays would send them twice. " +
	"If that database is thrown away, run this in this one and start again: DROP TABLE transfer")

// refuseMoved returns an error if a relay must not run on the database.
func (s *Store) refuseMoved(ctx context.Context) error {
	switch role, err := s.role(ctx); {
	case err != nil:
		return err
	case role == movedAway:
		return ErrMoved
	case role == receiving:
		return errors.New("leadrelay move has not brought all leads here yet; run it again, and it goes on")
	}
	return nil
}

func (s *Store) mark(ctx context.Context, role transferRole) error {
	return s.writer.do(ctx, func(tx *writeTx) error {
		for _, statement := range []string{`CREATE TABLE IF NOT EXISTS transfer (role TEXT NOT NULL)`, `DELETE FROM transfer`} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO transfer (role) VALUES ($1)`, string(role))
		return err
	})
}

func (s *Store) unmark(ctx context.Context) error {
	return s.writer.do(ctx, func(tx *writeTx) error {
		_, err := tx.Exec(`DROP TABLE transfer`)
		return err
	})
}

// receive marks the database as the target, unless it is marked already. It must be
// empty, or have what a transfer that was interrupted has brought.
func (s *Store) receive(ctx context.Context) error {
	role, err := s.role(ctx)
	if err != nil || role == receiving {
		return err
	}
	for _, t := range transferTables {
		var n int
		if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM `+t.name+` LIMIT 1) AS first`).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return errors.New("the target is not empty, and nothing is moved into a database that has leads: name an empty one")
		}
	}
	return s.mark(ctx, receiving)
}

// checkUnused returns an error if a relay carries a credential from the database. A
// file is locked by whoever has it open.
func (s *Store) checkUnused(ctx context.Context) error {
	if !s.IsShared() {
		return nil
	}
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM leases WHERE until > `+clockSQL).Scan(&n)
	if err == nil && n > 0 {
		err = errors.New("a relay runs on the server's database: stop all of them; one that was killed counts for 10 s more")
	}
	return err
}

// closeAll closes the attempts of relays that were killed. A file's are closed
// when it is opened.
func (s *Store) closeAll(ctx context.Context) error {
	if !s.IsShared() {
		return nil
	}
	return s.writer.do(ctx, func(tx *writeTx) error {
		sites, err := tx.w.dialect.allSites(tx.ctx, tx.Tx)
		if err != nil {
			return err
		}
		now, err := tx.now()
		if err != nil {
			return err
		}
		return takeOver(tx.ctx, tx.Tx, &s.writer.dialect, sites, now, now)
	})
}

// transferIDs sees to it that no remote id is given again.
func transferIDs(ctx context.Context, from, to *Store) error {
	for _, tick := range []lead.Tick{lead.Milliseconds, lead.Seconds} {
		var last int64
		if err := from.read.QueryRowContext(ctx, from.writer.dialect.lastID(tick)).Scan(&last); err != nil {
			return err
		}
		err := to.writer.do(ctx, func(tx *writeTx) error { return tx.w.dialect.raiseID(tx, tick, last) })
		if err != nil {
			return err
		}
	}
	return nil
}

// rememberWords lets a server know the words of the last minutes, which a file's
// writer reads at its start. An interrupted transfer may have done so before.
func (s *Store) rememberWords(ctx context.Context) error {
	if !s.IsShared() {
		return nil
	}
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	since := now.Add(-lead.ContentWindow)
	rows, err := s.read.QueryContext(ctx, recentSQL, lead.Milliseconds.Since(since), lead.Seconds.Since(since), since.UnixMilli(), maxRecent)
	if err != nil {
		return err
	}
	leads, err := collect(rows, scanLead)
	if err != nil {
		return err
	}
	return s.keeper.do(ctx, func(tx *writeTx) error {
		if _, err := tx.Exec(`DELETE FROM repeats WHERE digest = content`); err != nil {
			return err
		}
		for _, l := range slices.Backward(leads) { // of the same words, the newest counts
			tx.w.repeats.add(l.Content(), l.RemoteID, l.ReceivedAt)
		}
		return tx.w.repeats.save(tx)
	})
}

// transferTable is a table that is transferred in the order of its key.
type transferTable struct {
	name    string
	key     int // how many columns it has, which are the first
	columns []string
	only    string // which rows
}

var transferTables = []transferTable{
	{"leads", 1, []string{
		"remote_id", "site", "state", "property_id", "body", "received_at", "due_at", "fence", "tries", "reason",
		"delivered_at", "confirmed_at", "queued_at", "turn_at", "attempt", "moved_at",
	}, "TRUE"},
	{"attempts", 2, []string{"remote_id", "number", "begun_at", "ended_at", "outcome", "status", "detail", "sent"}, "TRUE"},
	// Words, which only a server has there, have their own digest as content.
	{"repeats", 1, []string{"digest", "content", "remote_id", "kept_at"}, "digest <> content"},
	{"reconciliations", 1, []string{"number", "at", "body"}, "TRUE"},
	{"pauses", 1, []string{"site", "begun_at", "ends_at", "why"}, "TRUE"},
	// The other leads are counted anew.
	{"stats", 5, []string{"hour", "site", "what", "step", "gone", "leads"}, "gone = 1"},
	{"jobs", 1, []string{
		"id", "do_what", "filter", "state", "matched", "left_out", "done", "moved", "changed", "ordered_at", "ended_at", "holder", "lease_until",
	}, "TRUE"},
	{"job_leads", 1, []string{"job", "ids"}, "TRUE"},
	{"alerts", 1, []string{"id", "closed_at", "body"}, "TRUE"},
	{"seen_leads", 2, []string{"remote_id", "what", "fence"}, "TRUE"},
	{"audit", 1, []string{"id", "at", "who", "came_from", "what", "sites", "remote_ids", "leads", "job", "about"}, "TRUE"},
	{"tokens", 1, []string{"id", "name", "digest", "role", "sites", "created_by", "created_at", "expires_at", "used_on"}, "TRUE"},
	{"tests", 1, []string{"remote_id", "site", "property_id", "body", "received_at"}, "TRUE"},
	deliveriesTable,
	{"person_requests", 1, []string{"id", "kind", "who", "state", "received_at", "checked_at", "accepted_at", "ended_at"}, "TRUE"},
	{"blocked_leads", 1, []string{"remote_id", "at", "until", "contents"}, "TRUE"},
	{"delivery_channels", 1, []string{"channel", "failing_since", "off_at", "why"}, "TRUE"},
}

// page reads the rows that follow a key, or the first if it is nil.
func (t transferTable) page(ctx context.Context, s *Store, after []any, n int) ([][]any, error) {
	key := strings.Join(t.columns[:t.key], ", ")
	where, args := t.only, slices.Clone(after)
	if after != nil {
		where += " AND (" + key + ") > (" + parameters(1, t.key) + ")"
	}
	query := fmt.Sprintf(`SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %d`, strings.Join(t.columns, ", "), t.name, where, key, n)
	rows, err := s.people.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) ([]any, error) {
		values := make([]any, len(t.columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		return values, row.Scan(into...)
	})
}

const transferPage = 1000

// all calls do with all rows behind a key, a page at a time.
func (t transferTable) all(ctx context.Context, s *Store, after []any, do func(page [][]any) error) error {
	for {
		page, err := t.page(ctx, s, after, transferPage)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := do(page); err != nil {
			return err
		}
		after = page[len(page)-1][:t.key]
	}
}

// copy copies the rows that the target does not have yet.
func (t transferTable) copy(ctx context.Context, from, to *Store, said func(Transferred)) error {
	last, err := t.last(ctx, to)
	if err != nil {
		return err
	}
	done := Transferred{Table: t.name}
	return t.all(ctx, from, last, func(page [][]any) error {
		if err := to.writer.do(ctx, func(tx *writeTx) error { return t.insert(tx, page) }); err != nil {
			return err
		}
		done.Rows += len(page)
		said(done)
		return nil
	})
}

// last returns the last key of the table, or nil if it is empty.
func (t transferTable) last(ctx context.Context, s *Store) ([]any, error) {
	key := t.columns[:t.key]
	query := fmt.Sprintf(`SELECT %s FROM %s WHERE %s ORDER BY %s DESC LIMIT 1`, strings.Join(key, ", "), t.name, t.only, strings.Join(key, " DESC, "))
	values := make([]any, t.key)
	into := make([]any, t.key)
	for i := range values {
		into[i] = &values[i]
	}
	err := s.read.QueryRowContext(ctx, query).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return values, err
}

// insert inserts the rows, as many with a statement as the database likes.
func (t transferTable) insert(tx *writeTx, rows [][]any) error {
	for some := range slices.Chunk(rows, tx.w.dialect.rowsAtOnce) {
		if _, err := tx.Exec(t.insertSQL(len(some)), slices.Concat(some...)...); err != nil {
			return err
		}
	}
	return nil
}

func (t transferTable) insertSQL(rows int) string {
	marks := make([]string, rows)
	for i := range marks {
		marks[i] = "(" + parameters(1+i*len(t.columns), len(t.columns)) + ")"
	}
	return fmt.Sprintf(`INSERT INTO %s (%s) VALUES %s`, t.name, strings.Join(t.columns, ", "), strings.Join(marks, ", "))
}

// parameters returns n parameters, separated by commas.
func parameters(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("$%d", first+i)
	}
	return strings.Join(all, ", ")
}

// compare returns an error unless both databases have the same rows.
func (t transferTable) compare(ctx context.Context, from, to *Store) error {
	had, has, err := t.sums(ctx, from, to)
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	if had != has {
		return fmt.Errorf("%s: %d rows were moved, and the %d that arrived are not the same: drop the target's database, and move into an empty one", t.name, had.rows, has.rows)
	}
	return nil
}

// tableSum stands for all that is in a table.
type tableSum struct {
	rows   int
	digest [sha256.Size]byte
}

func (t transferTable) sums(ctx context.Context, from, to *Store) (had, has tableSum, err error) {
	if had, err = t.sum(ctx, from); err == nil {
		has, err = t.sum(ctx, to)
	}
	return had, has, err
}

func (t transferTable) sum(ctx context.Context, s *Store) (sum tableSum, err error) {
	digest := sha256.New()
	err = t.all(ctx, s, nil, func(page [][]any) error {
		for _, row := range page {
			for _, value := range row {
				if err := hashValue(digest, value); err != nil {
					return err
				}
			}
		}
		sum.rows += len(page)
		return nil
	})
	digest.Sum(sum.digest[:0])
	return sum, err
}

// hashValue adds a value to a digest, with its kind and length, so that no two rows
// look alike.
func hashValue(h hash.Hash, value any) error {
	var text []byte
	kind := byte('t')
	switch v := value.(type) {
	case nil:
		kind = 0
	case int64:
		kind, text = 'i', binary.BigEndian.AppendUint64(nil, uint64(v))
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("a value of an unknown type, %T", value)
	}
	_, err := h.Write(append(binary.BigEndian.AppendUint64([]byte{kind}, uint64(len(text))), text...))
	return err
}
