package lead_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestTheIDOfATrace(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	require.Equal(t, id, lead.Trace("00-"+id+"-00f067aa0ba902b7-01").ID())
	for _, none := range []lead.Trace{"", "00", "00-" + id + "-00f067aa0ba902b7-01-more"} {
		require.Empty(t, none.ID())
	}
}

// Nothing that a visitor's trace could be told by is left of an erased lead.
func TestAnErasedLeadHasNoTrace(t *testing.T) {
	l := lead.Lead{State: lead.Queued, Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	l.Erase()
	require.Empty(t, l.Trace)
}
