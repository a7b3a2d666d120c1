package mx

// Internals that the tests look at.
var (
	LookUp   = lookUp
	Absolute = absolute
)

// The bounds of lookups.
const (
	MaxRunning  = maxRunning
	MaxWaiting  = maxWaiting
	MaxPerOwner = maxPerOwner
	Timeout     = timeout
)
