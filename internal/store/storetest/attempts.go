package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/store"
)

func lookedUp(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	keep(t, s, at)
	for i, outcome := range []lead.Outcome{lead.OutcomeDeferred, lead.OutcomeUnsure, lead.OutcomeRefused, lead.OutcomeUnsure} {
		begun := at.Add(time.Duration(i) * time.Minute)
		settle(t, s, begun, lead.Settlement{State: lead.Queued, DueAt: begun, Attempt: &lead.Attempt{Outcome: outcome}})
	}
	last := at.Add(4 * time.Minute)
	settle(t, s, last, lead.Settlement{State: lead.Delivered, DueAt: last, Attempt: &lead.Attempt{Outcome: lead.OutcomeDelivered}})

	c := claimLookup(t, s, last)
	require.Equal(t, lead.Delivered, c.Lead.State)
	require.Equal(t, 3, c.MaybeTaken, "what was deferred or refused is not there")
	require.Equal(t, at.Add(time.Minute), c.FirstAttempt)
	require.Equal(t, last, c.LastAttempt)
	require.Zero(t, c.Number)
}

func intent(t *testing.T, s *store.Store) {
	t.Helper()
	at := now()
	id := keep(t, s, at)
	begin := func(begun time.Time, message string) lead.Claim {
		q := due(begun, 1)
		if message != "" {
			q.Fingerprint = func(l *lead.Lead) lead.Fingerprint { return lead.NewFingerprint(l.Email, message) }
		}
		claims, _, err := s.Begin(t.Context(), site, q)
		require.NoError(t, err)
		require.Len(t, claims, 1)
		return claims[0]
	}
	for i, outcome := range []lead.Outcome{lead.OutcomeUnsure, lead.OutcomeRefused} {
		c := begin(at, fmt.Sprint("message ", i))
		require.NoError(t, s.Settle(t.Context(), c, lead.Settlement{
			State: lead.Queued, At: at, DueAt: at, Attempt: &lead.Attempt{Number: c.Number, EndedAt: at, Outcome: outcome},
		}))
	}
	c := begin(at, "") // by a version that wrote nothing down
	require.NoError(t, s.Settle(t.Context(), c, lead.Settlement{
		State: lead.Queued, At: at, DueAt: at, Attempt: &lead.Attempt{Number: c.Number, EndedAt: at, Outcome: lead.OutcomeUnsure},
	}))
	begin(at, "the last")

	fingerprint := func(message string) lead.Fingerprint { return lead.NewFingerprint("mj@ejemplo.mx", message) }
	require.Equal(t, []lead.Fingerprint{fingerprint("message 0"), {}, fingerprint("the last")}, claimLookup(t, s, at.Add(lease)).Fingerprints,
		"what was refused is not there, and what was cut may be")
	_, attempts, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, attempts, 4)
	require.Equal(t, fingerprint("message 1"), attempts[1].Fingerprint)
	require.True(t, attempts[2].Fingerprint.IsZero())
	require.Equal(t, []bool{true, false, true, true}, []bool{attempts[0].MaybeTaken(), attempts[1].MaybeTaken(), attempts[2].MaybeTaken(), attempts[3].MaybeTaken()})
}

// The first attempt that may have been taken is kept too: from its time on
// EasyBroker's list is read.
func manyAttempts(t *testing.T, s *store.Store) {
	t.Helper()
	const attempts, kept, unsure = 120, 102, 3
	at := now()
	id := keep(t, s, at)
	for i := range attempts {
		begun := at.Add(time.Duration(i) * time.Minute)
		outcome := lead.OutcomeDeferred
		if n := i + 1; n == unsure || n == attempts {
			outcome = lead.OutcomeUnsure
		}
		settle(t, s, begun, lead.Settlement{State: lead.Queued, DueAt: begun, Attempt: &lead.Attempt{Outcome: outcome, Status: 429}})
	}
	_, all, err := s.Find(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, all, kept)
	require.Equal(t, []int{1, unsure, 21}, []int{all[0].Number, all[1].Number, all[2].Number})
	require.Equal(t, attempts, all[kept-1].Number, "their numbers tell how many are left out")
	require.Equal(t, at.Add((unsure-1)*time.Minute), all[1].BegunAt)

	c := beginOne(t, s, at.Add(attempts*time.Minute))
	require.Equal(t, attempts+1, c.Number)
	require.Equal(t, at.Add((unsure-1)*time.Minute), c.FirstAttempt)
	require.Equal(t, at.Add((attempts-1)*time.Minute), c.LastAttempt)
	require.Equal(t, 2, c.MaybeTaken)
	require.Len(t, c.Deferred, kept-3)
}
