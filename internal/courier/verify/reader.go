package verify

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"leadrelay/internal/courier/breaker"
	"leadrelay/internal/courier/wallclock"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

const (
	// maxPages limits a reading. A window with more pages is not read in full.
	maxPages = 100
	// maxLatestPages is enough to find what has just come in.
	maxLatestPages = 20
	// pageSize is probably EasyBroker's maximum.
	pageSize = 50
	// maxReadings is how often we read a list that changes meanwhile.
	maxReadings = 3
)

var (
	errTooManyPages = errors.New(lead.ReasonListTooLong)
	errTooLarge     = errors.New(lead.ReasonListTooLarge)
	errMoving       = errors.New(lead.ReasonListMoves)
)

// reader reads the list of one credential, page by page.
type reader struct {
	source Source
	clock  *wallclock.Clock
	byID   bool // the list has remote ids

	mu    sync.Mutex
	ahead time.Duration // of EasyBroker's clock, as its last answer had it
}

// readOptions say what a reading is for. The zero value reads all of the list.
type readOptions struct {
	// latest is set if what has just come in is enough. Then it is no error if the
	// list is longer or changes.
	latest bool
	// keep says which items are wanted; nil means all.
	keep func(easybroker.Listed) bool
	// enough says when the reading may stop; nil means never.
	enough func(items []easybroker.Listed) bool
	// reserved counts the memory that the items take.
	reserved *reservation
}

// reading is what was read of a list.
type reading struct {
	items    []easybroker.Listed // the wanted ones
	complete bool                // it was read to its end, and nothing moved meanwhile

	seen    map[uint64]bool // hashes of all items
	total   int             // according to the last page; -1 before the first one
	overran bool            // a page had a next one although the total was reached
	outside bool            // an item cannot be in the window
}

// seed makes hashes that nobody outside can foresee.
var seed = maphash.MakeSeed()

// read reads the list until opt is satisfied, or in full.
func (r *reader) read(ctx context.Context, q easybroker.Query, opt readOptions) (got reading, err error) {
	before := opt.reserved.bytes
	for range maxReadings {
		opt.reserved.shrinkTo(before)
		got, err = r.readOnce(ctx, q, opt)
		if !errors.Is(err, errMoving) {
			break
		}
		if opt.latest {
			return got, nil
		}
	}
	return got, err
}

// readOnce turns the pages. If the credential gets into trouble between two
// pages, the next one waits or fails.
func (r *reader) readOnce(ctx context.Context, q easybroker.Query, opt readOptions) (reading, error) {
	got := reading{seen: map[uint64]bool{}, total: -1}
	window, last := q, maxPages
	if opt.latest {
		last = maxLatestPages
	}
	for q.Page, q.Limit = 1, pageSize; q.Page <= last; q.Page++ {
		page, err := r.readPage(ctx, q)
		if err != nil {
			return got, err
		}
		err = got.add(page, window, opt)
		if opt.enough != nil && opt.enough(got.items) {
			return got, nil
		}
		if err != nil || got.complete {
			return got, err
		}
	}
	if opt.latest {
		return got, nil
	}
	return got, errTooManyPages
}

func (r *reader) readPage(ctx context.Context, q easybroker.Query) (easybroker.Page, error) {
	if err := r.source.AwaitTurn(ctx); err != nil {
		if stopped, ok := errors.AsType[*breaker.StoppedError](err); ok {
			return easybroker.Page{}, stopped
		}
		if ctx.Err() != nil {
			return easybroker.Page{}, ctx.Err()
		}
		return easybroker.Page{}, errTooManyPages // for the time that is left
	}
	page, err := r.source.List(context.WithoutCancel(ctx), q)
	if !page.Date.IsZero() {
		ahead := page.Date.Sub(r.clock.Read())
		r.mu.Lock()
		r.ahead = ahead
		r.mu.Unlock()
	}
	return page, err
}

// brokerAhead returns how far EasyBroker's clock is ahead of ours. It is negative
// if that clock is behind, and zero if it is near enough.
func (r *reader) brokerAhead() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ahead.Abs() < time.Minute {
		return 0
	}
	return r.ahead
}

