package verify

import (
	"sync/atomic"

	"leadrelay/internal/easybroker"
)

const (
	// maxShared is how many bytes of EasyBroker's lists all readings together hold
	// beyond their own quotas: six thousand contact requests, or those that are asked
	// for among a hundred thousand.
	maxShared = 4 << 20
	// ownQuota is how many bytes each reading may always hold. So one long list
	// does not keep the leads of another credential in doubt.
	ownQuota = 1 << 20
)

// Budget limits the memory that all readings of lists hold together.
type Budget struct{ shared atomic.Int64 }

// reservation is the part of a budget that one reading holds.
type reservation struct {
	budget *Budget
	bytes  int
}

// reserve begins a reservation. The caller ends it with shrinkTo(0).
func (b *Budget) reserve() *reservation { return &reservation{budget: b} }

// grow adds bytes, and reports whether the budget allows them.
func (r *reservation) grow(bytes int) bool {
	before := max(0, r.bytes-ownQuota)
	r.bytes += bytes
	beyond := max(0, r.bytes-ownQuota)
	return r.budget.shared.Add(int64(beyond-before)) <= maxShared || beyond == 0
}

// shrinkTo gives back all but so many bytes.
func (r *reservation) shrinkTo(bytes int) { r.grow(bytes - r.bytes) }

// sizeOf returns how many bytes it costs to hold the item and to compare it.
func sizeOf(item easybroker.Listed) int {
	const overhead = 400
	n := overhead
	for _, text := range []string{item.PropertyID, item.Name, item.Email, item.Phone, item.Message, item.Source, item.Status} {
		n += len(text)
	}
	return n
}
