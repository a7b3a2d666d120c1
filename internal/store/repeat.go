package store

import (
	"bytes"
	"database/sql"
	"time"

	"leadrelay/internal/lead"
)

// A row of another time does not count, nor does one of a clock that was ahead:
// it takes the new lead's place.
const markSQL = `INSERT INTO repeats (digest, content, remote_id, kept_at) VALUES ($1, $2, $3, $4)
	ON CONFLICT (digest) DO UPDATE SET content = excluded.content, remote_id = excluded.remote_id, kept_at = excluded.kept_at
	WHERE repeats.kept_at NOT BETWEEN $5 AND $6`

// repeats finds out whether the lead is here already, and gives it that one's id;
// if not, it notes the lead under the id that it will have.
func (s *Store) repeats(tx *sql.Tx, k *keep, id lead.RemoteID) (bool, error) {
	k.id, k.again, k.reused = id, false, false
	if !k.Key.IsZero() {
		isNew, err := s.mark(tx, k, k.Key, k.Content[:], lead.KeyWindow)
		if err != nil {
			return false, err
		}
		if !isNew {
			return true, s.same(tx, k, k.Key)
		}
	}
	if k.Content.IsZero() {
		return false, nil
	}
	isNew, err := s.mark(tx, k, k.Content, nil, lead.ContentWindow)
	if err != nil || isNew {
		return false, err
	}
	if err := s.same(tx, k, k.Content); err != nil || k.Key.IsZero() {
		return true, err
	}
	_, err = tx.Exec(`UPDATE repeats SET remote_id = $1 WHERE digest = $2`, int64(k.id), k.Key[:])
	return true, err
}

// mark notes the lead under a digest, unless one has it that still counts.
func (s *Store) mark(tx *sql.Tx, k *keep, d lead.Digest, content []byte, window time.Duration) (isNew bool, err error) {
	at := k.Lead.ReceivedAt
	res, err := s.bind(tx, s.stmt.mark).Exec(d[:], content, int64(k.id), at.UnixMilli(), //nolint:sqlclosecheck // the transaction's end closes it
		at.Add(-window).UnixMilli(), at.Add(window).UnixMilli())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// same gives the lead the id of the one that has its digest; with another
// content it is another lead, under the same key.
func (s *Store) same(tx *sql.Tx, k *keep, d lead.Digest) error {
	var content []byte
	if err := tx.QueryRow(`SELECT content, remote_id FROM repeats WHERE digest = $1`, d[:]).Scan(&content, &k.id); err != nil {
		return err
	}
	k.again = true
	k.reused = content != nil && !bytes.Equal(content, k.Content[:])
	return nil
}

// forgetSQL looks at a part of the digests: they are spread evenly, so each part
// is as large as any other, and no index by time is needed.
const forgetSQL = `DELETE FROM repeats WHERE digest >= $1 AND digest < $2
	AND kept_at NOT BETWEEN CASE WHEN content IS NULL THEN $3 ELSE $4 END AND $5`

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
	_, err := tx.Exec(forgetSQL, from, to,
		now.Add(-lead.ContentWindow).UnixMilli(), now.Add(-lead.KeyWindow).UnixMilli(), now.Add(lead.KeyWindow).UnixMilli())
	return err
}
