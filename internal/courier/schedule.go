package courier

import (
	"math/rand/v2"
	"time"
)

// Schedule is how long a lead waits after each attempt that failed through
// nobody's fault but its own; the last wait repeats.
type Schedule []time.Duration

// DefaultSchedule is that of the settings.
func DefaultSchedule() Schedule {
	return Schedule{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute,
		30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
	}
}

// Wait returns the wait after so many tries, counted from zero.
func (s Schedule) Wait(tries int) time.Duration {
	return s[min(max(tries, 0), len(s)-1)]
}

// jitter spreads a wait by ±20 %, so that leads which failed together do not
// come back together.
func jitter(wait time.Duration) time.Duration {
	return wait + time.Duration((rand.Float64()-0.5)*0.4*float64(wait))
}

// nextLook says when a doubtful lead is looked up next: soon at first, then
// after waits as long as the doubt has lasted, and in any case when the list
// has had its time to settle.
func nextLook(now, sent, settled time.Time) time.Time {
	const shortest, longest = 5 * time.Second, 10 * time.Minute
	next := now.Add(min(max(now.Sub(sent), shortest), longest))
	if now.Before(settled) && settled.Before(next) {
		return settled
	}
	return next
}
