package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// A former version kept all attempts. What is read of such a lead has an end at
// once, and what is kept of it from the next attempt on.
func TestTenThousandAttempts(t *testing.T) {
	if testing.Short() {
		t.Skip("it has nothing to race with")
	}
	const attempts, kept = 10_000, 101
	s := openTemp(t)
	at := time.Now()
	id := keep(t, s, at)
	store.Try(t, s, id, attempts)

	_, found, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, found, kept)
	require.Equal(t, 1, found[0].Number)
	require.Equal(t, attempts, found[kept-1].Number)
	require.Equal(t, attempts, store.Attempts(t, s))

	claims, _, err := s.Begin(t.Context(), "casas", lead.Due{Now: at, N: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.Equal(t, attempts+1, claims[0].Number)
	require.Len(t, claims[0].Deferred, kept-1)
	require.Equal(t, kept, store.Attempts(t, s))

	claims, _, err = s.ClaimLookups(t.Context(), []string{"casas"}, lead.Due{Now: at.Add(time.Hour), N: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.Equal(t, 1, claims[0].MaybeTaken)
	require.Len(t, claims[0].Deferred, kept-1)
}
