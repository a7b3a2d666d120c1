package lead

import "time"

// Claim is a lead that one courier holds until its lease runs out.
type Claim struct {
	Lead     Lead
	Fence    int64     // rises with every claim; a settlement with an older one is too late
	Tries    int       // how far the lead is on its schedule
	WasDueAt time.Time // when the lead was due before it was claimed

	// Number is the number of the attempt that has begun. It is zero if the lead is
	// to be looked up.
	Number int

	// MaybeTaken is how many of the lead's earlier attempts EasyBroker may have
	// taken, of those that are kept. FirstAttempt and LastAttempt are when the first
	// and the last of them began, LastEndedAt is when the last one ended, and
	// Fingerprints are of what they sent.
	MaybeTaken                             int
	FirstAttempt, LastAttempt, LastEndedAt time.Time
	Fingerprints                           []Fingerprint

	LastStatus int   // what EasyBroker answered to the last attempt that has ended
	Deferred   []int // what it answered to the attempts that it surely has not taken
}
