package courier

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

const (
	// clockSkew is how far EasyBroker's clock may be from ours unknown to us:
	// the window in which a lead is looked for begins that much before its
	// first attempt.
	clockSkew = 15 * time.Minute
	// mostPages bounds a reading; a window with more is not read in full.
	mostPages = 100
	// fewPages is enough to find what has just come in.
	fewPages = 20
	// pageSize is EasyBroker's likely maximum.
	pageSize = 50
	// readings is how often a list that changes while it is read is begun anew.
	readings = 3
)

var (
	errTooManyPages = errors.New("the list has too many pages")
	errTooLarge     = errors.New("the list is too large to be held in memory")
	errMoving       = errors.New("the list changes while it is read, or contradicts itself")
)

// wish is what a reading is for. The zero wish is for all of the list.
type wish struct {
	some   bool                                 // what has just come in is enough, and a list that is longer or changes is no error
	wanted func(easybroker.Listed) bool         // what is to be held; nil: all
	enough func(items []easybroker.Listed) bool // the reading may stop; nil: never
	hold   *hold                                // what it holds counts there
}

// reading is what was read of a list.
type reading struct {
	items []easybroker.Listed // those that are wanted
	whole bool                // it was read to its end, and nothing moved meanwhile

	known   map[uint64]bool // hashes of all items
	total   int             // that the last page told; -1 before the first one
	over    bool            // a page had a next one though the total was reached
	outside bool            // an item cannot be in the window
}

// seed makes hashes that nobody outside can foresee.
var seed = maphash.MakeSeed()

// read reads the list until the wish is fulfilled, or in full.
func (l *lane) read(ctx context.Context, q easybroker.Query, w wish) (r reading, err error) {
	held := w.hold.bytes
	for range readings {
		w.hold.backTo(held)
		r, err = l.readOnce(ctx, q, w)
		if !errors.Is(err, errMoving) {
			break
		}
		if w.some {
			return r, nil
		}
	}
	return r, err
}

// readOnce turns the pages. Trouble with the credential that comes up between
// two of them counts for the next one.
func (l *lane) readOnce(ctx context.Context, q easybroker.Query, w wish) (reading, error) {
	r := reading{known: map[uint64]bool{}, total: -1}
	window, most := q, mostPages
	if w.some {
		most = fewPages
	}
	for q.Page, q.Limit = 1, pageSize; q.Page <= most; q.Page++ {
		page, err := l.readPage(ctx, q)
		if err != nil {
			return r, err
		}
		err = r.add(page, window, w)
		if w.enough != nil && w.enough(r.items) {
			return r, nil
		}
		if err != nil || r.whole {
			return r, err
		}
	}
	if w.some {
		return r, nil
	}
	return r, errTooManyPages
}

func (l *lane) readPage(ctx context.Context, q easybroker.Query) (easybroker.Page, error) {
	if err := l.awaitList(ctx); err != nil {
		return easybroker.Page{}, err
	}
	if err := l.pace.read(ctx); err != nil {
		return easybroker.Page{}, cmp.Or(ctx.Err(), errTooManyPages) // for the time that is left
	}
	page, err := l.list(context.WithoutCancel(ctx), q)
	l.noteAhead(page.Date)
	return page, err
}

// add takes in the next page. Items that trade places between two pages are
// seen twice or never, and a page can say anything of those behind it. So a list
// counts as read in full only when it had as many different items as it said,
// on every page, and its last page was the one that reached them. One whose next
// page brings nothing new has no end worth waiting for.
func (r *reading) add(page easybroker.Page, window easybroker.Query, w wish) error {
	const hashed = 40 // bytes that a known item costs
	before, moved := len(r.known), r.total >= 0 && page.Total != r.total
	bytes := 0
	for _, item := range page.Content {
		item.HappenedAt = item.HappenedAt.UTC() // or equal times would be different ones
		hash := maphash.Comparable(seed, item)
		if r.known[hash] {
			continue
		}
		r.known[hash], bytes = true, bytes+hashed
		r.outside = r.outside || isOutside(item, window)
		if w.wanted == nil || w.wanted(item) {
			r.items, bytes = append(r.items, item), bytes+sizeOf(item)
		}
	}
	if !w.hold.take(bytes) {
		return errTooLarge
	}
	r.total = page.Total
	r.over = r.over || page.More && len(r.known) >= page.Total
	switch {
	case moved:
		return errMoving
	case page.More && len(r.known) == before:
		return errMoving
	case !page.More && (r.over || len(r.known) != page.Total):
		return errMoving
	}
	r.whole = !page.More
	return nil
}

