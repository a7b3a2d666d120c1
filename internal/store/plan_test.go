package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// What is to be erased is found by its index: a sweep of a large database that
// finds nothing must cost nothing.
func TestTheSweepReadsItsIndex(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, state := range []lead.State{lead.Quarantined, lead.Discarded, lead.Confirmed} {
		var id, parent, x int
		var plan string
		require.NoError(t, s.read.QueryRow("EXPLAIN QUERY PLAN "+fmt.Sprintf(erasableSQL, state), 1, 2).Scan(&id, &parent, &x, &plan))
		require.Contains(t, plan, "USING INDEX leads_ended (state=? AND <expr><?)")
	}
}

// Of the leads in a state, a search finds those with ids in a span without a look at others.
func TestASearchReadsTheIndexOfStates(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	q := search{Store: s, states: states{sites: `["casas", "lofts"]`}}
	query, args := q.inStateSQL(lead.Failed, settledSQL, []any{1, 2, 3})
	var id, parent, x int
	var plan string
	require.NoError(t, s.read.QueryRow("EXPLAIN QUERY PLAN "+query, args...).Scan(&id, &parent, &x, &plan))
	require.Contains(t, plan, "USING COVERING INDEX leads_by_state (site=? AND state=? AND due_at=? AND rowid>? AND rowid<?)")
}

// The reasons of a month are found without a look at those of the years before.
func TestReasonsReadTheIndexOfWhatHasEnded(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "leads.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	var id, parent, x int
	var plan string
	require.NoError(t, s.read.QueryRow("EXPLAIN QUERY PLAN "+quarantineReasonsSQL+" GROUP BY reason", 1).Scan(&id, &parent, &x, &plan))
	require.Contains(t, plan, "USING INDEX leads_ended (state=? AND <expr>>?)")
}
