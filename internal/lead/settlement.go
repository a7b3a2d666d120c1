package lead

import "time"

// Settlement is the new state of a claimed lead.
type Settlement struct {
	State  State
	Reason string
	At     time.Time
	DueAt  time.Time // zero if nothing is left to do
	Tries  int

	// Attempt is how the open attempt ended. It is nil if the lead was looked up.
	Attempt *Attempt
}
