package courier

import (
	"slices"
	"time"

	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/lead"
)

// Schedule is how long a lead that EasyBroker surely does not have waits before it
// is sent again: after a look-up has proven that an attempt left nothing there, or
// after a strange answer, which waits for half an hour at least. The last wait
// repeats. A lead that only waits for its credential has no wait of its own.
type Schedule []time.Duration

// Wait returns the wait after so many tries, counted from zero.
func (s Schedule) Wait(tries int) time.Duration {
	return s[min(max(tries, 0), len(s)-1)]
}

func (s Schedule) longest() time.Duration { return slices.Max(s) }

// jitter spreads a wait by ±20 %, so that leads that failed together do not come
// back together. It depends on the lead and the try alone, so a run can be
// repeated.
func jitter(wait time.Duration, c lead.Claim) time.Duration {
	const steps = 1 << 16
	hash := (uint64(c.Lead.RemoteID) + uint64(c.Tries)<<56) * 0x9E3779B97F4A7C15 >> 48 //nolint:gosec // Fibonacci hashing; ids are positive
	return wait + time.Duration((float64(hash)/steps-0.5)*0.4*float64(wait))
}

const (
	// firstLookUp is how long after its delivery a lead is looked up.
	firstLookUp = 10 * time.Second
	// longestLookUpWait is the longest wait between two look-ups.
	longestLookUpWait = 6 * time.Hour
)

// nextLookUp returns when a lead that may have been taken is looked up next: soon
// at first, then after waits as long as the doubt has lasted, and in any case
// when the list must be complete. If the lead is doubtful, the waits
// grow to ten minutes. If it is only to be confirmed, they grow further.
func nextLookUp(now, sent, complete time.Time, doubtful bool) time.Time {
	const shortest, longestInDoubt = 5 * time.Second, 10 * time.Minute
	age := now.Sub(sent).Abs() // the clock may have been set back
	wait := min(max(age, shortest), longestInDoubt)
	if !doubtful {
		wait = max(wait, min(age/6, longestLookUpWait))
	}
	next := now.Add(wait)
	if now.Before(complete) && complete.Before(next) {
		return complete
	}
	return next
}

// horizon tells how far ahead of now a lead can be due.
type horizon struct {
	clock    *wallclock.Clock
	farthest time.Duration // later than any lead is due
	jumps    int           // of the clock, when maxAhead was last called
}

// maxAhead returns the farthest time ahead. If the clock has been set since the
// last call, the stored times mean nothing any more: then it returns next to
// nothing, and every lead that is due later is due now.
func (h *horizon) maxAhead() time.Duration {
	if jumps := h.clock.Jumps(); jumps != h.jumps {
		h.jumps = jumps
		return time.Millisecond
	}
	return h.farthest
}
