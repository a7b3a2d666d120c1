package courier

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// All readings together hold no more than there is room for, and yet each has its
// share.
func TestWhatIsHeldOfListsIsBounded(t *testing.T) {
	c := new(Courier)
	long, other := c.hold(), c.hold()
	require.True(t, long.take(ownShare+mostHeld))
	require.True(t, other.take(ownShare), "its own share")
	require.False(t, other.take(1))
	require.False(t, long.take(1))

	other.backTo(0)
	long.backTo(mostHeld)
	require.True(t, other.take(2*ownShare), "what was given back is there for others")
	require.False(t, other.take(1))
	other.backTo(0)
	long.backTo(0)
	require.Zero(t, c.held.bytes.Load())
}
