package fault

import (
	"math/rand/v2"
	"slices"
)

// Plan decides for each call what happens. It is not safe for concurrent use.
type Plan struct {
	faults Faults
	random *rand.Rand
}

// NewPlan returns a plan for the faults.
func NewPlan(f Faults) *Plan {
	return &Plan{faults: f.Clone(), random: rand.New(rand.NewPCG(f.Seed, f.Seed))}
}

// Faults returns the current faults. A trouble that is set for the next few calls shows
// how many are left.
func (p *Plan) Faults() Faults { return p.faults.Clone() }

// Coin returns true in half of all cases.
func (p *Plan) Coin() bool { return p.random.IntN(2) == 0 }

// Next counts a call with the method. It returns the faults for the call, without
// troubles, and the trouble that applies to it, if any. last reports whether that trouble
// has ended.
func (p *Plan) Next(method string) (f Faults, hit Trouble, last bool) {
	f = p.faults
	f.Trouble = nil
	for i := range p.faults.Trouble {
		t := &p.faults.Trouble[i]
		if !p.applies(t, method) {
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

func (p *Plan) applies(t *Trouble, method string) bool {
	if t.On != "" && t.On != method {
		return false
	}
	t.calls++
	if t.Every > 0 && t.calls%t.Every != 0 {
		return false
	}
	return t.Chance == 0 || p.random.Float64() < t.Chance
}
