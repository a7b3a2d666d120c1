package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/lead"
)

// Ledger is the part of the store that is compared with EasyBroker's list.
type Ledger interface {
	Find(ctx context.Context, id lead.RemoteID) (lead.Lead, []lead.Attempt, error)
	List(ctx context.Context, f lead.Filter) (leads []lead.Lead, more bool, err error)
	Taken(ctx context.Context, site string, since time.Time) ([]lead.RemoteID, error)
	Amend(ctx context.Context, id lead.RemoteID, f func(*lead.Lead) error) (lead.Lead, error)
	Confirm(ctx context.Context, id lead.RemoteID, at time.Time, reason string) (bool, error)
}

// Auditor answers what has arrived at EasyBroker, and queues again what has not.
// It reads the lists at the credentials' pace and sends nothing itself: the
// courier carries what it queues.
type Auditor struct {
	ledger    Ledger
	verifiers []*Verifier
	bySite    map[string]*Verifier
	clock     *wallclock.Clock
	wake      func(site string) // tells the courier that a lead was queued
	log       zerolog.Logger
	command   chan struct{} // holds the command that runs, because the memory is for one
}

// NewAuditor returns an auditor for the verifiers' credentials. It calls wake for
// the site of each lead that it queues.
func NewAuditor(ledger Ledger, verifiers []*Verifier, clock *wallclock.Clock, wake func(site string), log zerolog.Logger) *Auditor {
	a := &Auditor{
		ledger: ledger, verifiers: verifiers, bySite: map[string]*Verifier{}, clock: clock, wake: wake, log: log, command: make(chan struct{}, 1),
	}
	for _, v := range verifiers {
		for _, site := range v.Sites {
			a.bySite[site] = v
		}
	}
	return a
}

// maxListsAtOnce is how many credentials' lists a command reads at once.
const maxListsAtOnce = 4

// beginCommand waits until no other command runs. The caller calls end when its
// command has ended.
func (a *Auditor) beginCommand(ctx context.Context) (end func(), err error) {
	select {
	case a.command <- struct{}{}:
		return func() { <-a.command }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another command: %w", ctx.Err())
	}
}
