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

// isRepeat reports whether the lead is here already, and gives it that one's
// id; if not, it gets the id that it will have.
func (s *Store) isRepeat(tx *sql.Tx, k *keep, id lead.RemoteID) (bool, error) {
	k.id, k.again, k.reused = id, false, false
	if first, ok := s.recent.find(k.Content, k.Lead.ReceivedAt); ok {
		k.id, k.again = first, true
	}
	if !k.Key.IsZero() {
		if err := s.byKey(tx, k); err != nil {
			return false, err
		}
	}
	if k.again || k.reused {
		return true, nil
	}
	s.recent.note(k.Content, id, k.Lead.ReceivedAt)
	return false, nil
}

// byKey notes the lead under its key, or gives it the id of the one that has it.
func (s *Store) byKey(tx *sql.Tx, k *keep) error {
	isNew, err := s.mark(tx, k, k.Key)
	if err != nil || isNew {
		return err
	}
	isAnothers, err := s.follow(tx, k, k.Key)
	if err != nil || !isAnothers {
		return err
	}
	if isNew, err = s.mark(tx, k, k.Own); err != nil || isNew {
		return err
	}
	_, err = s.follow(tx, k, k.Own)
	return err
}

// mark notes the lead under the key, unless one has it that still counts.
func (s *Store) mark(tx *sql.Tx, k *keep, key lead.Digest) (isNew bool, err error) {
	at := k.Lead.ReceivedAt
	res, err := s.bind(tx, s.stmt.mark).Exec(key[:], k.Content[:], int64(k.id), at.UnixMilli(), //nolint:sqlclosecheck // the transaction's end closes it
		at.Add(-lead.KeyWindow).UnixMilli(), at.Add(lead.KeyWindow).UnixMilli())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// follow gives the lead the id of the one that has the key; with another content
// it is another lead, under the same key. It changes nothing when that one is
// another person's and the lead has a key of its own for that.
func (s *Store) follow(tx *sql.Tx, k *keep, key lead.Digest) (isAnothers bool, err error) {
	var content []byte
	var id lead.RemoteID
	if err := tx.QueryRow(`SELECT content, remote_id FROM repeats WHERE digest = $1`, key[:]).Scan(&content, &id); err != nil {
		return false, err
	}
	isSame := bytes.Equal(content, k.Content[:])
	if !isSame && key != k.Own && !k.Own.IsZero() {
		if isAnothers, err = s.isOfAnother(tx, k, id); err != nil || isAnothers {
			return isAnothers, err
		}
	}
	k.id, k.again, k.reused = id, true, !isSame
	return false, nil
}

// isOfAnother reports whether the lead with the id is surely another person's.
func (s *Store) isOfAnother(tx *sql.Tx, k *keep, id lead.RemoteID) (bool, error) {
	var data []byte
	err := tx.QueryRow(`SELECT body FROM leads WHERE remote_id = $1`, int64(id)).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	var first lead.Lead
	if err == nil {
		err = unpack(data, &first)
	}
	return err == nil && k.Lead.IsOfAnother(&first.Inquiry), err
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
