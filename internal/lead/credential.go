package lead

import "time"

// The states of a credential, and of a site.
const (
	CredentialWorking = "working"
	CredentialResting = "resting" // for a moment, after a call that failed; or the list can be read again, and the next lead goes first
	CredentialDown    = "down"    // EasyBroker does not answer well; one probe at a time until it does
	CredentialHeld    = "held"    // EasyBroker refuses the key, or its address; a person must change something
	SitePaused        = "paused"  // EasyBroker refused lead after lead of this site, whatever the property
)

// Credential is how a key stands with EasyBroker, and whose leads it carries.
type Credential struct {
	Sites  []string  `json:"sites"`
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"` // no personal data
	Since  time.Time `json:"since"`            // when it came into the state
	Until  time.Time `json:"until,omitzero"`   // no call before
}
