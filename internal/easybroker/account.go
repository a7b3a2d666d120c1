package easybroker

import "leadrelay/internal/secret"

// DefaultURL is the root of EasyBroker's API; staging lives at
// https://api.stagingeb.com/v1 and takes other keys.
// Source: dev.easybroker.com and the staging exchanges of their Ruby gem.
const DefaultURL = "https://api.easybroker.com/v1"

// API is the half of EasyBroker's API that a key belongs to.
type API string

const (
	// Partner is the integration partners' half:
	// /integration_partners/contact_requests, with remote_id.
	Partner API = "partner"
	// Plain is the half of an ordinary account: /contact_requests, whose list
	// has no remote_id.
	Plain API = "account"
)

// Account is one credential: where to call, and as whom.
type Account struct {
	URL     string // root of the API, without a slash at the end
	Key     secret.Text
	Country string // two upper-case letters for the Country-Code header
	API     API
}
