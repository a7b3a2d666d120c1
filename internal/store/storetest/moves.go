package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

// Every lead is claimed in every state in which it can be, and settled as every
// other.
func settledIllegally(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	for _, from := range []lead.State{lead.Sending, lead.Doubtful, lead.Delivered, lead.Confirmed} {
		for _, to := range append(lead.States(), "", "unknown") {
			var c lead.Claim
			if from == lead.Sending {
				keep(t, s, at)
				c = beginOne(t, s, at)
			} else {
				keepIn(t, s, from, at)
				c = claimLookup(t, s, at)
			}
			require.Equal(t, from, c.Lead.State)
			want := found(t, s, c.Lead.RemoteID)
			settlement := lead.Settlement{State: to, Reason: "porque sí", At: at}
			err := s.Settle(t.Context(), c, settlement)
			if from.CanBecome(to) || from == to && from != lead.Sending {
				require.NoError(t, err, "%s to %s", from, to)
				require.Equal(t, to, found(t, s, c.Lead.RemoteID).State)
				continue
			}
			requireIllegal(t, err, from, to)
			require.Equal(t, want, found(t, s, c.Lead.RemoteID), "nothing has changed")
			settlement.State = from
			if from == lead.Sending {
				settlement.State = lead.Failed
			}
			require.NoError(t, s.Settle(t.Context(), c, settlement), "the claim is still good")
		}
	}
}

func requireIllegal(t *testing.T, err error, from, to lead.State) {
	t.Helper()
	var illegal *lead.IllegalMoveError
	require.ErrorAs(t, err, &illegal, "%s to %s", from, to)
	require.Equal(t, lead.IllegalMoveError{From: from, To: to}, *illegal)
}

func amendedIllegally(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	for _, from := range lead.States() {
		for _, to := range append(lead.States(), "", "unknown") {
			id := keepIn(t, s, from, at)
			want := found(t, s, id)
			_, err := s.Amend(t.Context(), id, func(l *lead.Lead) error {
				l.State, l.Reason = to, "porque sí"
				return nil
			})
			if from == to || from.CanBecome(to) {
				require.NoError(t, err, "%s to %s", from, to)
				want.State, want.Reason = to, "porque sí"
			} else {
				requireIllegal(t, err, from, to)
			}
			require.Equal(t, want, found(t, s, id), "%s to %s", from, to)
		}
	}
}

// Statements that move a lead say themselves from where. They know the same moves
// as everybody else.
func movedByStatements(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	moves := map[lead.State]func(id lead.RemoteID) (bool, error){
		lead.Confirmed:   func(id lead.RemoteID) (bool, error) { return s.Confirm(t.Context(), id, at, "") },
		lead.Quarantined: func(id lead.RemoteID) (bool, error) { return s.Quarantine(t.Context(), id, at, lateSign) },
		lead.Failed: func(lead.RemoteID) (bool, error) {
			ids, err := s.Expire(t.Context(), site, at.Add(time.Hour), due(at, 10))
			return len(ids) > 0, err
		},
	}
	for to, move := range moves {
		for _, from := range lead.States() {
			id := keepIn(t, s, from, at)
			want := found(t, s, id)
			moved, err := move(id)
			require.NoError(t, err)
			if moved {
				require.True(t, from.CanBecome(to), "%s to %s", from, to)
				require.Equal(t, to, found(t, s, id).State)
			} else {
				require.Equal(t, want, found(t, s, id), "%s to %s", from, to)
			}
			if from == lead.Queued {
				require.True(t, moved, to)
			}
		}
	}
}
