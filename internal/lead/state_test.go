package lead_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestCanBecome(t *testing.T) {
	moves := map[lead.State][]lead.State{
		lead.Quarantined: {lead.Queued, lead.Discarded},
		lead.Queued:      {lead.Sending, lead.Failed, lead.Quarantined, lead.Confirmed}, // past its deadline; a late sign of spam; seen in the list after a backup was restored
		lead.Sending:     {lead.Delivered, lead.Queued, lead.Doubtful, lead.Failed},
		lead.Doubtful:    {lead.Confirmed, lead.Queued, lead.Failed},
		lead.Delivered:   {lead.Confirmed, lead.Queued},
		lead.Confirmed:   {lead.Queued},
		lead.Failed:      {lead.Queued, lead.Discarded, lead.Confirmed}, // a replay has found it
		lead.Discarded:   {lead.Queued},
	}
	require.Len(t, lead.States(), len(moves))
	for _, from := range lead.States() {
		for _, to := range append(lead.States(), "", "unknown") {
			require.Equal(t, slices.Contains(moves[from], to), from.CanBecome(to), "%s to %s", from, to)
			isLegal := from == to || slices.Contains(moves[from], to)
			require.Equal(t, isLegal, from.CheckMove(to) == nil, "%s to %s", from, to)
		}
	}
	require.False(t, lead.State("unknown").CanBecome(lead.Queued))
	require.EqualError(t, lead.Delivered.CheckMove(lead.Failed), "a lead that is delivered cannot become failed")
}
