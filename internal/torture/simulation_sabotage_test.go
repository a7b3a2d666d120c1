package torture_test

import (
	"time"

	"leadrelay/internal/lead"
)

// simSabotage breaks the relay on purpose, so that it is seen that the
// simulation would notice. Its zero value breaks nothing.
type simSabotage struct {
	lag    time.Duration // the list lags by that many settle delays
	hurry  float64       // the courier thinks that it may call that much more often
	hides  string        // a site whose leads the store does not give out
	loses  bool          // leads are acknowledged, and not kept
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
