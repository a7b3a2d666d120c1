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
