package lead

import (
	"crypto/sha256"
	"errors"
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
	Own     Digest // takes the place of Key where another person's inquiry has that; zero when one id is one inquiry, whoever sends it
	Content Digest // of what the visitor wrote; zero when nobody asks whether it is a repeat
}

// Kept is a lead that is on disk.
type Kept struct {
	RemoteID RemoteID
	Again    bool // it was there before, and this is a repeat of it
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

// OwnKeyOf is KeyOf for an id that pages may give to more than one visitor, such
// as a hidden field of a cached page: with the person it belongs to one alone.
func (q *Inquiry) OwnKeyOf(id string) Digest {
	if id == "" {
		return Digest{}
	}
	return digest("own key", q.Site, id, strings.ToLower(q.Email), digits(q.Phone))
}

// DeliveryKeyOf is the digest of a webhook sender's id for a delivery of the
// content, or zero when it gave none. Whether a sender keeps its ids apart is for
// nobody here to know, so the same id with another content is another key.
func DeliveryKeyOf(site, id string, content Digest) Digest {
	if id == "" {
		return Digest{}
	}
	return digest("delivery", site, id, string(content[:]))
}

// IsOfAnother reports whether the two inquiries surely come from two people:
// each has an e-mail or a phone, and they share neither.
func (q *Inquiry) IsOfAnother(other *Inquiry) bool {
	email, phone := strings.ToLower(q.Email), digits(q.Phone)
	otherEmail, otherPhone := strings.ToLower(other.Email), digits(other.Phone)
	if email+phone == "" || otherEmail+otherPhone == "" {
		return false
	}
	return (email == "" || email != otherEmail) && (phone == "" || phone != otherPhone)
}

// Content is the digest of who asks what about which property. Two inquiries
// that have the same one are one and the same when they come in short order;
// where the visitor came from and what else the form sent make no difference.
func (q *Inquiry) Content() Digest {
	return digest("content", q.Site, q.PropertyID, q.Name, strings.ToLower(q.Email), digits(q.Phone), q.Message)
}

// digest keeps its words apart by a byte that no cleaned text has.
func digest(words ...string) Digest {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return Digest(sum[:len(Digest{})])
}
