package lead

import "time"

// The states of a credential, and of a site.
const (
	CredentialWorking = "working"
	CredentialResting = "resting"        // for a moment after a failed call, or until the next lead is sent after the list can be read again
	CredentialDown    = "down"           // EasyBroker does not work; only probes are made until it does
	CredentialHeld    = "held"           // EasyBroker refuses the key, or its URL is wrong; a person must change something
	SitePaused        = "paused"         // EasyBroker refused several leads of this site in a row, for different properties
	SitePausedByHand  = "paused_by_hand" // a person has paused it: see [Pause]
)

// Credential is the state of a key with EasyBroker, and the sites that use it.
type Credential struct {
	Sites  []string  `json:"sites"`
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"` // no personal data
	Since  time.Time `json:"since"`            // when this state began
	Until  time.Time `json:"until,omitzero"`   // no call before this
}
