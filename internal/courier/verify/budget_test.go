package verify

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// All readings together hold no more than the budget allows, and yet each has its
// own quota.
func TestWhatIsHeldOfListsIsBounded(t *testing.T) {
	b := new(Budget)
	long, other := b.reserve(), b.reserve()
	require.True(t, long.grow(ownQuota+maxShared))
	require.True(t, other.grow(ownQuota), "its own quota")
	require.False(t, other.grow(1))
	require.False(t, long.grow(1))

	other.shrinkTo(0)
	long.shrinkTo(maxShared)
	require.True(t, other.grow(2*ownQuota), "what was given back is there for others")
	require.False(t, other.grow(1))
	other.shrinkTo(0)
	long.shrinkTo(0)
	require.Zero(t, b.shared.Load())
}
