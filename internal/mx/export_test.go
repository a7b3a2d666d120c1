package mx

// What the tests look at besides the outside.
var (
	Look     = ask
	Absolute = absolute
)

// The bounds of the queue.
const (
	MostAtOnce  = mostAtOnce
	MostWaiting = mostWaiting
	MostOfOne   = mostOfOne
	Patience    = patience
)
