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
)

const (
	// maxBatch is how many writes share one commit. A commit costs a wait for the
	// disk, and those who wait together pay for it once.
	maxBatch = 256
	// maxWaiting bounds the queue in front of the writer.
	maxWaiting = 1024
)

var errClosed = errors.New("the store is closed")

// writer is the only one who writes to the database. It collects the writes of
// all callers and commits many of them at once. Callers use do, doLazily and
// keep; every other method runs on the writer's own goroutine.
type writer struct {
	db         *sql.DB
	dialect    dialect
	clock      func() time.Time
	jobs       chan *job
	quit       chan struct{} // closed to stop the writer
	done       chan struct{} // closed when the writer has stopped
	lastCommit atomic.Int64  // Unix milliseconds
	failed     atomic.Bool   // the last lead could not be kept

	// A database that is not in a file of ours has no path, no files to watch,
	// and a nil reserve.
	path    string
	files   files
	reserve *diskReserve

	subscriptions *subscriptions

	// The fields below belong to the writer's goroutine.
	texts    [statements]string
	prepared [statements]*sql.Stmt
	tx       writeTx
	live     []*job // the jobs of the transaction
	repeats  repeats
	oldKeys  keySweep
	entries  entryIDs
	blocked  bool // a job of the batch has waited for a row that another session has locked
}

// job is a write that waits for its place in a commit: a lead to keep, or a
// function to run.
type job struct {
	lead  *newLead
	run   func(*writeTx) error
	lazy  bool // may wait a moment for others
	done  chan error
	stage atomic.Int32
}

// The stages of a job.
const (
	waiting   = iota // for the writer
	started          // it is part of a transaction that has begun
	abandoned        // its caller has gone, so it must not happen
)

// start reports whether the job belongs in the transaction.
func (j *job) start() bool {
	return j.stage.CompareAndSwap(waiting, started) || j.stage.Load() == started
}

func (w *writer) start() {
	w.jobs = make(chan *job, maxWaiting)
	w.quit, w.done = make(chan struct{}), make(chan struct{})
	go w.loop()
}

// stop returns when the writes that wait are done.
func (w *writer) stop() {
	close(w.quit)
	<-w.done
}

// do runs f in a transaction and returns when it is on disk. f may run twice, if
// another write of the same commit fails. If ctx ends first, the write happens
// only if its transaction has begun.
func (w *writer) do(ctx context.Context, f func(*writeTx) error) error {
	return w.await(ctx, &job{run: f, done: make(chan error, 1)})
}

// doLazily is do for a write that may wait a moment for others to share its
// commit.
func (w *writer) doLazily(ctx context.Context, f func(*writeTx) error) error {
	return w.await(ctx, &job{run: f, lazy: true, done: make(chan error, 1)})
}

// keep inserts the lead, unless it is a repeat. See [writer.do] for ctx.
func (w *writer) keep(ctx context.Context, l *newLead) error {
	ctx, cancel := w.dialect.wait(ctx)
	defer cancel()
	return w.await(ctx, &job{lead: l, done: make(chan error, 1)})
}

func (w *writer) await(ctx context.Context, j *job) error {
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		j.stage.CompareAndSwap(waiting, abandoned)
		return ctx.Err()
	case <-w.done: // the writer stopped between the two
		select {
		case err := <-j.done:
			return err
		default:
			return errClosed
		}
	}
}

// loop commits all jobs that wait, again and again.
func (w *writer) loop() {
	defer close(w.done)
	batch := make([]*job, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
		case <-w.quit:
		}
		// A goroutine that is ready to run may be about to write, and can share
		// this commit. If there is none, yielding costs nothing.
		runtime.Gosched()
		runtime.Gosched()
		if batch = w.gather(batch); len(batch) > 0 && allLazy(batch) {
			batch = w.gather(w.linger(batch))
		}
		if len(batch) == 0 {
			return
		}
		w.commit(batch)
	}
}

