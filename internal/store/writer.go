package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"leadrelay/internal/lead"
)

const (
	// maxBatch is how many writes share one commit. What a commit costs is
	// the wait for the disk, so those who wait together pay it once.
	maxBatch = 256
	// maxWaiting bounds the queue in front of the writer.
	maxWaiting = 1024
)

var errClosed = errors.New("the store is closed")

// job is a write that waits for its place in a commit: a lead to keep, or
// anything else to run.
type job struct {
	kept  *keep
	run   func(*sql.Tx) error
	lazy  bool // nobody waits for it who is in a hurry
	done  chan error
	stage atomic.Int32
}

// The stages of a job.
const (
	waiting   = iota // for the writer
	taken            // into a transaction that has begun
	abandoned        // by who waited for it, so it must not happen
)

// take reports whether the job belongs into the transaction.
func (j *job) take() bool {
	return j.stage.CompareAndSwap(waiting, taken) || j.stage.Load() == taken
}

// do runs f in a transaction and returns when it is on disk. f may run twice,
// when another write of the same commit fails. When ctx ends first, the write
// happens only if its transaction had begun.
func (s *Store) do(ctx context.Context, f func(*sql.Tx) error) error {
	return s.await(ctx, &job{run: f, done: make(chan error, 1)})
}

// doLazily is do for a write that may wait a moment for others to share its
// commit.
func (s *Store) doLazily(ctx context.Context, f func(*sql.Tx) error) error {
	return s.await(ctx, &job{run: f, lazy: true, done: make(chan error, 1)})
}

func (s *Store) await(ctx context.Context, j *job) error {
	select {
	case s.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.quit:
		return errClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		j.stage.CompareAndSwap(waiting, abandoned)
		return ctx.Err()
	case <-s.done: // the writer stopped between the two
		select {
		case err := <-j.done:
			return err
		default:
			return errClosed
		}
	}
}

// writeJobs is the one writer. It takes all that wait into one commit.
func (s *Store) writeJobs() {
	defer close(s.done)
	batch := make([]*job, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case j := <-s.jobs:
			batch = append(batch, j)
		case <-s.quit:
		}
		// Whoever is ready to run may be about to write, and then shares this
		// commit. With nobody there it costs nothing.
		runtime.Gosched()
		runtime.Gosched()
		if batch = s.gather(batch); len(batch) > 0 && allLazy(batch) {
			batch = s.gather(s.linger(batch))
		}
		if len(batch) == 0 {
			return
		}
		s.commit(batch)
	}
}

