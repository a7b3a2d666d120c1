package store

import (
	"bytes"
	"database/sql"
	"errors"
	"time"

	"leadrelay/internal/lead"
)

// A row of another time does not count, nor does one of a clock that was ahead:
// it takes the new lead's place.
const markSQL = `INSERT INTO repeats (digest, content, remote_id, kept_at) VALUES ($1, $2, $3, $4)
	ON CONFLICT (digest) DO UPDATE SET content = excluded.content, remote_id = excluded.remote_id, kept_at = excluded.kept_at
	WHERE repeats.kept_at NOT BETWEEN $5 AND $6`

// isRepeat reports whether the lead is here already, on its way or arrived or set
// apart, and gives it that one's id; if not, it gets the id that it will have.
// Only where something was found does it look at the lead that it found.
func (s *Store) isRepeat(tx *sql.Tx, k *keep, id lead.RemoteID) (bool, error) {
	k.kept, k.reused = lead.Kept{RemoteID: id}, false
	first, err := s.byWords(tx, k)
	if first != nil {
		k.kept.RemoteID = first.RemoteID
	}
	if err == nil && !k.Key.IsZero() {
		first, err = s.byKey(tx, k, first)
	}
	switch {
	case err != nil, k.reused:
		return k.reused, err
	case first == nil:
		s.recent.note(k.Content, id, k.Lead.ReceivedAt)
		return false, nil
	}
	k.kept.Again = true
	return true, s.repeat(tx, k, first)
}

// byWords returns the lead with the same words, or with those that these
// correct, if there is one that counts.
func (s *Store) byWords(tx *sql.Tx, k *keep) (*lead.Lead, error) {
	first, err := s.byContent(tx, k, k.Content)
	if err != nil || first != nil || k.Corrects.IsZero() {
		return first, err
	}
	first, err = s.byContent(tx, k, k.Corrects)
	if err != nil || first == nil || !k.corrects(first) {
		return nil, err
	}
	var isHere bool // what has left, or may have, is not called back
	err = tx.QueryRow(`SELECT attempt = 0 AND state IN ('queued', 'quarantined') FROM leads WHERE remote_id = $1`, int64(first.RemoteID)).Scan(&isHere)
	if err != nil || !isHere {
		return nil, err
	}
	return first, nil
}

// corrects reports whether the lead takes the place of the first, which still
// has the words that its visitor takes back.
func (k *keep) corrects(first *lead.Lead) bool {
	return !k.Corrects.IsZero() && first.Content() == k.Corrects
}

func (s *Store) byContent(tx *sql.Tx, k *keep, content lead.Digest) (*lead.Lead, error) {
	id, ok := s.recent.find(content, k.Lead.ReceivedAt)
	if !ok {
		return nil, nil
	}
	return s.counted(tx, id)
}

// nobody is a window in which nobody came.
const nobody = -time.Millisecond

// byKey notes the lead under its key, or returns the one that has it. Who has it
// and was given up makes room; so does one that is set apart, for other words.
func (s *Store) byKey(tx *sql.Tx, k *keep, first *lead.Lead) (*lead.Lead, error) {
	isNew, err := s.mark(tx, k, lead.KeyWindow)
	if err != nil || isNew {
		return first, err
	}
	var content []byte
	var id lead.RemoteID
	if err := tx.QueryRow(`SELECT content, remote_id FROM repeats WHERE digest = $1`, k.Key[:]).Scan(&content, &id); err != nil {
		return nil, err
	}
	holder, err := s.counted(tx, id)
	isSame := bytes.Equal(content, k.Content[:])
	switch {
	case err != nil:
		return nil, err
	case holder == nil, !isSame && holder.State == lead.Quarantined:
		_, err := s.mark(tx, k, nobody)
		return first, err
	case !isSame:
		k.reused = true
		return nil, nil
	}
	k.kept.RemoteID, k.kept.ByKey = id, true
	return holder, nil
}

// mark notes the lead under its key, unless one has it that came within the window.
func (s *Store) mark(tx *sql.Tx, k *keep, window time.Duration) (isNew bool, err error) {
	at := k.Lead.ReceivedAt
	res, err := s.bind(tx, s.stmt.mark).Exec(k.Key[:], k.Content[:], int64(k.kept.RemoteID), at.UnixMilli(), //nolint:sqlclosecheck // the transaction's end closes it
		at.Add(-window).UnixMilli(), at.Add(window).UnixMilli())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// counted returns the lead with the id, if a repeat of it is no lead of its own.
func (s *Store) counted(tx *sql.Tx, id lead.RemoteID) (*lead.Lead, error) {
	if err := s.insert(tx); err != nil {
		return nil, err
	}
	l, err := findIn(tx, id)
	switch {
	case errors.Is(err, lead.ErrNotFound), err == nil && l.State.IsGivenUp():
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &l, nil
}

// repeat writes down what a repeat changes of the first.
func (s *Store) repeat(tx *sql.Tx, k *keep, first *lead.Lead) error {
	was := first.State
	isCorrected := k.corrects(first)
	if isCorrected {
		first.Email = k.Lead.Email
		s.recent.note(k.Content, first.RemoteID, k.Lead.ReceivedAt)
	}
	changed := first.Repeated(&k.Lead) || isCorrected
	if first.State != was {
		k.kept.Sooner = true
		return rewrite(tx, *first, true)
	}
	if changed {
		body, err := pack(first)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE leads SET body = $1 WHERE remote_id = $2`, body, int64(first.RemoteID)); err != nil {
			return err
		}
	}
	if first.State != lead.Queued || k.Lead.State != lead.Queued || !k.Lead.DueAt.Before(first.DueAt) {
		return nil
	}
	// It is held for its mail domain, unless it was tried, and the repeat is not.
	res, err := tx.Exec(`UPDATE leads SET due_at = $1 WHERE remote_id = $2 AND attempt = 0`, millis(k.Lead.DueAt), int64(first.RemoteID))
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	k.kept.Sooner = n == 1
	return err
}

// forgetSQL looks at a part of the digests: they are spread evenly, so each part
// is as large as any other, and no index by time is needed.
const forgetSQL = `DELETE FROM repeats WHERE digest >= $1 AND digest < $2 AND kept_at NOT BETWEEN $3 AND $4`

// forget drops what no longer counts, a 256th of it at a time and that seldom,
// along with a commit that keeps leads: without them nothing grows.
func (s *Store) forget(tx *sql.Tx, now time.Time) error {
	const pause = 20 * time.Second
	if passed := now.Sub(s.forgot); passed >= 0 && passed < pause {
		return nil
	}
	s.forgot = now
	s.part++
	from, to := []byte{s.part}, []byte{s.part + 1}
	if s.part == 0xff {
		to = bytes.Repeat([]byte{0xff}, len(lead.Digest{})+1) // above them all
	}
	_, err := tx.Exec(forgetSQL, from, to, now.Add(-lead.KeyWindow).UnixMilli(), now.Add(lead.KeyWindow).UnixMilli())
	return err
}
