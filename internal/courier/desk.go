package courier

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/lead"
)

const (
	// A process asks for all leases of a few milliseconds at once. Those that others have
	// are asked for at times that differ from process to process, so that they are divided
	// by chance if their holder ends, and so in more rounds: five a second at most.
	renewMoment   = 20 * time.Millisecond
	acquireMoment = 200 * time.Millisecond
)

var errLeaseLocked = errors.New("somebody has locked the row of the lease")

// leaseDesk asks the database about the leases of all credentials of a process, with
// few statements however many there are.
type leaseDesk struct {
	leases    Leases
	acquires  *gatherer[lead.LeaseRequest, lead.Lease]
	renewals  *gatherer[lead.LeaseRequest, lead.Lease]
	takeOvers *gatherer[[]string, struct{}] // of the sites of a credential
}

// newLeaseDesk returns nil if there are no leases.
func newLeaseDesk(leases Leases, clock *wallclock.Clock) *leaseDesk {
	if leases == nil {
		return nil
	}
	byCredential := func(a, b lead.LeaseRequest) int { return strings.Compare(a.Credential, b.Credential) }
	return &leaseDesk{
		leases: leases,
		acquires: &gatherer[lead.LeaseRequest, lead.Lease]{
			moment: acquireMoment, timeout: leaseTimeout, order: byCredential, ask: leases.AcquireLeases,
		},
		renewals: &gatherer[lead.LeaseRequest, lead.Lease]{
			moment: renewMoment, timeout: leaseTimeout, order: byCredential, ask: leases.RenewLeases,
		},
		takeOvers: &gatherer[[]string, struct{}]{
			moment: renewMoment, timeout: leaseTimeout, order: slices.Compare[[]string],
			ask: func(ctx context.Context, all [][]string) ([]struct{}, error) {
				return make([]struct{}, len(all)), leases.TakeOver(ctx, slices.Concat(all...), clock.Read())
			},
		},
	}
}

// acquire takes a lease if nobody else has it.
func (d *leaseDesk) acquire(ctx context.Context, r lead.LeaseRequest) (lead.Lease, error) {
	return d.acquires.one(ctx, r)
}

// renew prolongs a lease or gives it up. It fails if nobody knows yet whose it is.
func (d *leaseDesk) renew(ctx context.Context, r lead.LeaseRequest) (lead.Lease, error) {
	got, err := d.renewals.one(ctx, r)
	if err == nil && got.IsLocked {
		err = errLeaseLocked
	}
	return got, err
}

// close returns when nothing is asked any more. Nobody may begin to.
func (d *leaseDesk) close() {
	if d != nil {
		d.acquires.rounds.Wait()
		d.renewals.rounds.Wait()
		d.takeOvers.rounds.Wait()
	}
}
