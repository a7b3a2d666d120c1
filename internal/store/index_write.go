package store

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// rests are the pauses of work that may wait: a step and its rest take four times as
// long as the step.
type rests struct {
	ctx   context.Context //nolint:containedctx // it lives no longer than a call
	begun time.Time
}

func newRests(ctx context.Context) *rests { return &rests{ctx, time.Now()} }

// now rests, and returns an error if ctx ends.
func (r *rests) now() error {
	const times = 3
	defer func() { r.begun = time.Now() }()
	select {
	case <-time.After(max(times*time.Since(r.begun), time.Millisecond)):
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

var (
	searchBlocks = transferTable{name: "search_blocks", columns: []string{"number", "first", "last", "leads", "since", "until", "directory", "ids"}}
	searchPages  = transferTable{name: "search_pages", columns: []string{"id", "keys"}}
)

// pagesAtOnce are written together. A commit with them keeps nobody waiting.
const pagesAtOnce = 16

// writeBlock writes the pages of a block, and then its row in the place of those that it
// replaces: from then on it is read. Pages that nobody reads are deleted.
func (s *Store) writeBlock(ctx context.Context, task *indexTask, row []any, pages [][]byte, rest *rests) error {
	number, _ := row[0].(int64)
	rows := make([][]any, len(pages))
	for i, page := range pages {
		rows[i] = []any{number<<pageBits | int64(i), page}
	}
	for some := range slices.Chunk(rows, pagesAtOnce) {
		err := s.writer.doLazily(ctx, func(tx *writeTx) error { return searchPages.insert(tx, some) })
		if err == nil {
			err = rest.now()
		}
		if err != nil {
			return err
		}
	}
	var isOurs bool // to be read only after a commit
	err := s.writer.doLazily(ctx, func(tx *writeTx) (err error) {
		isOurs, err = tx.replaceBlocks(task, row)
		return err
	})
	if err != nil {
		return err
	}
	old := task.replaces
	if !isOurs {
		old = []int64{number}
	}
	for _, number := range old {
		if err := s.deletePages(ctx, number, rest); err != nil {
			return err
		}
	}
	if !isOurs {
		return errLost
	}
	return nil
}

// replaceBlocks writes a block's row in the place of others, unless another process has
// done so. Two blocks never begin with the same id.
func (tx *writeTx) replaceBlocks(task *indexTask, row []any) (bool, error) {
	for _, number := range task.replaces {
		var found int
		err := tx.QueryRow(`SELECT 1 FROM search_blocks WHERE number = $1`+tx.w.dialect.forUpdate, number).Scan(&found)
		if err == sql.ErrNoRows { //nolint:errorlint // it is never wrapped
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	for _, number := range task.replaces {
		if _, err := tx.Exec(`DELETE FROM search_blocks WHERE number = $1`, number); err != nil {
			return false, err
		}
	}
	return changed(tx.Exec(searchBlocks.insertSQL(1)+` ON CONFLICT (first) DO NOTHING`, row...))
}

func (s *Store) deletePages(ctx context.Context, number int64, rest *rests) error {
	for more := true; more; {
		err := s.writer.doLazily(ctx, func(tx *writeTx) (err error) {
			more, err = changed(tx.Exec(`DELETE FROM search_pages WHERE id IN (SELECT id FROM search_pages WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3)`,
				number<<pageBits, (number+1)<<pageBits, pagesAtOnce))
			return err
		})
		if err == nil {
			err = rest.now()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropOrphans deletes pages that a process which ended has left behind. Another process
// may still be writing those of the last hour.
func (s *Store) dropOrphans(ctx context.Context) error {
	const pause = time.Hour
	if time.Since(s.index.cleaned) < pause {
		return nil
	}
	s.index.cleaned = time.Now()
	for number := int64(0); ; number++ {
		var id sql.NullInt64
		if err := s.people.QueryRowContext(ctx, `SELECT min(id) FROM search_pages WHERE id >= $1`, number<<pageBits).Scan(&id); err != nil || !id.Valid {
			return err
		}
		number = id.Int64 >> pageBits
		if s.IsShared() && time.Since(blockTime(number)) < pause {
			continue
		}
		var blocks int
		if err := s.people.QueryRowContext(ctx, `SELECT count(*) FROM search_blocks WHERE number = $1`, number).Scan(&blocks); err != nil {
			return err
		}
		if blocks > 0 {
			continue
		}
		if err := s.deletePages(ctx, number, newRests(ctx)); err != nil {
			return err
		}
	}
}

// staleLead is a row of what has changed since its block was made.
type staleLead struct{ id, changes int64 }

func (s *Store) staleWithin(ctx context.Context, task *indexTask) ([]staleLead, error) {
	rows, err := s.people.QueryContext(ctx, `SELECT remote_id, changes FROM search_stale WHERE remote_id >= $1 AND remote_id <= $2`, int64(task.first), int64(task.last))
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (l staleLead, err error) {
		err = row.Scan(&l.id, &l.changes)
		return l, err
	})
}

// deleteStale deletes the rows of leads that have not changed again.
func (s *Store) deleteStale(ctx context.Context, stale []staleLead, rest *rests) error {
	const most = 64
	for some := range slices.Chunk(stale, most) {
		err := s.writer.doLazily(ctx, func(tx *writeTx) error {
			for _, l := range some {
				if _, err := tx.Exec(`DELETE FROM search_stale WHERE remote_id = $1 AND changes = $2`, l.id, l.changes); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			err = rest.now()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
