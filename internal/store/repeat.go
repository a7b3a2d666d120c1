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

// isRepeat reports whether the lead is here already, and gives it that one's
// id; if not, it gets the id that it will have.
func (s *Store) isRepeat(tx *sql.Tx, k *keep, id lead.RemoteID) (bool, error) {
	k.id, k.again, k.reused = id, false, false
	if first, ok := s.recent.find(k.Content, k.Lead.ReceivedAt); ok {
		k.id, k.again = first, true
	}
	if !k.Key.IsZero() {
		isNew, err := s.mark(tx, k)
		if err == nil && !isNew {
			err = s.follow(tx, k)
		}
		if err != nil {
			return false, err
		}
	}
	if k.again || k.reused {
		return true, nil
	}
	s.recent.note(k.Content, id, k.Lead.ReceivedAt)
	return false, nil
}

// mark notes the lead under its key, unless one has it that still counts.
func (s *Store) mark(tx *sql.Tx, k *keep) (isNew bool, err error) {
	at := k.Lead.ReceivedAt
	res, err := s.bind(tx, s.stmt.mark).Exec(k.Key[:], k.Content[:], int64(k.id), at.UnixMilli(), //nolint:sqlclosecheck // the transaction's end closes it
		at.Add(-lead.KeyWindow).UnixMilli(), at.Add(lead.KeyWindow).UnixMilli())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// follow gives the lead the id of the one that has its key; with another content
// it is another lead, under the same key.
func (s *Store) follow(tx *sql.Tx, k *keep) error {
	var content []byte
	err := tx.QueryRow(`SELECT content, remote_id FROM repeats WHERE digest = $1`, k.Key[:]).Scan(&content, &k.id)
	k.again, k.reused = true, !bytes.Equal(content, k.Content[:])
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