func (w *writer) gather(batch []*job) []*job {
	for len(batch) < maxBatch {
		select {
		case j := <-w.jobs:
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

// linger waits a moment for a job that is not lazy: a commit costs the same with
// one write and with many.
func (w *writer) linger(batch []*job) []*job {
	const moment, enough = 2 * time.Millisecond, 64
	timer := time.NewTimer(moment)
	defer timer.Stop()
	for len(batch) < enough {
		select {
		case j := <-w.jobs:
			if batch = append(batch, j); !j.lazy {
				return batch
			}
		case <-timer.C:
			return batch
		case <-w.quit:
			return batch
		}
	}
	return batch
}

// jobError is the failure of one job. The other jobs of its batch may be sound.
type jobError struct {
	error
	job *job // nil if it is not known which one
}

func (e jobError) Unwrap() error { return e.error }

// blame returns a jobError, unless it is the database that is in trouble. If a row is
// locked by another session, it is the job's trouble, the first time: then it may be the
// whole table, and all jobs would wait in turn.
func (w *writer) blame(j *job, err error) error {
	if w.dialect.isLocked(err) && j != nil && !w.blocked || !w.dialect.isTrouble(err) {
		return jobError{err, j}
	}
	return err
}

// commitError is the failure of a commit. It may have been committed all the same.
type commitError struct{ error }

func (e commitError) Error() string { return "commit: " + e.error.Error() }

func (e commitError) Unwrap() error { return e.error }

// commit answers every job of the batch. If one of them fails, the others get a
// transaction without it, so that a bad write costs nobody else. If the disk is
// full, only jobs that keep no lead may use the reserve. A commit fails if a file
// of the database is no longer at its path, or is cut.
func (w *writer) commit(batch []*job) {
	if err := w.files.refuse(); err != nil {
		answer(batch, err)
		return
	}
	if !w.reserve.ensure(time.Now()) {
		batch = refuseLeads(batch)
	}
	err := w.write(batch)
	if isFull(err) {
		err = w.retryAfterCheckpoint(batch)
	}
	if isFull(err) {
		w.reserve.remove()
		batch = refuseLeads(batch)
		err = w.retryAfterCheckpoint(batch)
	}
	var one jobError
	if errors.As(err, &one) && len(batch) > 1 {
		w.commitApart(batch, one)
		return
	}
	if err == nil && len(batch) > 0 {
		if err = w.files.checkCommit(); err == nil {
			w.lastCommit.Store(time.Now().UnixMilli())
		}
	}
	if slices.ContainsFunc(batch, func(j *job) bool { return j.lead != nil }) {
		w.failed.Store(err != nil)
	}
	answer(batch, damaged(w.path, err))
}

// commitApart commits a batch in which one job has failed: first the others, and then
// that one, which may have failed because of another. If it is not known which, each has
// a transaction of its own. A job that has waited for a lock does not wait again.
func (w *writer) commitApart(batch []*job, failed jobError) {
	if failed.job == nil {
		for _, j := range batch {
			w.commit([]*job{j})
		}
		return
	}
	others := slices.DeleteFunc(slices.Clone(batch), func(j *job) bool { return j == failed.job })
	if !w.dialect.isLocked(failed) {
		w.commit(others)
		w.commit([]*job{failed.job})
		return
	}
	answer([]*job{failed.job}, failed)
	w.blocked = true
	w.commit(others)
	w.blocked = false
}

func answer(batch []*job, err error) {
	for _, j := range batch {
		j.done <- err
	}
}

// refuseLeads answers the jobs that would keep a lead, and returns the others.
func refuseLeads(batch []*job) []*job {
	return slices.DeleteFunc(batch, func(j *job) bool {
		if j.lead != nil {
			j.done <- errDiskFull
		}
		return j.lead != nil
	})
}

// retryAfterCheckpoint writes the batch once more, after a checkpoint has copied
// the write-ahead log into the database and the log's space can be used again.
func (w *writer) retryAfterCheckpoint(batch []*job) error {
	_, _ = w.db.Exec("PRAGMA wal_checkpoint(RESTART)") // if it fails, so will the write
	return w.write(batch)
}

// write writes the batch in one transaction. It tries again where that helps and
// nothing can have been committed.
func (w *writer) write(batch []*job) error {
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := w.dialect.context()
	defer cancel()
	pause := 5 * time.Millisecond
	for try := 1; ; try++ {
		err := w.writeOnce(ctx, batch)
		if err == nil {
			return nil
		}
		if !w.dialect.mayRetry(err, try) || !sleep(ctx, pause) {
			w.dialect.unblock(ctx, w.db, err)
			return err
		}
		pause *= 2
	}
}

func (w *writer) writeOnce(ctx context.Context, batch []*job) error {
	sqlTx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = sqlTx.Rollback() }() // does nothing after a commit
	tx := w.begin(ctx, sqlTx)
	batch = w.dropAbandoned(batch)
	if err := tx.keepAll(batch); err != nil {
		return err
	}
	for _, j := range batch {
		if j.run == nil {
			continue
		}
		if err := j.run(tx); err != nil {
			return w.blame(j, err)
		}
	}
	if len(batch) > 0 {
		if err := w.dialect.countCommit(tx); err != nil {
			return fmt.Errorf("count: %w", err)
		}
	}
	if err := sqlTx.Commit(); err != nil {
		return commitError{err}
	}
	w.repeats.commit()
	return nil
}

// sleep pauses, and reports whether ctx goes on for so long.
func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// dropAbandoned leaves out the jobs whose callers have gone: a visitor who was
// asked to try again must not be kept twice.
func (w *writer) dropAbandoned(batch []*job) []*job {
	w.live = w.live[:0]
	for _, j := range batch {
		if j.start() {
			w.live = append(w.live, j)
		}
	}
	return w.live
}
