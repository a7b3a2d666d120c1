package lead

import (
	"slices"
	"time"
)

// MaxDrifted is how many leads of a kind a drift report names. After a backup was
// restored, or with a key of another account, all leads drift.
const MaxDrifted = 1000

// Drift reports how our leads and EasyBroker's list differ. It has ids and names of
// fields, and nothing that a visitor wrote.
type Drift struct {
	Since  time.Time `json:"since"`
	ReadAt time.Time `json:"read_at"`
	// Until is set if a list changed all the time, because leads came in: it was read up to
	// then, and newer leads are not compared.
	Until  time.Time `json:"until,omitzero"`
	Ours   int       `json:"ours"`   // leads of the window that EasyBroker should list
	Listed int       `json:"listed"` // contact requests of the window

	OnlyHere  []Drifted `json:"only_here"`  // EasyBroker answered that it took them, but does not list them
	OnlyThere []Drifted `json:"only_there"` // listed under a remote_id that we never assigned
	Twice     []Drifted `json:"twice"`      // listed more than once
	Differing []Drifted `json:"differing"`  // listed with other values than we would send

	LeftOut map[DriftKind]int `json:"left_out"` // how many more there are of each kind

	Confirmed  int          `json:"confirmed"`  // leads that became confirmed by this
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

// DriftKind is how a lead drifts, as named in the report.
type DriftKind string

// The kinds of drift.
const (
	OnlyHere  DriftKind = "only_here"
	OnlyThere DriftKind = "only_there"
	Twice     DriftKind = "twice"
	Differing DriftKind = "differing"

	// DriftUnreadable stands beside them where things are counted: a list could not be read.
	DriftUnreadable DriftKind = "unreadable"
)

// DriftKinds returns all kinds, in the order of the report.
func DriftKinds() []DriftKind { return []DriftKind{OnlyHere, OnlyThere, Twice, Differing} }

// Of returns the report's list of the kind.
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
	case DriftUnreadable: // has no leads
	}
	return new([]Drifted)
}

// Note adds leads to the list of the kind. It only counts those beyond [MaxDrifted].
func (d *Drift) Note(kind DriftKind, more ...Drifted) {
	all := d.Of(kind)
	room := min(len(more), max(0, MaxDrifted-len(*all)))
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

// Count returns how many leads drift in this way, named or not.
func (d *Drift) Count(kind DriftKind) int { return len(*d.Of(kind)) + d.LeftOut[kind] }

// Counts counts what was found of each kind, and what could not be read.
func (d *Drift) Counts() map[DriftKind]int {
	all := map[DriftKind]int{}
	for _, kind := range DriftKinds() {
		if n := d.Count(kind); n > 0 {
			all[kind] = n
		}
	}
	if n := len(d.Unreadable); n > 0 {
		all[DriftUnreadable] = n
	}
	return all
}

// Add adds the report of another credential.
func (d *Drift) Add(part Drift) {
	if d.Until.IsZero() || !part.Until.IsZero() && part.Until.Before(d.Until) {
		d.Until = part.Until
	}
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

// Revealing returns the leads of which the report says more than number, site and state.
func (d *Drift) Revealing() (ids []RemoteID) {
	for _, kind := range DriftKinds() {
		for _, one := range *d.Of(kind) {
			if one.PropertyID != "" || len(one.Fields) > 0 {
				ids = append(ids, one.RemoteID)
			}
		}
	}
	return ids
}

// Forget takes everything out of the report that it says of the leads, but for number, site
// and state.
func (d *Drift) Forget(ids []RemoteID) {
	for _, kind := range DriftKinds() {
		for i, one := range *d.Of(kind) {
			if slices.Contains(ids, one.RemoteID) {
				(*d.Of(kind))[i] = Drifted{RemoteID: one.RemoteID, Site: one.Site, State: one.State}
			}
		}
	}
}

// Verdict is what a replay decides for a lead.
type Verdict string

// The verdicts of a replay. A lead is never sent unless EasyBroker's list,
// read in full, does not have it.
const (
	Present     Verdict = "present"       // EasyBroker lists it; nothing is sent
	Sent        Verdict = "sent"          // queued again
	WouldBeSent Verdict = "would be sent" // the same in a dry run
	Blocked     Verdict = "blocked"       // not known to be listed, and must not be sent
)

// Replayed is what a replay did with one lead, or would do in a dry run.
type Replayed struct {
	RemoteID RemoteID `json:"remote_id"`
	Site     string   `json:"site"`
	State    State    `json:"state"` // after the replay
	Verdict  Verdict  `json:"verdict"`
	Why      string   `json:"why,omitempty"`
}
