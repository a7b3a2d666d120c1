package torture_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

// simSabotage breaks the relay on purpose, so that it is seen that the
// simulation would notice. Its zero value breaks nothing.
type simSabotage struct {
	lag    time.Duration // the list lags by that many settle delays
	hurry  float64       // the courier calls that much more often than it may
	hides  string        // a site whose leads the store does not give out
	loses  bool          // leads are acknowledged, and not kept
	blind  bool          // intents do not say what will be sent
	mute   bool          // the courier is not told of leads
	late   bool          // a replica sends though its lease is over
	greedy bool          // a replica takes leases that others have
	rare   time.Duration // that many probe intervals stand between two probes
	begin  func([]lead.Claim) []lead.Claim
	settle func(lead.Settlement) lead.Settlement
}

func (s simSabotage) begun(claims []lead.Claim) []lead.Claim {
	if s.begin == nil {
		return claims
	}
	return s.begin(claims)
}

func (s simSabotage) settled(to lead.Settlement) lead.Settlement {
	if s.settle == nil {
		return to
	}
	return s.settle(to)
}

// A simulation is worth nothing unless it finds what is broken.
func TestTheSimulationFindsWhatItMust(t *testing.T) {
	if testing.Short() {
		t.Skip("what races is found by the others")
	}
	settleAs := func(from, to lead.State, reason string) func(lead.Settlement) lead.Settlement {
		return func(s lead.Settlement) lead.Settlement {
			if s.State == from {
				s.State, s.Reason, s.DueAt = to, reason, s.At
			}
			return s
		}
	}
	all := map[string]struct {
		sabotage simSabotage
		first    uint64 // seed; those before find nothing
		rule     string
	}{
		"a doubt that is forgotten":        {simSabotage{settle: settleAs(lead.Doubtful, lead.Queued, "")}, 0, "once"},
		"a list that lags for too long":    {simSabotage{lag: 5}, 0, "once"},
		"a delivery that is forgotten":     {simSabotage{settle: settleAs(lead.Delivered, lead.Queued, "")}, 0, "once"},
		"a lead that is not kept":          {simSabotage{loses: true}, 0, "row"},
		"a lead that is not given out":     {simSabotage{hides: "site0"}, 0, "late"},
		"an agency that waits for another": {simSabotage{hides: "site0"}, 0, "portal"},
		"a site that fails all its leads":  {simSabotage{settle: simFailing}, 0, "pause"},
		"an attempt that nobody has seen":  {simSabotage{begin: simMistaken}, 0, "intent"},
		"a move that nobody may make":      {simSabotage{settle: settleAs(lead.Delivered, lead.Discarded, "")}, 0, "store"}, // which refuses it
		"a failure without a reason":       {simSabotage{settle: settleAs(lead.Doubtful, lead.Failed, "")}, 0, "fails"},
		"a deadline that is too early":     {simSabotage{settle: settleAs(lead.Doubtful, lead.Failed, lead.ReasonDeadline)}, 0, "fails"},
		"an intent that says nothing":      {simSabotage{blind: true}, 52, "once"},
		"a pace that is too fast":          {simSabotage{hurry: 20}, 0, "pace"},
		"a lead that is left lying":        {simSabotage{settle: simNeverAgain}, 0, "end"},
		"a lead that nobody is told of":    {simSabotage{mute: true}, 0, "fresh"},
		"a probe that is forgotten":        {simSabotage{rare: 3}, 0, "probe"},
	}
	for name, test := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 100
			for seed := test.first; seed < most; seed++ {
				violations, _ := simulate(t, seed, test.sabotage, false)
				for _, v := range violations {
					if v.rule == test.rule {
						return
					}
				}
			}
			require.Fail(t, "nobody noticed", "not in %d seeds", most)
		})
	}
}

// simMistaken sends other leads than those whose attempts have begun.
func simMistaken(claims []lead.Claim) []lead.Claim {
	for i := range claims {
		claims[i].Lead.RemoteID--
	}
	return claims
}

// simFailing fails what is refused though its site is paused.
func simFailing(s lead.Settlement) lead.Settlement {
	if s.Attempt != nil && s.Attempt.Outcome == lead.OutcomeRefused {
		s.State, s.DueAt = lead.Failed, time.Time{}
	}
	return s
}

// simNeverAgain forgets when a doubtful lead is to be looked up.
func simNeverAgain(s lead.Settlement) lead.Settlement {
	if s.State == lead.Doubtful {
		s.DueAt = time.Time{}
	}
	return s
}
