package alerts

import (
	"crypto/rand"
	"maps"
	"reflect"
	"slices"
	"time"

	"leadrelay/internal/lead"
)

// listed is for how long an alert is listed after it was closed.
const listed = 24 * time.Hour

// subject is what there is one alert of at a time.
type subject struct {
	kind lead.AlertKind
	of   string
}

// entry is a sign that is watched: an alert when it has an id, and before that one that
// may become an alert.
type entry struct {
	alert lead.Alert
	good  int       // how often in a row the sign was away
	away  time.Time // since then
}

// book has the alerts that are open, those that were closed lately, and the signs that have
// not lasted long enough. The zero book is empty. It is not safe for concurrent use.
type book struct {
	entries map[subject]*entry
	closed  []lead.Alert
	changed map[string]int // by id, how often an alert has changed that must be written down
}

// load takes over what was written down.
func (b *book) load(all []lead.Alert) {
	*b = book{entries: map[subject]*entry{}, changed: map[string]int{}}
	for _, a := range all {
		if a.IsOpen() {
			b.entries[subject{a.Kind, a.Subject}] = &entry{alert: a}
		} else {
			b.closed = append(b.closed, a)
		}
	}
}

// step takes the signs of a moment. Of the kinds that are not known nothing changes.
func (b *book) step(now time.Time, r Rules, signs []sign, isKnown func(lead.AlertKind) bool) {
	there := map[subject]bool{}
	for _, s := range signs {
		key := subject{s.Kind, s.Subject}
		there[key] = true
		b.see(key, s, now, r)
	}
	for key, e := range b.entries {
		if !there[key] && isKnown(key.kind) {
			b.miss(key, e, now, r)
		}
	}
	b.closed = slices.DeleteFunc(b.closed, func(a lead.Alert) bool { return now.Sub(a.ClosedAt) > listed })
}

// see notes that a sign is there.
func (b *book) see(key subject, s sign, now time.Time, r Rules) {
	e := b.entries[key]
	if e == nil {
		if s.Since.IsZero() || s.Since.After(now) {
			s.Since = now
		}
		e = &entry{alert: s}
		b.entries[key] = e
	}
	e.good, e.away = 0, time.Time{}
	b.update(e, s)
	if e.alert.ID == "" && now.Sub(e.alert.Since) >= r.opensAfter(key.kind) {
		e.alert.ID, e.alert.OpenedAt = rand.Text(), now
		b.changed[e.alert.ID]++
	}
}

// update takes over what is new of a sign. It began when it was first seen.
func (b *book) update(e *entry, s sign) {
	a := &e.alert
	s.ID, s.Since, s.OpenedAt, s.Told = a.ID, a.Since, a.OpenedAt, a.Told
	if a.Free != 0 || a.Off != 0 { // they change all the time
		s.Free, s.Off = a.Free, a.Off
	}
	if reflect.DeepEqual(*a, s) {
		return
	}
	*a = s
	if a.ID != "" {
		b.changed[a.ID]++
	}
}

// miss notes that a sign is away. What is away for a moment is not over.
func (b *book) miss(key subject, e *entry, now time.Time, r Rules) {
	const goodSigns = 2
	if e.good++; e.good == 1 {
		e.away = now
	}
	if e.good < goodSigns {
		return
	}
	if e.alert.ID == "" {
		delete(b.entries, key)
		return
	}
	if now.Sub(e.away) < r.closesAfter(key.kind) && r.has(key.kind) {
		return
	}
	e.alert.ClosedAt = now
	b.closed = append(b.closed, e.alert)
	b.changed[e.alert.ID]++
	delete(b.entries, key)
}

// isOpen reports whether an alert of one of the kinds is open that names the site.
func (b *book) isOpen(site string, kinds ...lead.AlertKind) bool {
	for _, e := range b.entries {
		if e.alert.ID != "" && slices.Contains(kinds, e.alert.Kind) && slices.Contains(e.alert.Sites, site) {
			return true
		}
	}
	return false
}

// all returns a copy of all alerts, open ones first.
func (b *book) all() []lead.Alert {
	var open []lead.Alert
	for _, e := range b.entries {
		if e.alert.ID != "" {
			open = append(open, copyOf(e.alert))
		}
	}
	slices.SortFunc(open, compare)
	for _, a := range slices.Backward(b.closed) {
		open = append(open, copyOf(a))
	}
	return open
}

func copyOf(a lead.Alert) lead.Alert {
	a.Told = maps.Clone(a.Told)
	return a
}

// find returns the alert with the id, or nil.
func (b *book) find(id string) *lead.Alert {
	for _, e := range b.entries {
		if e.alert.ID == id {
			return &e.alert
		}
	}
	for i := range b.closed {
		if b.closed[i].ID == id {
			return &b.closed[i]
		}
	}
	return nil
}

// tell notes what a channel was told.
func (b *book) tell(channel string, told []lead.Alert, at time.Time) {
	for _, t := range told {
		if a := b.find(t.ID); a != nil {
			if a.Told == nil {
				a.Told = map[string]lead.Told{}
			}
			a.Told[channel] = lead.Told{At: at, Closed: !t.IsOpen()}
			b.changed[a.ID]++
		}
	}
}

// unsaved returns the alerts that must be written down, and how often each has changed.
func (b *book) unsaved() (all []lead.Alert, changes map[string]int) {
	for id := range b.changed {
		if a := b.find(id); a != nil {
			all = append(all, copyOf(*a))
		}
	}
	return all, maps.Clone(b.changed)
}

// saved notes that alerts were written down. One that has changed meanwhile must be
// written down again.
func (b *book) saved(changes map[string]int) {
	for id, n := range changes {
		if b.changed[id] == n {
			delete(b.changed, id)
		}
	}
}

// openIDs returns the ids of the alerts that are open.
func (b *book) openIDs() map[string]bool {
	ids := map[string]bool{}
	for _, e := range b.entries {
		if e.alert.ID != "" {
			ids[e.alert.ID] = true
		}
	}
	return ids
}

// remindAfter is how often a channel is told of an alert that stays open.
const remindAfter = 24 * time.Hour

// untold returns what a channel must be told now: what has opened, what is over, and what
// is still open after a day.
func untold(all []lead.Alert, channel string, now time.Time) []lead.Alert {
	return slices.DeleteFunc(slices.Clone(all), func(a lead.Alert) bool {
		told, was := a.Told[channel]
		switch {
		case !was:
			return false
		case a.IsOpen():
			return now.Sub(told.At) < remindAfter
		default:
			return told.Closed
		}
	})
}
