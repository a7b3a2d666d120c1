package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// failedLeads keeps n leads that have failed.
func failedLeads(t *testing.T, s *store.Store, n int) (ids []lead.RemoteID) {
	t.Helper()
	for range n {
		ids = append(ids, keepIn(t, s, lead.Failed, now()))
	}
	return ids
}

func addJob(t *testing.T, s *store.Store, do lead.JobVerb, ids []lead.RemoteID) lead.Job {
	t.Helper()
	j, err := s.AddJob(t.Context(), lead.Job{Do: do, Filter: lead.Filter{Site: site, State: lead.Failed, Text: "ana@ejemplo.mx"}}, ids)
	require.NoError(t, err)
	require.Equal(t, lead.JobRunning, j.State)
	require.Equal(t, len(ids), j.Matched)
	require.Empty(t, j.Filter.Text, "what was searched for may be somebody's")
	return j
}

func claimJob(t *testing.T, s *store.Store, holder string, lease time.Duration) (lead.Job, []lead.RemoteID) {
	t.Helper()
	j, ids, err := s.ClaimJob(t.Context(), holder, lease)
	require.NoError(t, err)
	return j, ids
}

// A job goes on where it was when its holder died, moves no lead twice, and counts those
// that have changed meanwhile.
func jobGoesOn(t *testing.T, s *store.Store) {
	t.Helper()
	ids := failedLeads(t, s, 6)
	none, _ := claimJob(t, s, "a", time.Minute)
	require.Zero(t, none)
	addJob(t, s, lead.JobRetry, ids)
	_, err := s.Amend(t.Context(), ids[4], (*lead.Lead).Discard) // which a retry would bring back
	require.NoError(t, err)

	j, left := claimJob(t, s, "a", -time.Second) // it dies at once
	require.Equal(t, ids, left)
	after, queued, err := s.StepJob(t.Context(), j, "a", left[:2], -time.Second)
	require.NoError(t, err)
	require.Equal(t, []string{site, site}, queued)
	require.Equal(t, []int{2, 2, 0}, []int{after.Done, after.Moved, after.Changed})
	_, _, err = s.StepJob(t.Context(), j, "a", left[:2], time.Minute)
	require.ErrorIs(t, err, lead.ErrLost, "the same step twice")

	j, left = claimJob(t, s, "b", time.Hour)
	require.Equal(t, ids[2:], left)
	_, _, err = s.StepJob(t.Context(), after, "a", left[:1], time.Minute)
	require.ErrorIs(t, err, lead.ErrLost, "another has it")
	require.Equal(t, lead.Failed, found(t, s, left[0]).State)
	other, _ := claimJob(t, s, "c", time.Hour)
	require.Zero(t, other, "one at a time works on it")

	after, queued, err = s.StepJob(t.Context(), j, "b", left, time.Hour)
	require.NoError(t, err)
	require.Len(t, queued, 3)
	require.Equal(t, lead.JobDone, after.State)
	all, err := s.Jobs(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []int{6, 5, 1}, []int{all[0].Done, all[0].Moved, all[0].Changed})
	require.NotZero(t, all[0].EndedAt)
	require.Equal(t, lead.Discarded, found(t, s, ids[4]).State)
	again, _ := claimJob(t, s, "b", time.Hour)
	require.Zero(t, again)
}

// Who aborts a job stops it before its next step. The next job's turn comes.
func jobAborted(t *testing.T, s *store.Store) {
	t.Helper()
	ids := failedLeads(t, s, 3)
	first, second := addJob(t, s, lead.JobDiscard, ids), addJob(t, s, lead.JobRetry, ids[:2])
	j, left := claimJob(t, s, "a", time.Hour)
	require.Equal(t, first.ID, j.ID, "the oldest")
	j, _, err := s.StepJob(t.Context(), j, "a", left[:1], time.Hour)
	require.NoError(t, err)
	aborted, err := s.AbortJob(t.Context(), first.ID, anyJob)
	require.NoError(t, err)
	require.Equal(t, lead.JobAborted, aborted.State)
	_, _, err = s.StepJob(t.Context(), j, "a", left[1:], time.Hour)
	require.ErrorIs(t, err, lead.ErrLost)
	require.Equal(t, lead.Failed, found(t, s, ids[1]).State)
	require.Equal(t, lead.Discarded, found(t, s, ids[0]).State, "what it has moved stays so")

	j, left = claimJob(t, s, "a", time.Hour)
	require.Equal(t, second.ID, j.ID)
	after, err := s.NoteJob(t.Context(), j, "a", 2, 1, time.Hour)
	require.NoError(t, err)
	require.Equal(t, lead.JobDone, after.State)
	require.Len(t, left, 2)
	same, err := s.AbortJob(t.Context(), second.ID, anyJob)
	require.NoError(t, err)
	require.Equal(t, lead.JobDone, same.State, "it has ended already")
	_, err = s.AbortJob(t.Context(), 99, anyJob)
	require.ErrorIs(t, err, lead.ErrNotFound)
}

func anyJob(lead.Job) bool { return true }
