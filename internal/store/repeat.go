package store

import (
	"bytes"
	"errors"
	"time"

	"leadrelay/internal/lead"
)

// isRepeat reports whether the database already has the lead, on its way, arrived
// or quarantined. If so, the new lead gets the remote id of that one. Otherwise it
// gets id. Only a repeat costs a query of the lead that it repeats.
func (tx *writeTx) isRepeat(n *newLead, id lead.RemoteID) (bool, error) {
	n.kept, n.keyReused = lead.Kept{RemoteID: id}, false
	first, err := tx.findByWords(n)
	if first != nil {
		n.kept.RemoteID = first.RemoteID
	}
	if err == nil && !n.Key.IsZero() {
		first, err = tx.findByKey(n, first)
	}
	switch {
	case err != nil, n.keyReused:
		return n.keyReused, err
	case first == nil:
		tx.w.repeats.add(n.Content, id, n.Lead.ReceivedAt)
		return false, nil
	}
	n.kept.Again, n.kept.First = true, first.Trace
	return true, tx.mergeRepeat(n, first)
}

// findByWords returns the lead that has the same words, or the words that this
// one corrects, or nil if there is none that counts.
func (tx *writeTx) findByWords(n *newLead) (*lead.Lead, error) {
	first, err := tx.findByContent(n, n.Content)
	if err != nil || first != nil || n.Corrects.IsZero() {
		return first, err
	}
	first, err = tx.findByContent(n, n.Corrects)
	if err != nil || first == nil || !n.corrects(first) {
		return nil, err
	}
	var isHere bool // a lead that has left, or may have, can no longer be corrected
	err = tx.QueryRow(`SELECT attempt = 0 AND state IN (`+sqlQueued+`, `+sqlQuarantined+`) FROM leads WHERE remote_id = $1`, int64(first.RemoteID)).Scan(&isHere)
	if err != nil || !isHere {
		return nil, err
	}
	return first, nil
}

// corrects reports whether the lead takes the place of the first, which still
// has the words that the visitor takes back.
func (n *newLead) corrects(first *lead.Lead) bool {
	return !n.Corrects.IsZero() && first.Content() == n.Corrects
}

func (tx *writeTx) findByContent(n *newLead, content lead.Digest) (*lead.Lead, error) {
	id, ok := tx.w.repeats.find(content, n.Lead.ReceivedAt)
	if !ok {
		return nil, nil
	}
	return tx.findActive(id)
}

// findByKey gives the key to the new lead and returns first, or returns the lead
// that has the key already. A lead that has it and was given up loses it. So does
// a quarantined lead, if the words of the new one are different.
func (tx *writeTx) findByKey(n *newLead, first *lead.Lead) (*lead.Lead, error) {
	isNew, err := tx.w.repeats.markKey(tx, n, lead.KeyWindow)
	if err != nil || isNew {
		return first, err
	}
	id, content, err := tx.w.repeats.holder(tx, n.Key)
	if err != nil {
		return nil, err
	}
	holder, err := tx.findActive(id)
	isSame := content == n.Content
	switch {
	case err != nil:
		return nil, err
	case holder == nil, !isSame && holder.State == lead.Quarantined:
		const never = -time.Millisecond // no row is within this window
		_, err := tx.w.repeats.markKey(tx, n, never)
		return first, err
	case !isSame:
		n.keyReused = true
		return nil, nil
	}
	n.kept.RemoteID, n.kept.ByKey = id, true
	return holder, nil
}

// findActive returns the lead with the id. It returns nil if there is none, or if
// the lead was given up: then a repeat of it is a lead of its own.
func (tx *writeTx) findActive(id lead.RemoteID) (*lead.Lead, error) {
	if err := tx.insertFresh(); err != nil {
		return nil, err
	}
	l, err := tx.find(id)
	switch {
	case errors.Is(err, lead.ErrNotFound), err == nil && (l.State.IsGivenUp() || l.IsErased()):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &l, nil
}

// mergeRepeat writes down what a repeat changes in the first lead.
func (tx *writeTx) mergeRepeat(n *newLead, first *lead.Lead) error {
	was := first.State
	isCorrected := n.corrects(first)
	if isCorrected {
		first.Email = n.Lead.Email
		tx.w.repeats.add(n.Content, first.RemoteID, n.Lead.ReceivedAt)
	}
	hasNews := first.Repeated(&n.Lead) || isCorrected
	if first.State != was {
		n.kept.Sooner = true
		return tx.rewrite(was, first, n.Lead.ReceivedAt)
	}
	if hasNews {
		body, err := pack(first)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE leads SET body = $1 WHERE remote_id = $2`, body, int64(first.RemoteID)); err != nil {
			return err
		}
	}
	if first.State != lead.Queued || n.Lead.State != lead.Queued || !n.Lead.DueAt.Before(first.DueAt) {
		return nil
	}
	// The first is delayed because of its mail domain, and the repeat is not. If
	// the first was tried before, it keeps to its schedule.
	var err error
	n.kept.Sooner, err = changed(tx.Exec(`UPDATE leads SET due_at = $1 WHERE remote_id = $2 AND attempt = 0`, millis(n.Lead.DueAt), int64(first.RemoteID)))
	return err
}

// keySweep is how far the deletion of old keys has come.
type keySweep struct {
	last time.Time
	part byte
}

// deleteOldKeysSQL looks at a part of the digests. They are spread evenly, so all
// parts are of about the same size, and no index by time is needed. Words, which
// only a shared database has there, have their own digest as content.
const deleteOldKeysSQL = `DELETE FROM repeats WHERE digest >= $1 AND digest < $2
	AND (kept_at NOT BETWEEN $3 AND $4 OR content = digest AND kept_at < $5)`

// deleteOldKeys deletes keys that no longer count. It does a 256th of the work at
// a time, now and then, along with a commit that keeps leads: without new leads
// there are no new keys.
func (tx *writeTx) deleteOldKeys() error {
	const pause = 20 * time.Second
	sweep := &tx.w.oldKeys
	if time.Since(sweep.last) < pause {
		return nil
	}
	now, err := tx.now()
	if err != nil {
		return err
	}
	sweep.last = time.Now()
	sweep.part++
	from, to := []byte{sweep.part}, []byte{sweep.part + 1}
	if sweep.part == 0xff {
		to = bytes.Repeat([]byte{0xff}, len(lead.Digest{})+1) // above them all
	}
	_, err = tx.Exec(deleteOldKeysSQL, from, to, now.Add(-lead.KeyWindow).UnixMilli(), now.Add(lead.KeyWindow).UnixMilli(), now.Add(-lead.ContentWindow).UnixMilli())
	return err
}
