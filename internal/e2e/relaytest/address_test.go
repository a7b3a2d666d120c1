package relaytest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two of them are what two test processes have.
func TestNoAddressIsGivenToTwo(t *testing.T) {
	var one, other portRange
	given := map[string]bool{}
	for range portsEach / 2 {
		given[one.free(t)] = true
	}
	for range portsEach / 2 {
		require.NotContains(t, given, other.free(t))
	}
	require.Len(t, given, portsEach/2, "nor twice to one")
	require.NoError(t, one.held.Close())
	require.NoError(t, other.held.Close())
}