func (s *Store) gather(batch []*job) []*job {
	for len(batch) < maxBatch {
		select {
		case j := <-s.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

func allLazy(batch []*job) bool {
	return !slices.ContainsFunc(batch, func(j *job) bool { return !j.lazy })
}

// linger waits a moment for somebody who is in a hurry: a commit costs the same
// with one write and with many.
func (s *Store) linger(batch []*job) []*job {
	const moment, enough = 2 * time.Millisecond, 64
	timer := time.NewTimer(moment)
	defer timer.Stop()
	for len(batch) < enough {
		select {
		case j := <-s.jobs:
			if batch = append(batch, j); !j.lazy {
				return batch
			}
		case <-timer.C:
			return batch
		case <-s.quit:
			return batch
		}
	}
	return batch
}

// jobError is a failure of one job, which says nothing about its neighbors.
type jobError struct{ error }

func (e jobError) Unwrap() error { return e.error }

// commit answers every job of the batch. When one of them fails, each gets a
// transaction of its own, so that a bad write costs nobody else. When the disk
// is full, the reserve is for those that keep no lead. What went into files that
// are not the database's any more has failed.
func (s *Store) commit(batch []*job) {
	if err := s.files.refuse(); err != nil {
		answer(batch, err)
		return
	}
	if s.reserve.hold(time.Now()); !s.reserve.held.Load() {
		batch = refuseKeeps(batch)
	}
	err := s.together(batch)
	if isFull(err) {
		err = s.again(batch)
	}
	if isFull(err) {
		s.reserve.give()
		batch = refuseKeeps(batch)
		err = s.again(batch)
	}
	var one jobError
	if errors.As(err, &one) && len(batch) > 1 {
		for _, j := range batch {
			s.commit([]*job{j})
		}
		return
	}
	if err == nil && len(batch) > 0 {
		if err = s.files.check(); err == nil {
			s.lastWrite.Store(time.Now().UnixMilli())
		}
	}
	answer(batch, damaged(s.path, err))
}

func answer(batch []*job, err error) {
	for _, j := range batch {
		j.done <- err
	}
}

// again tries once more, after the write-ahead log has begun anew in the room
// that it has: what stood in it is now in the database.
func (s *Store) again(batch []*job) error {
	_, _ = s.write.Exec("PRAGMA wal_checkpoint(RESTART)") // when it cannot, the next write says so
	return s.together(batch)
}

// refuseKeeps answers those that would keep a lead, and returns the others.
func refuseKeeps(batch []*job) []*job {
	return slices.DeleteFunc(batch, func(j *job) bool {
		if j.kept != nil {
			j.done <- errNoRoom
		}
		return j.kept != nil
	})
}

// together writes the batch in one transaction.
func (s *Store) together(batch []*job) error {
	if len(batch) == 0 {
		return nil
	}
	// A visitor who leaves must not take the others' leads along, so the
	// transaction belongs to no request.
	tx, err := s.write.BeginTx(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	s.recent.begin()
	batch = s.taken(batch)
	if err := s.keepAll(tx, batch); err != nil {
		return err
	}
	for _, j := range batch {
		if j.run == nil {
			continue
		}
		if err := j.run(tx); err != nil {
			return jobError{err}
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.recent.commit()
	return nil
}

// taken leaves out the jobs that nobody waits for any more: a visitor who was
// asked to try again must not be kept twice.
func (s *Store) taken(batch []*job) []*job {
	s.live = s.live[:0]
	for _, j := range batch {
		if j.take() {
			s.live = append(s.live, j)
		}
	}
	return s.live
}

// keepAll inserts the leads of the batch under fresh remote ids. An id that a
// repeat does not need is left out.
func (s *Store) keepAll(tx *sql.Tx, batch []*job) error {
	next, err := s.reserveIDs(tx, batch)
	if err != nil {
		return err
	}
	if len(next) == 0 {
		return nil
	}
	s.fresh = s.fresh[:0]
	for _, j := range batch {
		if j.kept == nil {
			continue
		}
		k := j.kept
		isRepeat, err := s.isRepeat(tx, k, next[k.Tick])
		if err != nil {
			return jobError{fmt.Errorf("repeats: %w", err)}
		}
		if isRepeat {
			continue
		}
		next[k.Tick]++
		s.fresh = append(s.fresh, k)
	}
	if err := s.insert(tx); err != nil {
		return err
	}
	return s.forget(tx, time.Now())
}

// reserveSQL takes n remote ids at once. The first is max(last + 1, ticks): see
// [lead.RemoteID].
const reserveSQL = `UPDATE remote_ids SET last = $1 + CASE WHEN last < $2 THEN $2 ELSE last END
	WHERE tick = $3 RETURNING last`

// reserveIDs takes as many remote ids as the batch needs and returns the first
// one for each tick.
func (s *Store) reserveIDs(tx *sql.Tx, batch []*job) (map[lead.Tick]lead.RemoteID, error) {
	count, ticks := map[lead.Tick]int64{}, map[lead.Tick]int64{}
	for _, j := range batch {
		if k := j.kept; k != nil {
			count[k.Tick]++
			ticks[k.Tick] = max(ticks[k.Tick], k.Tick.Since(k.Lead.ReceivedAt))
		}
	}
	first := make(map[lead.Tick]lead.RemoteID, len(count))
	stmt := s.bind(tx, s.stmt.ids) //nolint:sqlclosecheck // as above
	for tick, n := range count {
		var last int64
		if err := stmt.QueryRow(n, ticks[tick]-1, string(tick)).Scan(&last); err != nil {
			return nil, fmt.Errorf("reserve remote ids: %w", err)
		}
		first[tick] = lead.RemoteID(last - n + 1)
	}
	return first, nil
}
