package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/store"
)

// A database on a server has no file beside which a reserve could lie. Its leads
// are kept all the same.
func TestADatabaseMayHaveNoReserve(t *testing.T) {
	s := openTemp(t)
	store.DropReserve(s)
	id := keep(t, s, time.Now())
	require.NoError(t, s.Ready(t.Context()))
	_, _, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	_, err = s.Free()
	require.ErrorIs(t, err, errors.ErrUnsupported)
}
