package lead

import "time"

// Due asks for leads that a courier must work on.
type Due struct {
	Now   time.Time
	Since time.Time     // only leads that fell due from then on; zero for all
	N     int           // how many at most
	Lease time.Duration // how long the courier holds them

	// MaxAhead is how far ahead a lead can be due. If one is due later, the clock
	// was set back since, and the lead is due now. Zero means no limit.
	MaxAhead time.Duration
	// SkipPeek is set if the courier knows that some leads are due. Then the store
	// claims them without looking first whether there are any.
	SkipPeek bool

	// A paused site makes trials: with its newest lead instead of the one that has
	// waited longest, and with none of the properties in Except.
	Newest bool
	Except []string

	// Fingerprint returns the fingerprint of what the attempt for a lead will send.
	// It is nil if nobody asks for it later. It runs inside the transaction.
	Fingerprint func(*Lead) Fingerprint
}
