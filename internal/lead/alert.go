package lead

import (
	"slices"
	"time"
)

// AlertKind is what an alert is about.
type AlertKind string

// The kinds of alerts.
const (
	AlertHeld     AlertKind = "held"     // EasyBroker refuses a key
	AlertDown     AlertKind = "down"     // EasyBroker does not answer
	AlertPaused   AlertKind = "paused"   // a site is paused, by the courier or by a person
	AlertLate     AlertKind = "late"     // a lead waits, and none of the above is why
	AlertDoubtful AlertKind = "doubtful" // a doubt lasts
	AlertFailed   AlertKind = "failed"   // a lead waits for a person
	AlertMissing  AlertKind = "missing"  // EasyBroker took a lead and does not list it
	AlertTwice    AlertKind = "twice"    // EasyBroker lists a lead twice
	AlertStore    AlertKind = "store"    // nothing can be written, or there is little space
	AlertSilence  AlertKind = "silence"  // a site gets no inquiries any more
	AlertRefused  AlertKind = "refused"  // a site refuses posts because of its settings
	AlertFlood    AlertKind = "flood"    // a site gets far more inquiries than usual
	AlertDrift    AlertKind = "drift"    // a reconciliation has found something
	AlertHook     AlertKind = "hook"     // a webhook was switched off
	AlertClock    AlertKind = "clock"    // the clock was set, or is wrong
)

// AlertKinds returns all kinds, what is worst first.
func AlertKinds() []AlertKind {
	return []AlertKind{
		AlertStore, AlertHeld, AlertDown, AlertPaused, AlertLate, AlertFailed, AlertDoubtful, AlertMissing, AlertTwice, AlertDrift, AlertHook, AlertRefused,
		AlertSilence, AlertFlood, AlertClock,
	}
}

// CanBeSeen reports whether a person can say that such an alert was looked at: that its
// leads were, or that its webhook is to be tried again. The other kinds end by themselves.
func (k AlertKind) CanBeSeen() bool {
	return k == AlertFailed || k == AlertMissing || k == AlertTwice || k == AlertHook
}

// MaxAlertLeads is how many leads an alert names.
const MaxAlertLeads = 100

// Alert is trouble that a person should know of. It has no personal data.
type Alert struct {
	ID      string    `json:"id"`
	Kind    AlertKind `json:"kind"`
	Subject string    `json:"subject,omitempty"` // of one kind and subject, one alert at a time is open

	Sites     []string   `json:"sites,omitempty"`
	RemoteIDs []RemoteID `json:"remote_ids,omitempty"` // at most MaxAlertLeads, oldest first
	Leads     int        `json:"leads,omitempty"`      // how many leads it is about

	Reason string            `json:"reason,omitempty"` // one of the reasons, with nothing that EasyBroker says
	Name   string            `json:"name,omitempty"`   // the origin or the site that is refused, cleaned
	Until  time.Time         `json:"until,omitzero"`   // a person's pause ends by itself then
	Free   int64             `json:"free,omitempty"`   // bytes; zero unless there is little space
	Off    time.Duration     `json:"off,omitempty"`    // of the clock
	Found  map[DriftKind]int `json:"found,omitempty"`  // what a reconciliation found, how many of each

	Since    time.Time `json:"since"`              // when it began
	OpenedAt time.Time `json:"opened_at,omitzero"` // when it had lasted long enough to be told
	ClosedAt time.Time `json:"closed_at,omitzero"`

	// Told is what each channel has been told, by the channel's name.
	Told map[string]Told `json:"told,omitempty"`
}

// Told is what a channel has been told of an alert.
type Told struct {
	At     time.Time `json:"at"`               // the last time
	Closed bool      `json:"closed,omitempty"` // that it is over
}

// IsOpen reports whether the trouble lasts.
func (a *Alert) IsOpen() bool { return a.ClosedAt.IsZero() }

// NameLead counts a lead, and names it if there is room.
func (a *Alert) NameLead(id RemoteID, site string) {
	a.Leads++
	if len(a.RemoteIDs) < MaxAlertLeads {
		a.RemoteIDs = append(a.RemoteIDs, id)
	}
	if !slices.Contains(a.Sites, site) {
		a.Sites = append(a.Sites, site)
	}
}

// Stuck are leads of a site that wait in the same way.
type Stuck struct {
	Kind      AlertKind
	Site      string
	Leads     int // at most MaxStuck are counted
	Since     time.Time
	RemoteIDs []RemoteID // at most MaxAlertLeads
}

// Quiet is a site whose inquiries have stopped for longer than usual. It may be chance, so
// it is a hint for who looks, and no alert.
type Quiet struct {
	Site       string    `json:"site"`
	Since      time.Time `json:"since"`
	TimesAYear int       `json:"times_a_year"` // such a silence happens by chance
}

// MaxStuck is how many leads of a site are counted that wait in the same way.
const MaxStuck = 10_000

// StuckQuery says since when leads have waited for too long.
type StuckQuery struct {
	Queued   time.Time // and are not sent
	Doubtful time.Time // and are in doubt
}