// add takes in the next page. Items that trade places between two pages are seen
// twice or never, and a page may say anything about those behind it. So a list
// counts as read in full only under three conditions: it had as many different
// items as it said, it said the same on every page, and its last page was the one
// that reached that number. If a page has a next one and brings nothing new, its
// end is not worth waiting for.
func (r *reading) add(page easybroker.Page, window easybroker.Query, opt readOptions) error {
	const hashed = 40 // bytes that a seen item costs
	before, moved := len(r.seen), r.total >= 0 && page.Total != r.total
	bytes := 0
	for _, item := range page.Content {
		item.HappenedAt = item.HappenedAt.UTC() // otherwise equal times would differ
		hash := maphash.Comparable(seed, item)
		if r.seen[hash] {
			continue
		}
		r.seen[hash], bytes = true, bytes+hashed
		r.outside = r.outside || isOutside(item, window)
		if opt.keep == nil || opt.keep(item) {
			r.items, bytes = append(r.items, item), bytes+sizeOf(item)
		}
	}
	if !opt.reserved.grow(bytes) {
		return errTooLarge
	}
	r.total = page.Total
	r.overran = r.overran || page.More && len(r.seen) >= page.Total
	switch {
	case moved:
		return errMoving
	case page.More && len(r.seen) == before:
		return errMoving
	case !page.More && (r.overran || len(r.seen) != page.Total):
		return errMoving
	}
	r.complete = !page.More
	return nil
}

// isOutside reports whether the item cannot be in the window. Its edges may be
// rounded.
func isOutside(item easybroker.Listed, window easybroker.Query) bool {
	return item.HappenedAt.Before(window.After.Add(-time.Minute)) ||
		!window.Before.IsZero() && item.HappenedAt.After(window.Before.Add(time.Minute))
}

// readAll reads the whole window, however many pages it has.
func (r *reader) readAll(ctx context.Context, q easybroker.Query, opt readOptions) ([]easybroker.Listed, error) {
	before := opt.reserved.bytes
	got, err := r.read(ctx, q, opt)
	if errors.Is(err, errTooManyPages) {
		got.items = nil
		opt.reserved.shrinkTo(before)
		return r.readHalves(ctx, q, got, opt)
	}
	return got.items, err
}

// readHalves reads each half of a window on its own, after a reading of the whole
// window found too many pages. It gives up if that reading showed that the list
// ignores its window, because then each half is as long as the whole.
func (r *reader) readHalves(ctx context.Context, q easybroker.Query, whole reading, opt readOptions) ([]easybroker.Listed, error) {
	const shortest = time.Minute
	end := q.Before
	if end.IsZero() {
		end = r.clock.Read()
	}
	half := end.Sub(q.After) / 2
	if half < shortest || whole.outside {
		return nil, errTooManyPages
	}
	older, newer := q, q
	older.Before, newer.After = q.After.Add(half+time.Second), q.After.Add(half) // a window may exclude its edges
	first, err := r.readAll(ctx, older, opt)
	if err != nil {
		return nil, err
	}
	second, err := r.readAll(ctx, newer, opt)
	return distinct(slices.Concat(first, second)), err
}

// distinct removes the items that are in both halves.
func distinct(items []easybroker.Listed) []easybroker.Listed {
	seen := make(map[uint64]bool, len(items))
	return slices.DeleteFunc(items, func(item easybroker.Listed) bool {
		hash := maphash.Comparable(seed, item)
		again := seen[hash]
		seen[hash] = true
		return again
	})
}

// keepOnly returns what keeps the items that can be one of those leads. Where the
// list has remote ids, an item with another one cannot. It returns nil where it
// has none.
func keepOnly[T any](r *reader, leads []T, id func(T) int64) func(easybroker.Listed) bool {
	if !r.byID {
		return nil
	}
	ids := map[int64]bool{0: true}
	for _, l := range leads {
		ids[id(l)] = true
	}
	return func(item easybroker.Listed) bool { return ids[item.RemoteID] }
}
