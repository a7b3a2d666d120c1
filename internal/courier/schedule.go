package courier

import (
	"slices"
	"time"

	"leadrelay/internal/lead"
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

func (s Schedule) longest() time.Duration { return slices.Max(s) }

// jitter spreads a wait by ±20 %, so that leads which failed together do not
// come back together. It depends on the lead and the try alone, so that what
// happened can be told again.
func jitter(wait time.Duration, c lead.Claim) time.Duration {
	const steps = 1 << 16
	hash := (uint64(c.Lead.RemoteID) + uint64(c.Tries)<<56) * 0x9E3779B97F4A7C15 >> 48 //nolint:gosec // Fibonacci hashing; ids are positive
	return wait + time.Duration((float64(hash)/steps-0.5)*0.4*float64(wait))
}

// longestLook stands between two look-ups at most.
const longestLook = 6 * time.Hour

// nextLook says when a lead that may have been taken is looked up next: soon
// at first, then after waits as long as the doubt has lasted, and in any case
// when the list has had its time to settle. A doubt is then looked into every
// ten minutes; a lead that is only to be confirmed can wait longer and longer.
func nextLook(now, sent, settled time.Time, doubtful bool) time.Time {
	const shortest, patient = 5 * time.Second, 10 * time.Minute
	age := now.Sub(sent).Abs() // the clock may have been set back
	wait := min(max(age, shortest), patient)
	if !doubtful {
		wait = max(wait, min(age/6, longestLook))
	}
	next := now.Add(wait)
	if now.Before(settled) && settled.Before(next) {
		return settled
	}
	return next
}