// asked wants what can be one of the leads: no item under another's remote_id.
func asked[T any](l *lane, leads []T, id func(T) lead.RemoteID) (wanted func(easybroker.Listed) bool) {
	if l.account.API != easybroker.Partner {
		return nil
	}
	ids := map[int64]bool{0: true}
	for _, one := range leads {
		ids[int64(id(one))] = true
	}
	return func(item easybroker.Listed) bool { return ids[item.RemoteID] }
}

// matches are the contact requests that are the lead: by remote_id, or, where
// the list has none, by what the visitor wrote and when.
func (l *lane) matches(c lead.Claim, items []easybroker.Listed) []easybroker.Listed {
	var found []easybroker.Listed
	for _, item := range items {
		if l.account.API == easybroker.Partner && item.RemoteID != 0 {
			if item.RemoteID == int64(c.Lead.RemoteID) {
				found = append(found, item)
			}
		} else if item.PropertyID == c.Lead.PropertyID && l.isTimely(item, c) && l.looksLike(item, c) {
			found = append(found, item)
		}
	}
	return found
}

// isTimely reports whether the item can have come from one of the lead's
// attempts, as far as its time and their stamps tell.
func (l *lane) isTimely(item easybroker.Listed, c lead.Claim) bool {
	if item.HappenedAt.IsZero() || c.FirstAttempt.After(l.courier.clock.read()) || !l.trace(c.Lead.RemoteID).whole {
		return true
	}
	at := item.HappenedAt.Add(-l.ahead()) // as our clock would have said
	return !at.Before(c.FirstAttempt.Add(-clockSkew)) && !at.After(c.LastAttempt.Add(l.courier.opt.Timeout+l.courier.opt.Settle+clockSkew))
}

// looksLike reports whether the item says all that the lead does, or that one
// of its attempts did.
func (l *lane) looksLike(item easybroker.Listed, c lead.Claim) bool {
	if slices.ContainsFunc(c.Fingerprints, func(f lead.Fingerprint) bool { return reaches(f, item) && f.Says(item.Message) }) {
		return true
	}
	sent := request(c.Lead, l.routeOf(c))
	var reach bool
	switch {
	case sent.Email != "":
		reach = sameText(item.Email, sent.Email)
	case sent.Phone != "":
		reach = samePhone(item.Phone, sent.Phone)
	default: // an account takes a name alone
		reach = sent.Name != "" && sameText(item.Name, sent.Name)
	}
	return reach && sameText(item.Message, sent.Message)
}

// isSame reports whether an item with the lead's remote_id is about the same
// inquiry. EasyBroker may tidy up what it gets, so one thing in common is
// enough.
func (l *lane) isSame(item easybroker.Listed, c lead.Claim) bool {
	sent := request(c.Lead, l.routeOf(c))
	return item.Email == "" && item.Phone == "" && item.Message == "" ||
		slices.ContainsFunc(c.Fingerprints, func(f lead.Fingerprint) bool { return reaches(f, item) || item.Message != "" && f.Says(item.Message) }) ||
		sent.Email != "" && sameText(item.Email, sent.Email) ||
		sent.Phone != "" && samePhone(item.Phone, sent.Phone) ||
		sent.Message != "" && sameText(item.Message, sent.Message)
}

// reaches reports whether the item has the address or the number that an
// attempt named, or the name where there was neither.
func reaches(f lead.Fingerprint, item easybroker.Listed) bool {
	return f.Reaches(item.Email) || f.Reaches(tail(item.Phone)) || f.Reaches(item.Name)
}

func sameText(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// samePhone compares the last ten digits, which is a number in Mexico without
// its country.
func samePhone(a, b string) bool { return tail(a) == tail(b) }

// tail returns the last ten digits of a phone, or all of what has no digits.
func tail(phone string) string {
	const national = 10
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, phone)
	if digits == "" {
		return phone
	}
	return digits[max(0, len(digits)-national):]
}

// noteAhead notes how far EasyBroker's clock is ahead of ours.
func (l *lane) noteAhead(theirs time.Time) {
	if theirs.IsZero() {
		return
	}
	ahead := theirs.Sub(l.courier.clock.read())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.theirLead = ahead
}

// ahead is how far EasyBroker's clock is ahead of ours: negative when it is
// behind, zero when it is near enough.
func (l *lane) ahead() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.theirLead.Abs() < time.Minute {
		return 0
	}
	return l.theirLead
}
