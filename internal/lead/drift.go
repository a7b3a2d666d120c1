package lead

import (
	"slices"
	"time"
)

// MostDrifted is how many leads of a kind a drift report names. A backup that was
// restored, or a key of another account, makes all of them drift.
const MostDrifted = 1000

// Drift is how our leads and EasyBroker's list differ. It holds ids and names
// of fields, and nothing that a visitor wrote.
type Drift struct {
	Since  time.Time `json:"since"`
	ReadAt time.Time `json:"read_at"`
	Ours   int       `json:"ours"`   // leads of the window that should be there
	Listed int       `json:"listed"` // contact requests of the window

	OnlyHere  []Drifted `json:"only_here"`  // EasyBroker said that it took them, and does not list them
	OnlyThere []Drifted `json:"only_there"` // listed under a remote_id that we never gave
	Twice     []Drifted `json:"twice"`      // listed more than once
	Differing []Drifted `json:"differing"`  // listed with other fields than we would send

	LeftOut map[DriftKind]int `json:"left_out"` // how many more there are of a kind

	Confirmed  int          `json:"confirmed"`  // leads that were not known to be there, and now are
	Unreadable []Unreadable `json:"unreadable"` // what could not be compared
}

// Drifted is one lead or contact request of a drift report.
type Drifted struct {
	RemoteID   RemoteID `json:"remote_id"`
	Site       string   `json:"site,omitempty"`
	State      State    `json:"state,omitempty"`
	PropertyID string   `json:"property_id,omitempty"`
	Fields     []Field  `json:"fields,omitempty"` // those that differ
}

// Unreadable is a credential whose list could not be read in full.
type Unreadable struct {
	Sites []string `json:"sites"`
	Why   string   `json:"why"`
}

// DriftKind is how a lead drifts, in the words of the report.
type DriftKind string

// The kinds of drift.
const (
	OnlyHere  DriftKind = "only_here"
	OnlyThere DriftKind = "only_there"
	Twice     DriftKind = "twice"
	Differing DriftKind = "differing"
)

// DriftKinds are all kinds, in the order of the report.
func DriftKinds() []DriftKind { return []DriftKind{OnlyHere, OnlyThere, Twice, Differing} }

// Of is the report's list of the kind.
func (d *Drift) Of(kind DriftKind) *[]Drifted {
	switch kind {
	case OnlyHere:
		return &d.OnlyHere
	case OnlyThere:
		return &d.OnlyThere
	case Twice:
		return &d.Twice
	case Differing:
		return &d.Differing
	}
	return new([]Drifted)
}

// Note names what drifts, or counts it where there is no room for more.
func (d *Drift) Note(kind DriftKind, more ...Drifted) {
	all := d.Of(kind)
	room := min(len(more), max(0, MostDrifted-len(*all)))
	*all = append(*all, more[:room]...)
	d.leaveOut(kind, len(more)-room)
}

func (d *Drift) leaveOut(kind DriftKind, n int) {
	if n == 0 {
		return
	}
	if d.LeftOut == nil {
		d.LeftOut = map[DriftKind]int{}
	}
	d.LeftOut[kind] += n
}

// Count is how many leads drift so, named or not.
func (d *Drift) Count(kind DriftKind) int { return len(*d.Of(kind)) + d.LeftOut[kind] }

// Add adds what was found with another credential.
func (d *Drift) Add(part Drift) {
	d.Ours += part.Ours
	d.Listed += part.Listed
	for _, kind := range DriftKinds() {
		d.Note(kind, *part.Of(kind)...)
		d.leaveOut(kind, part.LeftOut[kind])
	}
	d.Confirmed += part.Confirmed
	d.Unreadable = append(d.Unreadable, part.Unreadable...)
}

// Found reports whether there is anything that a person should look at.
func (d *Drift) Found() bool {
	return slices.ContainsFunc(DriftKinds(), func(kind DriftKind) bool { return d.Count(kind) > 0 })
}

// Verdict is what a replay does with a lead.
type Verdict string

// The verdicts of a replay. A lead is never sent unless EasyBroker's list,
// read in full, does not have it.
const (
	Present     Verdict = "present"       // EasyBroker lists it, so nothing is sent
	Sent        Verdict = "sent"          // queued again
	WouldBeSent Verdict = "would be sent" // the same in a dry run
	Blocked     Verdict = "blocked"       // neither known to be there nor free to be sent
)

// Replayed is what a replay did with one lead, or would do.
type Replayed struct {
	RemoteID RemoteID `json:"remote_id"`
	Site     string   `json:"site"`
	State    State    `json:"state"` // after the replay
	Verdict  Verdict  `json:"verdict"`
	Why      string   `json:"why,omitempty"`
}
