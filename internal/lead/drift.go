package lead

import "time"

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

// Add adds what was found with another credential.
func (d *Drift) Add(part Drift) {
	d.Ours += part.Ours
	d.Listed += part.Listed
	d.OnlyHere = append(d.OnlyHere, part.OnlyHere...)
	d.OnlyThere = append(d.OnlyThere, part.OnlyThere...)
	d.Twice = append(d.Twice, part.Twice...)
	d.Differing = append(d.Differing, part.Differing...)
	d.Confirmed += part.Confirmed
	d.Unreadable = append(d.Unreadable, part.Unreadable...)
}

// Found reports whether there is anything that a person should look at.
func (d *Drift) Found() bool {
	return len(d.OnlyHere)+len(d.OnlyThere)+len(d.Twice)+len(d.Differing) > 0
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
