package lead

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Period is the length of a [Bucket].
type Period int

// The periods of stats.
const (
	Hour Period = iota
	Day         // of the query's zone
)

// StatsQuery selects leads to count.
type StatsQuery struct {
	Site          string   // empty for all sites
	Sites         []string // of these alone, unless it is nil
	After, Before time.Time
	By            Period
	Zone          *time.Location // in which a day begins at midnight
}

// Bucket counts the leads of a site that were received in an hour or on a day, by what
// they are now. Leads that were erased are counted, too.
type Bucket struct {
	At   time.Time // when the hour or the day begins
	Site string

	Received    int // all that were kept, quarantined ones, too
	Confirmed   int
	Failed      int
	Quarantined int
	Discarded   int

	// Took is how long it took from when they were kept until EasyBroker had them.
	Took Histogram
}

// Now counts leads for somebody who looks at them now.
type Now struct {
	ReceivedToday  int // quarantined ones, too
	ConfirmedToday int // of those
	OnTheWay       int // queued, or being sent
	InDoubt        int
	WaitingForYou  int // failed: a person must look
	Quarantined    int
}

// Histogram counts leads by how long something took. Each step is √2 times the one
// before, and the first begins at zero. The steps are sorted.
type Histogram []Step

// Step counts the leads that took at least so long, and less than the next step.
type Step struct {
	AtLeast time.Duration
	Leads   int
}

// Add adds leads to a step.
func (h *Histogram) Add(atLeast time.Duration, leads int) {
	i, found := slices.BinarySearchFunc(*h, atLeast, func(s Step, d time.Duration) int { return cmp.Compare(s.AtLeast, d) })
	if !found {
		*h = slices.Insert(*h, i, Step{AtLeast: atLeast})
	}
	(*h)[i].Leads += leads
}

// Leads is how many leads are counted.
func (h Histogram) Leads() (n int) {
	for _, step := range h {
		n += step.Leads
	}
	return n
}

// firstStep is where the steps begin to grow.
const firstStep = 125 * time.Millisecond

// Quantile returns what a part of the leads took at most, such as half of them for
// 0.5. It returns zero if there are no leads. It is less than √2 times too long or too
// short: within a step it assumes that they are spread evenly.
func (h Histogram) Quantile(part float64) time.Duration {
	rank := max(1, int(math.Ceil(part*float64(h.Leads()))))
	for _, step := range h {
		if rank > step.Leads {
			rank -= step.Leads
			continue
		}
		within := (float64(rank) - 0.5) / float64(step.Leads)
		if step.AtLeast < firstStep {
			return time.Duration(within * float64(firstStep)).Round(time.Millisecond)
		}
		return time.Duration(float64(step.AtLeast) * math.Pow(2, within/2)).Round(time.Millisecond)
	}
	return 0
}
