package store

import (
	"context"
	"fmt"
	"time"

	"leadrelay/internal/lead"
)

// endedAt is when a lead came into its state: a confirmed lead when it was seen,
// any other when a person moved it, and a lead that was quarantined by itself when
// it was received. The index has the same expression.
const endedAt = `COALESCE(confirmed_at, moved_at, received_at)`

// mayEnd is the condition of the index of leads that may be erased some day.
const mayEnd = `state IN (` + sqlQuarantined + `, ` + sqlDiscarded + `, ` + sqlConfirmed + `)`

// erasableSQL finds the leads that may be erased. SQLite uses the index only if
// its condition on the states is here word for word. A lead that is still due has
// not ended, nor has one of which somebody is yet to be told; a delivery is given up
// after three days. One that is blocked has its own time.
const erasableSQL = `SELECT remote_id FROM leads WHERE ` + mayEnd + `
	AND ` + isSeen + ` AND state = '%s' AND ` + endedAt + ` < $1 AND due_at IS NULL
	AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.remote_id = leads.remote_id AND d.due_at IS NOT NULL) ORDER BY ` + endedAt + ` LIMIT $2`

// Erase removes the quarantined, discarded or confirmed leads that came into the
// state before a time, with their attempts, and returns how many. It works in
// small steps that share commits with others, and pauses between them, so that it
// does not slow down new leads. The keys of the leads are deleted after a day, and
// no lead is erased sooner.
func (s *Store) Erase(ctx context.Context, state lead.State, before time.Time) (erased int, err error) {
	const step, rest = 64, 3 // leads, and how many times as long as a step took
	for {
		begun := time.Now()
		n, err := s.eraseSome(ctx, state, before, step)
		erased += n
		if err != nil {
			return erased, fmt.Errorf("erase %s leads: %w", state, err)
		}
		if n == 0 {
			return erased, nil
		}
		select {
		case <-time.After(max(time.Since(begun)*rest, time.Millisecond)):
		case <-ctx.Done():
			return erased, nil
		}
	}
}

func (s *Store) eraseSome(ctx context.Context, state lead.State, before time.Time, most int) (int, error) {
	query := fmt.Sprintf(erasableSQL, state)
	var isDue bool // most often not, and then it must cost no commit
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (`+query+`)`, before.UnixMilli(), 1).Scan(&isDue)
	if err != nil || !isDue {
		return 0, err
	}
	var erased int // to be read only after a commit
	err = s.writer.doLazily(ctx, func(tx *writeTx) error {
		rows, err := tx.Query(query+tx.w.dialect.forUpdate, before.UnixMilli(), most)
		if err != nil {
			return err
		}
		ids, err := collect(rows, scanColumn[int64])
		if err != nil {
			return err
		}
		these := fmt.Sprintf(tx.w.dialect.oneOf, "$1") // a statement for each lead would be most of a server's time
		for _, table := range []string{"attempts", "deliveries", "leads"} {
			if _, err := tx.Exec(`DELETE FROM `+table+` WHERE remote_id `+these, listed(ids)); err != nil {
				return err
			}
		}
		erased = len(ids)
		return tx.deleteOldKeys() // also if no lead comes in any more
	})
	if err != nil {
		return 0, err
	}
	return erased, nil
}
