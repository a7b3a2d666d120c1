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
	// KeyWindow is for how long the id that a sender gave an inquiry names it.
	KeyWindow = 24 * time.Hour
	// ContentWindow is for how long the same words are the same inquiry: a
	// double click, a page that was loaded again, a webhook that tries twice.
	ContentWindow = 10 * time.Minute
)

// ErrKeyReused means that the sender gave the id of one inquiry to another.
var ErrKeyReused = errors.New("the key belongs to another inquiry")

// Submission is a lead that is to be kept, and what tells whether it has been
// already.
type Submission struct {
	Lead Lead
	Tick Tick

	Key     Digest // of the sender's own id for it; zero when it has none
	Content Digest // of what the visitor wrote; zero when nobody asks whether it is a repeat

	// Corrects is the content of the inquiry that the visitor takes back for this
	// one, if that has not left yet: see [Inquiry.Corrects]. Zero for most.
	Corrects Digest
}

// Kept is a lead that is on disk.
type Kept struct {
	RemoteID RemoteID
	Again    bool // it was there before, and this is a repeat of it
	ByKey    bool // its sender's id for it said so, and not its words alone
	Sooner   bool // the repeat has queued it, or has made it due sooner
}

// Digest stands for a text that need not be kept for it: 128 bits of its
// SHA-256.
type Digest [16]byte

// IsZero reports whether it stands for nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// KeyOf is the digest of the id that a sender gave to an inquiry for the site,
// or zero when it gave none.
func KeyOf(site, id string) Digest {
	if id == "" {
		return Digest{}
	}
	return digest("key", site, id)
}

// ContentKeyOf is KeyOf for an id that its sender may give to more than one
// inquiry, such as a hidden field of a cached page, or a webhook's id for a
// delivery. Whether ids are kept apart there is for nobody here to know, so the
// same one with another content is another key.
func ContentKeyOf(site, id string, content Digest) Digest {
	if id == "" {
		return Digest{}
	}
	return digest("content key", site, id, string(content[:]))
}

// Content is the digest of who asks what about which property. Two inquiries
// that have the same one are one and the same when they come in short order;
// where the visitor came from and what else the form sent make no difference.
func (q *Inquiry) Content() Digest {
	return digest("content", q.Site, q.PropertyID, q.Name, strings.ToLower(q.Email), digits(q.Phone), q.Message)
}

// digest keeps its words apart by a byte that no cleaned text has.
func digest(words ...string) Digest {
	text := make([]byte, 0, 1024) // most texts are shorter
	for i, w := range words {
		if i > 0 {
			text = append(text, 0)
		}
		text = append(text, w...)
	}
	sum := sha256.Sum256(text)
	return Digest(sum[:len(Digest{})])
}

// IsGivenUp reports whether nothing becomes of the lead by itself any more. Who
// sends the same again has not been heard: it is another lead.
func (s State) IsGivenUp() bool { return s == Failed || s == Discarded }

// Repeated tells the lead that it came again, as r, and reports whether it has
// changed. A quarantined lead is queued when r does not look like spam; r's words
// are the same, so its context counts then, and not that of the one which looked
// worse. In any other state it is only more complete afterwards: what stands
// nowhere in it goes to its extra fields, since nothing typed is dropped.
func (l *Lead) Repeated(r *Lead) (changed bool) {
	if l.State == Quarantined && r.State == Queued {
		l.queue(r.ReceivedAt)
		l.DueAt = r.DueAt
		l.Context, l.Extra = r.Context, join(r.Extra, l.Extra)
		l.fit()
		return true
	}
	var news []Pair
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		if value := r.Context[name]; value != l.Context[name] {
			news = append(news, Pair{Name: name, Value: value})
		}
	}
	known := len(l.Extra)
	l.Extra = join(l.Extra, append(news, r.Extra...))
	l.fit()
	return len(l.Extra) > known
}

// join adds the pairs that are not there yet.
func join(extra, more []Pair) []Pair {
	all := slices.Clone(extra)
	for _, p := range more {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}
