package fault

import (
	"math/rand/v2"
	"slices"
)

// Plan decides call by call. It is not safe for concurrent use.
type Plan struct {
	faults Faults
	dice   *rand.Rand
}

// NewPlan starts the counters and the dice of f.
func NewPlan(f Faults) *Plan {

	return &Plan{faults: f.Clone(), dice: rand.New(rand.NewPCG(f.Seed, f.Seed))}
}

// Faults returns what is still on: a trouble that was set for the next few
// calls shows how many are left.
func (p *Plan) Faults() Faults { return p.faults.Clone() }

// Coin is thrown by what happens in half of all cases.
func (p *Plan) Coin() bool { return p.dice.IntN(2) == 0 }

// Next counts a call with that method. It returns the faults that hold for
// it, without the troubles, and the one trouble that befalls it, if any; last
// reports that the trouble is over.
func (p *Plan) Next(method string) (f Faults, hit Trouble, last bool) {
	f = p.faults
	f.Trouble = nil
	for i := range p.faults.Trouble {
		t := &p.faults.Trouble[i]
		if !p.befalls(t, method) {
			continue
		}
		hit, last = *t, t.Next == 1
		t.Next = max(t.Next-1, 0)
		if last {
			p.faults.Trouble = slices.Delete(p.faults.Trouble, i, i+1)
		}
		return f, hit, last
	}
	return f, Trouble{}, false
}

func (p *Plan) befalls(t *Trouble, method string) bool {
	if t.On != "" && t.On != method {
		return false
	}
	t.calls++
	if t.Every > 0 && t.calls%t.Every != 0 {
		return false
	}
	return t.Chance == 0 || p.dice.Float64() < t.Chance
}
