package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func listed(t *testing.T, s *store.Store) {
	t.Helper()
	const leads = 25
	at := now()
	var want []lead.RemoteID
	for i := range leads {
		want = append(want, keep(t, s, at.Add(time.Duration(i)*time.Second)))
	}
	slices.Reverse(want)

	var got []lead.RemoteID
	f := lead.Filter{Limit: 10}
	for more := true; more; {
		var page []lead.Lead
		var err error
		page, more, err = s.List(t.Context(), f)
		require.NoError(t, err)
		for _, l := range page {
			got = append(got, l.RemoteID)
		}
		f.Below = got[len(got)-1]
	}
	require.Equal(t, want, got)

	some, more, err := s.List(t.Context(), lead.Filter{RemoteIDs: []lead.RemoteID{want[5], want[2], want[9]}, Limit: 2})
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, want[2], some[0].RemoteID)
	require.Equal(t, want[5], some[1].RemoteID)
	for name, test := range map[string]struct {
		filter lead.Filter
		want   int
	}{
		"its site":         {lead.Filter{Site: site}, leads},
		"another site":     {lead.Filter{Site: "lofts"}, 0},
		"its state":        {lead.Filter{State: lead.Queued}, leads},
		"another state":    {lead.Filter{State: lead.Failed}, 0},
		"its property":     {lead.Filter{PropertyID: "EB-XX1234"}, leads},
		"another property": {lead.Filter{PropertyID: "EB-XX123"}, 0},
		"received from":    {lead.Filter{After: at.Add(20 * time.Second)}, 5},
		"received before":  {lead.Filter{Before: at.Add(20 * time.Second)}, 20},
		"part of a name":   {lead.Filter{Text: "josé"}, leads},
		"an e-mail":        {lead.Filter{Text: "MJ@ejemplo"}, leads},
		"a folio":          {lead.Filter{Text: want[3].String()}, 1},
		"nobody's name":    {lead.Filter{Text: "pedro"}, 0},
		"a wild card":      {lead.Filter{Text: "m%j"}, 0},
		"a hostile site":   {lead.Filter{Site: "' OR 1=1 --"}, 0},
		"some by name":     {lead.Filter{RemoteIDs: []lead.RemoteID{want[3], want[1], want[3], 5}}, 2},
		"one and older":    {lead.Filter{RemoteIDs: want[:4], Below: want[1]}, 2},
		"one of no site":   {lead.Filter{RemoteIDs: want[:4], Site: "lofts"}, 0},
		"one with a text":  {lead.Filter{RemoteIDs: want[:4], Text: "josé"}, 4},
	} {
		test.filter.Limit = 100
		page, more, err := s.List(t.Context(), test.filter)
		require.NoError(t, err, name)
		require.False(t, more, name)
		require.Len(t, page, test.want, name)
	}
}

// A page of large leads ends before the limit, and the next one goes on behind
// it, whichever way the leads are named.
func listedByBytes(t *testing.T, s *store.Store) {
	t.Helper()
	const leads, large = 12, 256 << 10
	var all []lead.RemoteID
	for range leads {
		l := Draft(t, now())
		l.Extra = []lead.Pair{{Name: "notas", Value: strings.Repeat("x", large)}}
		kept, err := s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
		require.NoError(t, err)
		all = append(all, kept.RemoteID)
	}
	slices.Reverse(all)
	for name, f := range map[string]lead.Filter{"all": {}, "by name": {RemoteIDs: all}, "with a text": {Text: "josé"}} {
		f.Limit = leads
		var got []lead.RemoteID
		pages := 0
		for more := true; more; pages++ {
			var page []lead.Lead
			var err error
			page, more, err = s.List(t.Context(), f)
			require.NoError(t, err, name)
			require.NotEmpty(t, page, name)
			require.LessOrEqual(t, len(page), 2, name)
			for _, l := range page {
				got = append(got, l.RemoteID)
			}
			f.Below = got[len(got)-1]
		}
		require.Equal(t, all, got, name)
		require.Equal(t, leads, pages, name)
	}
}

func counted(t *testing.T, s *store.Store) {
	t.Helper()
	none, err := s.CountsOf(t.Context(), lead.Queued)
	require.NoError(t, err)
	require.Empty(t, none)
	at := now()
	keep(t, s, at.Add(-time.Hour))
	keep(t, s, at.Add(-time.Minute))
	keep(t, s, at)
	settle(t, s, at, lead.Settlement{State: lead.Delivered, Reason: lead.ReasonMissing, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered, Status: 200}})
	got, err := s.Counts(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []lead.Count{
		{Site: site, State: lead.Delivered, Leads: 1, Oldest: at.Add(-time.Hour)},
		{Site: site, State: lead.Queued, Leads: 2, Oldest: at.Add(-time.Minute)},
	}, got)
	queued, err := s.CountsOf(t.Context(), lead.Queued, lead.Failed)
	require.NoError(t, err)
	require.Equal(t, []lead.Count{{Site: site, State: lead.Queued, Leads: 2, Oldest: at.Add(-time.Minute)}}, queued)
	odd, err := s.Odd(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{lead.ReasonMissing: 1}, odd)
	leads, err := s.OddLeads(t.Context(), 10, nil)
	require.NoError(t, err)
	require.Len(t, leads, 1)
	require.Equal(t, lead.Delivered, leads[0].State)
	leads, err = s.OddLeads(t.Context(), 0, nil)
	require.NoError(t, err)
	require.Empty(t, leads)
	require.NoError(t, quarantineOne(t, s, at))
	for since, want := range map[time.Time]map[string]int{at: {"honeypot, links": 1}, at.Add(time.Second): {}} {
		reasons, err := s.QuarantineReasons(t.Context(), since, nil)
		require.NoError(t, err)
		require.Equal(t, want, reasons)
	}
}

func quarantineOne(t *testing.T, s *store.Store, at time.Time) error {
	t.Helper()
	l, err := lead.New(lead.Inquiry{Site: site, PropertyID: "EB-1", Email: "ana@ejemplo.mx", Message: "Hola"}, "casas.mx", lead.DefaultRules(), at)
	require.NoError(t, err)
	l.Quarantine("honeypot, links")
	_, err = s.Keep(t.Context(), lead.Submission{Lead: l, Tick: lead.Milliseconds})
	return err
}

func notFound(t *testing.T, s *store.Store) {
	t.Helper()
	_, _, err := s.Find(t.Context(), 1)
	require.ErrorIs(t, err, lead.ErrNotFound)
}
