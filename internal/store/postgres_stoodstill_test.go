package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/store/postgrestest"
)

// A busy machine may let a process stand still just before a commit. The server has ended
// the transaction then, and has said so, so nothing was committed, and it is made again.
func TestACommitAfterAStandstill(t *testing.T) {
	t.Parallel()
	s, err := OpenPostgres(t.Context(), postgrestest.Database(t), PostgresOptions{})
	require.NoError(t, err)
	tries := 0
	require.NoError(t, s.writer.do(t.Context(), func(*writeTx) error {
		if tries++; tries == 1 {
			time.Sleep(1100 * time.Millisecond) // the server's clock counts
		}
		return nil
	}))
	require.Equal(t, 2, tries)
	require.NoError(t, s.Close())
}
