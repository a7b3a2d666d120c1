// Package verify finds out from EasyBroker's own list what has become of leads.
// It reads the list, tells which contact request is which lead, and knows when
// the list proves that a lead is not there. It sends nothing and settles nothing:
// it returns what it has found, and the courier decides what becomes of the lead.
//
// Read verify.go, then lookup.go for one lead in doubt, and reconcile.go and
// replay.go for a person's commands.
package verify

import (
	"context"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Source is the list of one credential, as the courier lends it.
type Source interface {
	// AwaitTurn waits until the list may be read once. It returns a
	// [breaker.StoppedError] if that takes too long or nobody knows how long, the
	// error of ctx if that ends, and another error if the turn would come after
	// the deadline of ctx.
	AwaitTurn(ctx context.Context) error
	// List reads a page. Its turn must have come.
	List(ctx context.Context, q easybroker.Query) (easybroker.Page, error)
}

// Route says how a site's leads read in EasyBroker.
type Route interface {
	// Request returns the contact request that an attempt for the lead would send
	// today.
	Request(l lead.Lead) easybroker.ContactRequest
	// CompleteFingerprints replaces the claim's empty fingerprints: they are of
	// attempts that wrote none down.
	CompleteFingerprints(c *lead.Claim)
}

// Config is what a verifier is told about its credential.
type Config struct {
	Sites      []string
	API        easybroker.API
	Routes     map[string]Route // by site
	Source     Source
	Timeout    time.Duration // of one attempt: it may take effect until then
	MaxListLag time.Duration // how long EasyBroker's list may lag behind

	Clock  *wallclock.Clock
	Memory *Memory
	Budget *Budget
	Log    zerolog.Logger
}

// Verifier looks for the leads of one credential in EasyBroker's list. It is safe
// for concurrent use.
type Verifier struct {
	Config
	reader *reader
	unread rate.Sometimes // limits the log lines about a list that cannot be read
}

// New returns the verifier of a credential.
func New(cfg Config) *Verifier {
	return &Verifier{
		Config: cfg,
		reader: &reader{source: cfg.Source, clock: cfg.Clock, byID: cfg.API == easybroker.Partner},
		unread: rate.Sometimes{Interval: time.Minute},
	}
}

// missingAfterLags is after how many times the longest lag a delivered lead is missing.
const missingAfterLags = 3

// MissingAfter returns for how long a list may lack a lead that EasyBroker has
// taken before the lead counts as missing.
func MissingAfter(maxListLag time.Duration) time.Duration { return missingAfterLags * maxListLag }
