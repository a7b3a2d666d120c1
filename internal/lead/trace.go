package lead

import "time"

// Trace says where the post of a lead stands in a trace: it is the value of a W3C
// traceparent. It is kept with the lead, so that what is done with the lead later, by
// whichever process, belongs to the trace of its post. It is empty if nobody traced
// the post. It is nothing that the visitor wrote: no digest is of it, and nobody is
// sent it or shown it.
type Trace string

// ID returns the id of the trace. It is empty if there is none.
func (t Trace) ID() string {
	const length, from, to = len("00-00112233445566778899aabbccddeeff-0011223344556677-01"), 3, 35
	if len(t) != length {
		return ""
	}
	return string(t[from:to])
}

// TraceStep is an attempt or a look-up, as a trace tells of it. It has nothing of what the
// visitor wrote.
type TraceStep struct {
	Trace    Trace
	Site     string
	RemoteID RemoteID

	Began, Ended time.Time
	Was, State   State  // of the lead, before it and after it; State is empty if it is not known
	Found        int    // contact requests that a look-up found
	Attempt      int    // the number of the attempt; zero for a look-up
	URL          string // whom it called; empty for a look-up

	Outcome Outcome // of the attempt
	Status  int     // that EasyBroker answered to it; zero for none
}
