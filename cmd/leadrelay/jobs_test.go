package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
	"leadrelay/internal/store/storetest"
)

// jobWorld is the real store with a job, and a courier that counts.
type jobWorld struct {
	*testing.T
	*store.Store
	woken    int
	replayed map[lead.RemoteID]int
	takes    time.Duration // each replay
	steps    int           // until the relay is killed; zero if it is not
}

func newJobWorld(t *testing.T, do lead.JobVerb, leads int) *jobWorld {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "leadrelay.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var ids []lead.RemoteID
	for range leads {
		l := storetest.Draft(t, time.Now())
		l.State = lead.Failed
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		ids = append(ids, kept.RemoteID)
	}
	_, err = s.AddJob(t.Context(), lead.Job{Do: do, Filter: lead.Filter{State: lead.Failed}}, ids)
	require.NoError(t, err)
	return &jobWorld{T: t, Store: s, replayed: map[lead.RemoteID]int{}}
}

func (w *jobWorld) Wake(string) { w.woken++ }

func (w *jobWorld) Replay(ctx context.Context, f lead.Filter, _ bool) (all []lead.Replayed, left int, err error) {
	select {
	case <-time.After(w.takes):
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	for _, id := range f.RemoteIDs {
		w.replayed[id]++
		all = append(all, lead.Replayed{RemoteID: id, Verdict: lead.Sent})
	}
	return all, 0, nil
}

func (w *jobWorld) StepJob(ctx context.Context, j lead.Job, holder string, ids []lead.RemoteID, lease time.Duration) (lead.Job, []string, error) {
	if w.steps--; w.steps == 0 {
		return lead.Job{}, nil, errors.New("killed")
	}
	return w.Store.StepJob(ctx, j, holder, ids, lease)
}

func (w *jobWorld) runner() *jobRunner { return newJobRunner(w, w, zerolog.Nop()) }

func (w *jobWorld) job() lead.Job {
	w.Helper()
	all, err := w.Jobs(w.Context(), 1)
	require.NoError(w, err)
	return all[0]
}

// The relay is killed in the middle. Another one goes on when the lease is over, and no
// lead is moved twice.
func TestAJobGoesOnElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newJobWorld(t, lead.JobRetry, 220)
		w.steps = 3
		require.ErrorContains(t, w.runner().work(t.Context()), "killed")
		require.Equal(t, 100, w.job().Done)
		other := w.runner()
		require.NoError(t, other.work(t.Context()))
		require.Equal(t, 100, w.job().Done, "the first may still work on it")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { other.run(ctx); close(done) }()
		time.Sleep(time.Minute)
		cancel()
		<-done
		j := w.job()
		require.Equal(t, lead.JobDone, j.State)
		require.Equal(t, []int{220, 220, 0}, []int{j.Done, j.Moved, j.Changed})
		require.Equal(t, 220, w.woken)
	})
}

// A replay takes longer than the lease, and nobody else begins with the same leads.
func TestAReplayKeepsItsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newJobWorld(t, lead.JobReplay, 600)
		w.takes = 5 * time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{}, 2)
		for range 2 {
			go func() { w.runner().run(ctx); done <- struct{}{} }()
		}
		time.Sleep(time.Hour)
		cancel()
		<-done
		<-done
		require.Equal(t, lead.JobDone, w.job().State)
		require.Equal(t, 600, w.job().Moved)
		require.Len(t, w.replayed, 600)
		for id, times := range w.replayed {
			require.Equal(t, 1, times, id)
		}
	})
}

// Who aborts a job need not wait for the end of a replay.
func TestAReplayIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newJobWorld(t, lead.JobReplay, 3)
		w.takes = time.Hour
		ended := make(chan error, 1)
		go func() { ended <- w.runner().work(t.Context()) }()
		time.Sleep(time.Minute)
		_, err := w.AbortJob(t.Context(), 1, func(lead.Job) bool { return true })
		require.NoError(t, err)
		aborted := time.Now()
		require.ErrorIs(t, <-ended, lead.ErrLost)
		require.Less(t, time.Since(aborted), 10*time.Second)
		require.Empty(t, w.replayed)
		require.Equal(t, lead.JobAborted, w.job().State)
	})
}

func TestAJobWithoutLeadsIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, do := range []lead.JobVerb{lead.JobRetry, lead.JobReplay} {
			w := newJobWorld(t, do, 0)
			require.NoError(t, w.runner().work(t.Context()))
			require.Equal(t, lead.JobDone, w.job().State)
		}
	})
}
