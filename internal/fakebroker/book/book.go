// Package book keeps the contact requests of the pretend EasyBroker, and knows what its
// list shows. It knows nothing of HTTP.
package book

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"leadrelay/internal/fakebroker/fault"
)

// The two halves of the API.
const (
	Partner = "partner"
	Account = "account"
)

// maxKept is how many contact requests are kept. The oldest are dropped.
const maxKept = 100_000

// Kept is one contact request in the book.
type Kept struct {
	Number     int       `json:"number"` // counts from 1
	API        string    `json:"api"`    // partner or account
	RemoteID   int64     `json:"remote_id,omitempty"`
	PropertyID string    `json:"property_id"`
	Name       string    `json:"name,omitempty"`
	Email      string    `json:"email,omitempty"`
	Phone      string    `json:"phone,omitempty"`
	Message    string    `json:"message"`
	Source     string    `json:"source,omitempty"`
	HappenedAt time.Time `json:"happened_at"`
	Posts      int       `json:"posts"`               // POSTs that came to this entry: more than 1 when a repeat was not stored again
	Swallowed  bool      `json:"swallowed,omitempty"` // answered with 200, never listed
	// UsePartnerCode means that the call had the header. We do not know what it does
	// with a contact request, so here it does nothing.
	UsePartnerCode bool      `json:"use_partner_code,omitempty"`
	Arrived        time.Time `json:"-"` // without ClockSkew

	listCalls int // list calls until then
}

// Book keeps contact requests. It is not safe for concurrent use.
type Book struct {
	kept      []*Kept
	byID      map[int64][]*Kept
	count     int // so far, forgotten ones included
	listCalls int // list calls so far
}

// New returns an empty book.
func New() *Book { return &Book{byID: map[int64][]*Kept{}} }

// All returns everything that was kept, in the order of arrival.
func (b *Book) All() []Kept {
	out := make([]Kept, len(b.kept))
	for i, k := range b.kept {
		out[i] = *k
	}
	return out
}

// Times returns the number of entries of each remote_id.
func (b *Book) Times() map[int64]int {
	out := make(map[int64]int, len(b.byID))
	for id, entries := range b.byID {
		out[id] = len(entries)
	}
	return out
}

// findRepeated returns the entry that k repeats, or nil.
func (b *Book) findRepeated(f fault.Faults, k Kept) *Kept {
	if k.API == Partner {
		if entries := b.byID[k.RemoteID]; len(entries) > 0 {
			return entries[0]
		}
		return nil
	}
	if !f.Merge {
		return nil
	}
	for _, old := range slices.Backward(b.kept) {
		same := k.Email != "" && k.Email == old.Email || k.Phone != "" && k.Phone == old.Phone
		if old.API == Account && same && old.PropertyID == k.PropertyID {
			return old
		}
	}
	return nil
}

// Keep keeps k as the faults say. It reports false if k is a repeat and is refused.
func (b *Book) Keep(f fault.Faults, k Kept) bool {
	repeat := f.Repeat
	if k.API == Account {
		repeat = "update"
	}
	old := b.findRepeated(f, k)
	if old == nil || repeat == "" || repeat == "double" {
		b.add(f, k)
		return true
	}
	old.Posts++
	if repeat == "update" {
		old.Name, old.Email, old.Phone = k.Name, k.Email, k.Phone
		old.PropertyID, old.Message, old.Source = k.PropertyID, k.Message, k.Source
	}
	return repeat == "update" || repeat == "ignore"
}

func (b *Book) add(f fault.Faults, k Kept) {
	b.count++
	k.Number, k.Posts, k.listCalls = b.count, 1, b.listCalls
	k.Swallowed = f.SwallowEvery > 0 && b.count%f.SwallowEvery == 0 || slices.Contains(f.SwallowProperties, k.PropertyID)
	b.kept = append(b.kept, &k)
	if k.RemoteID != 0 {
		b.byID[k.RemoteID] = append(b.byID[k.RemoteID], &k)
	}
	if len(b.kept) > maxKept {
		b.dropOldest()
	}
}

// dropOldest drops the oldest entry.
func (b *Book) dropOldest() {
	id := b.kept[0].RemoteID
	b.kept[0] = nil
	b.kept = b.kept[1:]
	if entries := b.byID[id]; len(entries) > 1 {
		b.byID[id] = entries[1:]
	} else {
		delete(b.byID, id)
	}
}

// Window selects contact requests of a list call.
type Window struct {
	API, Property string
	After, Before time.Time
}

// Find returns what the list shows at the time, in its order.
func (b *Book) Find(f fault.Faults, w Window, now time.Time) []Kept {
	b.listCalls++
	var out []Kept
	for _, k := range b.kept {
		if k.API == w.API && b.isListed(f, k, now) && w.contains(f, k) {
			out = append(out, *k)
		}
	}
	switch f.Order {
	case "asc":
	case "shuffled":
		slices.SortFunc(out, func(x, y Kept) int { return cmp.Compare(x.shuffleKey(f.Seed), y.shuffleKey(f.Seed)) })
	default:
		slices.Reverse(out)
	}
	return out
}

// isListed reports whether the list shows k already.
func (b *Book) isListed(f fault.Faults, k *Kept, now time.Time) bool {
	if k.Swallowed || f.ListLag == fault.Forever || b.listCalls-k.listCalls <= f.ListLagCalls {
		return false
	}
	return now.Sub(k.Arrived) >= time.Duration(f.ListLag)
}

func (w Window) contains(f fault.Faults, k *Kept) bool {
	if w.Property != "" && w.Property != k.PropertyID {
		return false
	}
	at := k.HappenedAt
	if f.Window == "exclusive" {
		return (w.After.IsZero() || at.After(w.After)) && (w.Before.IsZero() || at.Before(w.Before))
	}
	return (w.After.IsZero() || !at.Before(w.After)) && (w.Before.IsZero() || !at.After(w.Before))
}

// shuffleKey returns a sort key that is the same for every page.
func (k Kept) shuffleKey(seed uint64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatUint(seed, 36) + "/" + strconv.Itoa(k.Number)))
	return h.Sum64()
}
