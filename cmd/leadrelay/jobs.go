package main

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
)

// jobStore is the part of the store with jobs.
type jobStore interface {
	ClaimJob(ctx context.Context, holder string, lease time.Duration) (lead.Job, []lead.RemoteID, error)
	StepJob(ctx context.Context, j lead.Job, holder string, ids []lead.RemoteID, lease time.Duration) (after lead.Job, queued []string, err error)
	NoteJob(ctx context.Context, j lead.Job, holder string, through, moved int, lease time.Duration) (lead.Job, error)
}

// jobCourier is what a job needs of the courier.
type jobCourier interface {
	Wake(site string)
	Replay(ctx context.Context, f lead.Filter, dryRun bool) ([]lead.Replayed, int, error)
}

// jobRunner does what people have ordered for many leads. Each relay of a database has
// one, and one of them at a time works.
type jobRunner struct {
	store   jobStore
	courier jobCourier
	holder  string
	log     zerolog.Logger
}

func newJobRunner(store jobStore, courier jobCourier, log zerolog.Logger) *jobRunner {
	return &jobRunner{store: store, courier: courier, holder: rand.Text(), log: log}
}

const (
	// jobLease is how long a job waits for the next relay when one is killed.
	jobLease = 15 * time.Second
	// jobStep is how many leads share a commit, and jobRest how many times as long as that
	// took the runner rests, so that leads are kept and delivered meanwhile.
	jobStep, jobRest = 50, 3
	// replayStep is how many leads a replay looks for at once, because it reads the list
	// each time.
	replayStep = 500
)

// run works on jobs until ctx ends.
func (r *jobRunner) run(ctx context.Context) {
	const pause = time.Second
	for ctx.Err() == nil {
		if err := r.work(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, lead.ErrLost) { // a person has aborted it, or another relay has it
			r.log.Error().Err(err).Msg("job interrupted; it goes on")
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// work does the job whose turn it is, if there is one.
func (r *jobRunner) work(ctx context.Context) error {
	j, ids, err := r.store.ClaimJob(ctx, r.holder, jobLease)
	if err != nil || j.ID == 0 {
		return err
	}
	r.log.Info().Int64("job", j.ID).Str("do", string(j.Do)).Int("leads", len(ids)).Msg("job begun, or gone on with")
	for j.State == lead.JobRunning {
		begun := time.Now()
		if j, ids, err = r.step(ctx, j, ids); err != nil {
			return err
		}
		select {
		case <-time.After(max(time.Since(begun)*jobRest, time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.log.Info().Int64("job", j.ID).Int("moved", j.Moved).Int("changed", j.Changed).Msg("job done")
	return nil
}

// step does the next leads of the job, and returns those that are left.
func (r *jobRunner) step(ctx context.Context, j lead.Job, ids []lead.RemoteID) (after lead.Job, left []lead.RemoteID, err error) {
	if j.Do == lead.JobReplay {
		n := min(replayStep, len(ids))
		after, err = r.replay(ctx, j, ids[:n])
		return after, ids[n:], err
	}
	n := min(jobStep, len(ids))
	after, queued, err := r.store.StepJob(ctx, j, r.holder, ids[:n], jobLease)
	for _, site := range queued {
		r.courier.Wake(site)
	}
	return after, ids[n:], err
}

// replay replays the leads and keeps the job meanwhile. If it is cut off, the same leads
// are replayed again, which sends none twice.
func (r *jobRunner) replay(ctx context.Context, j lead.Job, ids []lead.RemoteID) (after lead.Job, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		for {
			select {
			case <-time.After(jobLease / 3):
			case <-ctx.Done():
				return
			}
			if _, err := r.store.NoteJob(ctx, j, r.holder, 0, 0, jobLease); errors.Is(err, lead.ErrLost) {
				cancel(err)
			}
		}
	}()
	var all []lead.Replayed
	if len(ids) > 0 { // no ids would mean all leads
		all, _, err = r.courier.Replay(ctx, lead.Filter{State: j.Filter.State, Sites: j.Filter.Sites, RemoteIDs: ids}, false)
	}
	if cause := context.Cause(ctx); cause != nil { // says more
		err = cause
	}
	cancel(nil)
	<-kept
	if err != nil {
		return j, err
	}
	moved := 0
	for _, one := range all {
		if one.Verdict != lead.Blocked {
			moved++
		}
	}
	return r.store.NoteJob(context.WithoutCancel(ctx), j, r.holder, len(ids), moved, jobLease)
}
