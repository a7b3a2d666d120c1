package lead

import (
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// KeyWindow is how long the id that a sender gave an inquiry identifies it.
	KeyWindow = 24 * time.Hour
	// ContentWindow is how long the same content means the same inquiry: a double
	// click, a reloaded page, a webhook that tries twice.
	ContentWindow = 10 * time.Minute
)

// ErrKeyReused means that the sender used the id of one inquiry for another.
var ErrKeyReused = errors.New("the key belongs to another inquiry")

// Submission is a lead to keep, with the digests that tell whether we have it
// already.
type Submission struct {
	Lead Lead
	Tick Tick

	Key     Digest // of the sender's own id for it; zero if it has none
	Content Digest // of what the visitor wrote; zero if repeats are not looked for

	// Corrects is the content of the inquiry that this one replaces, if that has not
	// been sent yet: see [Inquiry.Corrects]. It is zero for most.
	Corrects Digest
}

// Kept is a lead that is on disk.
type Kept struct {
	RemoteID RemoteID
	Again    bool // we had it already, and this is a repeat of it
	ByKey    bool // the repeat was recognized by the sender's id, not by the content alone
	Sooner   bool // the repeat queued the lead, or made it due sooner

	First Trace // of the post that brought the lead, if this is a repeat of it

	// DueAt is when the lead is due on the clock of the database, which may not be the
	// one that the submission's times came from. It is zero if this repeat changed
	// nothing about that.
	DueAt time.Time
}

// Digest identifies a text without storing it: 128 bits of its SHA-256.
type Digest [16]byte

// IsZero reports whether the digest identifies nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// KeyOf returns the digest of the id that a sender gave to an inquiry for the
// site. It is zero if the id is empty.
func KeyOf(site, id string) Digest {
	if id == "" {
		return Digest{}
	}
	return digest("key", site, id)
}

// ContentKeyOf is [KeyOf] for an id that may be used for more than one inquiry,
// such as a hidden field of a cached page or a webhook's delivery id. We cannot
// know whether such ids are unique, so the same id with other content is another
// key.
func ContentKeyOf(site, id string, content Digest) Digest {
	if id == "" {
		return Digest{}
	}
	return digest("content key", site, id, string(content[:]))
}

// Content returns the digest of the site and all fields: who asks what about
// which property. Two inquiries with the same content are the same inquiry if they
// arrive within [ContentWindow]. Context and extra fields are not part of it.
func (q *Inquiry) Content() Digest {
	words := make([]string, 0, 8)
	words = append(words, "content", q.Site)
	for _, f := range Fields() {
		value := q.Get(f)
		switch f {
		case Email:
			value = strings.ToLower(value)
		case Phone:
			value = numberOf(value)
		case PropertyID, Name, Message:
		}
		words = append(words, value)
	}
	return digest(words...)
}

// numberOf returns what tells a phone from another: its digits, however they are
// grouped. Words without any, such as "WhatsApp con Ana", count themselves.
func numberOf(phone string) string {
	if digits := Digits(phone); digits != "" {
		return digits
	}
	return Fold(phone)
}

// digest separates the words by a byte that no cleaned text contains.
func digest(words ...string) Digest {
	text := make([]byte, 0, 1024) // most texts are shorter, and need no allocation
	for i, w := range words {
		if i > 0 {
			text = append(text, 0)
		}
		text = append(text, w...)
	}
	sum := sha256.Sum256(text)
	return Digest(sum[:len(Digest{})])
}

// IsGivenUp reports whether we no longer try to deliver the lead. If the visitor
// sends the same again, it becomes another lead.
func (s State) IsGivenUp() bool { return s == Failed || s == Discarded }

// Repeated merges a repeat r into the lead and reports whether the lead changed.
//
// If the lead is quarantined and r does not look like spam, the lead is queued. It
// then takes the context of r, because the contents are the same and the context of
// the first made it look like spam. Other values of r that the lead does not have
// are added to its extra fields, because nothing typed is dropped: also those of our
// fields, such as a phone with other words around its digits.
func (l *Lead) Repeated(r *Lead) (changed bool) {
	var added []Pair
	for _, f := range Fields() {
		if value := r.Get(f); value != "" && value != l.Get(f) {
			added = append(added, Pair{Name: string(f), Value: value})
		}
	}
	if l.State == Quarantined && r.State == Queued {
		l.queue(r.ReceivedAt)
		l.DueAt = r.DueAt
		l.Context, l.Extra = r.Context, appendMissing(appendMissing(added, r.Extra), l.Extra)
		l.fit()
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		if value := r.Context[name]; value != l.Context[name] {
			added = append(added, Pair{Name: name, Value: value})
		}
	}
	before := len(l.Extra)
	l.Extra = appendMissing(l.Extra, append(added, r.Extra...))
	l.fit()
	return len(l.Extra) > before
}

// appendMissing returns extra with those pairs of more that it does not have.
func appendMissing(extra, more []Pair) []Pair {
	all := slices.Clone(extra)
	for _, p := range more {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}
