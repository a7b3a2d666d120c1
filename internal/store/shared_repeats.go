package store

import (
	"context"
	"database/sql"
	"time"

	"leadrelay/internal/lead"
)

// sharedRepeats knows the words and keys of a batch, as the database has them. All
// of them are read and written at once, in the transaction that keeps the leads,
// and nothing stays in memory: another process may be the next to write.
type sharedRepeats struct{ known map[lead.Digest]repeat }

// repeat is a row. The content of words is their own digest.
type repeat struct {
	content lead.Digest
	id      lead.RemoteID
	at      int64 // Unix milliseconds
	isNew   bool  // it is not in the database yet
	takes   bool  // the place of a row that no longer counts
}

func (r repeat) isWithin(window time.Duration, now time.Time) bool {
	return now.Sub(time.UnixMilli(r.at)).Abs() <= window
}

func (*sharedRepeats) load(context.Context, *sql.DB) error { return nil }

func (s *sharedRepeats) begin() { s.known = map[lead.Digest]repeat{} }

func (*sharedRepeats) commit() {}

const lookUpSQL = `SELECT digest, content, remote_id, kept_at FROM repeats WHERE digest = ANY ($1)`

// lookUp also sets the times of the leads right: by the database's clock, the same
// words at two processes come at the same time.
func (s *sharedRepeats) lookUp(tx *writeTx, batch []*job) error {
	var digests [][]byte
	for _, j := range batch {
		if n := j.lead; n != nil {
			n.setRight(tx.ahead)
			for _, d := range []lead.Digest{n.Content, n.Corrects, n.Key} {
				if !d.IsZero() {
					digests = append(digests, d[:])
				}
			}
		}
	}
	if digests == nil {
		return nil
	}
	rows, err := tx.Query(lookUpSQL, digests)
	if err != nil {
		return err
	}
	var digest, content []byte
	scan := func(row scanner) (r repeat, err error) {
		err = row.Scan(&digest, &content, &r.id, &r.at)
		copy(r.content[:], content)
		return r, err
	}
	for r, err := range each(rows, scan) {
		if err != nil {
			return err
		}
		s.known[lead.Digest(digest)] = r
	}
	return nil
}

func (s *sharedRepeats) find(content lead.Digest, now time.Time) (lead.RemoteID, bool) {
	r, ok := s.known[content]
	return r.id, ok && r.isWithin(lead.ContentWindow, now)
}

func (s *sharedRepeats) add(content lead.Digest, id lead.RemoteID, at time.Time) {
	if !content.IsZero() {
		s.put(content, repeat{content: content, id: id, at: at.UnixMilli()})
	}
}

func (s *sharedRepeats) markKey(_ *writeTx, n *newLead, window time.Duration) (isNew bool, err error) {
	at := n.Lead.ReceivedAt
	if r, ok := s.known[n.Key]; ok && r.isWithin(window, at) {
		return false, nil
	}
	s.put(n.Key, repeat{content: n.Content, id: n.kept.RemoteID, at: at.UnixMilli()})
	return true, nil
}

func (s *sharedRepeats) put(digest lead.Digest, r repeat) {
	was, known := s.known[digest]
	r.isNew, r.takes = true, known && (was.takes || !was.isNew)
	s.known[digest] = r
}

func (s *sharedRepeats) holder(_ *writeTx, key lead.Digest) (lead.RemoteID, lead.Digest, error) {
	r := s.known[key]
	return r.id, r.content, nil
}

// Most rows are new, and the lock of those who keep leads makes sure that nobody else
// has written one meanwhile: to look for it again would cost a fifth more.
const (
	saveRepeatsSQL = `INSERT INTO repeats (digest, content, remote_id, kept_at) SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[])`

	replaceRepeatsSQL = saveRepeatsSQL + `
	ON CONFLICT (digest) DO UPDATE SET content = excluded.content, remote_id = excluded.remote_id, kept_at = excluded.kept_at`
)

func (s *sharedRepeats) save(tx *writeTx) error {
	for statement, takes := range map[string]bool{saveRepeatsSQL: false, replaceRepeatsSQL: true} {
		var digests, contents [][]byte
		var ids, kept []int64
		for digest, r := range s.known {
			if r.isNew && r.takes == takes {
				digests, contents = append(digests, digest[:]), append(contents, r.content[:])
				ids, kept = append(ids, int64(r.id)), append(kept, r.at)
			}
		}
		if digests == nil {
			continue
		}
		if _, err := tx.Exec(statement, digests, contents, ids, kept); err != nil {
			return err
		}
	}
	return nil
}
