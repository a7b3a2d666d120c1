package lead

import "time"

// LeaseRequest asks for the lease of a credential: one of several processes at a
// time carries its leads.
type LeaseRequest struct {
	Credential string        // a name that reveals nothing of the key
	Holder     string        // names the process that asks
	Length     time.Duration // zero gives the lease up
	State      string        // what the next holder must know
	Lent       int64         // see [Lease]
}

// Lease is what the database says about a lease.
type Lease struct {
	IsHeld bool      // by the process that asked
	State  string    // as the last holder left it
	Now    time.Time // on the database's clock

	// Wanted counts the calls that other processes have ever asked the holder for,
	// and Lent those that they were given.
	Wanted, Lent int64

	IsLocked bool // by somebody, so nothing else is known now
}
