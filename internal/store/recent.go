package store

import (
	"context"
	"time"

	"leadrelay/internal/lead"
)

// mostRecent bounds a generation of leads; both together stay below 4 MiB.
const mostRecent = 20_000

// recent is what came in lately, to know a repeat by its words. It is the
// writer's and needs no lock. The leads themselves say at the start what it
// was, so it costs the disk nothing. In two generations it forgets the oldest
// when there are too many: what comes at more than thirty a second for ten
// minutes is no double click.
type recent struct {
	young, old map[lead.Digest]arrival
	pending    map[lead.Digest]arrival // of a transaction that is not on disk yet
}

type arrival struct {
	id lead.RemoteID
	at int64 // Unix milliseconds
}

// find returns the lead with the same words, if it still counts.
func (r *recent) find(content lead.Digest, now time.Time) (lead.RemoteID, bool) {
	for _, generation := range []map[lead.Digest]arrival{r.pending, r.young, r.old} {
		if first, ok := generation[content]; ok && !content.IsZero() {
			return first.id, now.Sub(time.UnixMilli(first.at)).Abs() <= lead.ContentWindow
		}
	}
	return 0, false
}

func (r *recent) note(content lead.Digest, id lead.RemoteID, at time.Time) {
	if !content.IsZero() {
		r.pending[content] = arrival{id, at.UnixMilli()}
	}
}

// begin forgets what a transaction has noted that came to nothing.
func (r *recent) begin() {
	if r.pending == nil {
		r.pending = make(map[lead.Digest]arrival, maxBatch)
	}
	clear(r.pending)
}

// commit keeps what the transaction has noted.
func (r *recent) commit() {
	for content, a := range r.pending {
		if r.young == nil || len(r.young) >= mostRecent {
			r.young, r.old = make(map[lead.Digest]arrival), r.young
		}
		r.young[content] = a
	}
	clear(r.pending)
}

// recentSQL finds the leads of the last minutes by their ids, which grow with
// time: those that count milliseconds, and those that count seconds below them.
const recentSQL = `SELECT ` + leadColumns + ` FROM leads
	WHERE (remote_id >= $1 OR remote_id BETWEEN $2 AND 4294967296) AND received_at >= $3 ORDER BY remote_id DESC LIMIT $4`

// recallRecent reads what came in before the start.
func (s *Store) recallRecent(ctx context.Context) error {
	since := time.Now().Add(-lead.ContentWindow)
	rows, err := s.read.QueryContext(ctx, recentSQL, lead.Milliseconds.Since(since), lead.Seconds.Since(since), since.UnixMilli(), mostRecent)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	s.recent.begin()
	for rows.Next() {
		l, err := scanLead(rows)
		if err != nil {
			return err
		}
		content := l.Content()
		if _, ok := s.recent.pending[content]; !ok { // the newest comes first, and counts
			s.recent.note(content, l.RemoteID, l.ReceivedAt)
		}
	}
	s.recent.commit()
	return rows.Err()
}
