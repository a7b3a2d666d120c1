package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func by(t *testing.T, name string) context.Context {
	t.Helper()
	return access.With(t.Context(), access.Access{Name: name, Role: access.Owner, From: "203.0.113.0/24"})
}

func entries(t *testing.T, s *store.Store, f access.EntryFilter) []access.Entry {
	t.Helper()
	f.Limit = 1000
	all, _, more, err := s.Audit(t.Context(), f)
	require.NoError(t, err)
	require.False(t, more)
	return all
}

func noted(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keepIn(t, s, lead.Failed, at)
	_, err := s.Amend(t.Context(), id, func(l *lead.Lead) error { l.Reason = "x"; return nil })
	require.NoError(t, err)
	require.Empty(t, entries(t, s, access.EntryFilter{}), "what the relay does by itself is not noted")

	ctx := access.Doing(by(t, "ana"), access.DidDiscard)
	errNo := errors.New("no")
	_, err = s.Amend(ctx, id, func(*lead.Lead) error { return errNo })
	require.ErrorIs(t, err, errNo)
	require.Empty(t, entries(t, s, access.EntryFilter{}), "what was not done is not noted")
	_, err = s.Amend(ctx, id, (*lead.Lead).Discard)
	require.NoError(t, err)
	j, err := s.AddJob(by(t, "beto"), lead.Job{Do: lead.JobRetry, Filter: lead.Filter{Site: site, State: lead.Discarded, Text: "ana@ejemplo.mx"}}, []lead.RemoteID{id})
	require.NoError(t, err)
	_, err = s.AbortJob(by(t, "beto"), j.ID, anyJob)
	require.NoError(t, err)
	require.NoError(t, s.Pause(by(t, "ana"), []string{"lofts"}, lead.Pause{Since: at, Until: at.Add(time.Hour), Why: "llamó Ana"}))
	require.NoError(t, s.Note(by(t, "ana"), access.Entry{What: access.DidLogIn}))

	all := entries(t, s, access.EntryFilter{})
	require.Len(t, all, 5)
	first := all[4]
	require.WithinDuration(t, time.Now(), first.At, time.Minute)
	require.Equal(t, access.Entry{ID: first.ID, At: first.At, Who: "ana", From: "203.0.113.0/24", What: "discard", Sites: []string{site}, RemoteIDs: []lead.RemoteID{id}, Leads: 1}, first)
	require.Equal(t, access.Entry{ID: all[3].ID, At: all[3].At, Who: "beto", From: "203.0.113.0/24", What: "job", Sites: []string{site}, Leads: 1, Job: j.ID, About: "retry"}, all[3])
	require.Nil(t, all[0].Sites, "it is about all")
	require.Len(t, entries(t, s, access.EntryFilter{Who: "ana"}), 3)
	require.Len(t, entries(t, s, access.EntryFilter{What: "job"}), 1)
	require.Len(t, entries(t, s, access.EntryFilter{RemoteID: id}), 1)
	require.Empty(t, entries(t, s, access.EntryFilter{RemoteID: id / 10}))
	require.Empty(t, entries(t, s, access.EntryFilter{After: time.Now().Add(time.Hour)}))
	lofts := access.Access{Sites: []string{"lofts"}}
	require.Len(t, entries(t, s, access.EntryFilter{Sees: lofts.SeesAll}), 1)

	var paged []access.Entry
	for f := (access.EntryFilter{Limit: 2}); ; {
		some, below, more, err := s.Audit(t.Context(), f)
		require.NoError(t, err)
		if paged = append(paged, some...); !more {
			break
		}
		f.Below = below
	}
	require.Equal(t, all, paged)
}

func notedForTwoYears(t *testing.T, s *store.Store) {
	t.Helper()
	for range 450 {
		require.NoError(t, s.Note(by(t, "ana"), access.Entry{What: access.DidProbe}))
	}
	n, err := s.DeleteOldEntries(t.Context(), time.Now().Add(-store.AuditKept))
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = s.DeleteOldEntries(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 450, n)
	require.NoError(t, s.Note(by(t, "ana"), access.Entry{What: access.DidProbe}))
	require.Len(t, entries(t, s, access.EntryFilter{}), 1)
}

func entryFilter(what string) access.EntryFilter { return access.EntryFilter{What: what} }
