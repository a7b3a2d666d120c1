package store

import (
	"context"
	"database/sql"
	"time"

	"leadrelay/internal/bounded"
	"leadrelay/internal/lead"
)

// maxRecent bounds one generation of leads. Both together stay below 4 MiB.
const maxRecent = 20_000

// recent remembers the leads of the last minutes, to know a repeat by its words.
// It belongs to the writer and needs no lock. It costs the disk nothing, because
// after a start it is made from the leads themselves. It is bounded: leads that
// come faster than thirty a second for ten minutes are no double clicks.
type recent struct {
	committed bounded.Map[lead.Digest, arrival]
	pending   map[lead.Digest]arrival // of the transaction that is not on disk yet
}

func newRecent() *recent { return &recent{committed: bounded.New[lead.Digest, arrival](maxRecent)} }

type arrival struct {
	id lead.RemoteID
	at int64 // Unix milliseconds
}

// find returns the lead with the same words, if it still counts.
func (r *recent) find(content lead.Digest, now time.Time) (lead.RemoteID, bool) {
	first, ok := r.pending[content]
	if !ok {
		first, ok = r.committed.Get(content)
	}
	return first.id, ok && now.Sub(time.UnixMilli(first.at)).Abs() <= lead.ContentWindow
}

// add remembers a lead of the transaction.
func (r *recent) add(content lead.Digest, id lead.RemoteID, at time.Time) {
	if !content.IsZero() {
		r.pending[content] = arrival{id, at.UnixMilli()}
	}
}

// begin begins a transaction. It drops what the one before has added, unless that
// was committed.
func (r *recent) begin() {
	if r.pending == nil {
		r.pending = make(map[lead.Digest]arrival, maxBatch)
	}
	clear(r.pending)
}

// commit makes the leads of the transaction permanent.
func (r *recent) commit() {
	for content, a := range r.pending {
		r.committed.Put(content, a)
	}
	clear(r.pending)
}

// recentSQL finds the leads of the last minutes by their ids, which grow with
// time: the ids that count milliseconds, and those that count seconds below them.
const recentSQL = `SELECT ` + leadColumns + ` FROM leads
	WHERE (remote_id >= $1 OR remote_id BETWEEN $2 AND 4294967296) AND received_at >= $3 ORDER BY remote_id DESC LIMIT $4`

// load reads the leads that came in shortly before the start.
func (r *recent) load(ctx context.Context, db *sql.DB) error {
	since := time.Now().Add(-lead.ContentWindow)
	rows, err := db.QueryContext(ctx, recentSQL, lead.Milliseconds.Since(since), lead.Seconds.Since(since), since.UnixMilli(), maxRecent)
	if err != nil {
		return err
	}
	r.begin()
	for l, err := range each(rows, scanLead) {
		if err != nil {
			return err
		}
		content := l.Content()
		if _, ok := r.pending[content]; !ok { // the newest comes first, and counts
			r.add(content, l.RemoteID, l.ReceivedAt)
		}
	}
	r.commit()
	return nil
}

// lookUp does nothing: a key is looked up when it is needed, which costs little.
func (*recent) lookUp(*writeTx, []*job) error { return nil }

// markKeySQL gives a key to a lead. A lead that has the key and was kept outside
// of the window loses it, also if it was kept by a clock that was ahead.
const markKeySQL = `INSERT INTO repeats (digest, content, remote_id, kept_at) VALUES ($1, $2, $3, $4)
	ON CONFLICT (digest) DO UPDATE SET content = excluded.content, remote_id = excluded.remote_id, kept_at = excluded.kept_at
	WHERE repeats.kept_at NOT BETWEEN $5 AND $6`

func (*recent) markKey(tx *writeTx, n *newLead, window time.Duration) (isNew bool, err error) {
	at := n.Lead.ReceivedAt
	return changed(tx.exec(markKey, n.Key[:], n.Content[:], int64(n.kept.RemoteID), at.UnixMilli(),
		at.Add(-window).UnixMilli(), at.Add(window).UnixMilli()))
}

func (*recent) holder(tx *writeTx, key lead.Digest) (id lead.RemoteID, content lead.Digest, err error) {
	var digest []byte
	err = tx.QueryRow(`SELECT content, remote_id FROM repeats WHERE digest = $1`, key[:]).Scan(&digest, &id)
	copy(content[:], digest)
	return id, content, err
}

// save does nothing: words are in memory, and keys are in the table already.
func (*recent) save(*writeTx) error { return nil }
