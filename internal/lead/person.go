package lead

import (
	"errors"
	"strings"
	"time"
)

// Person is somebody by an e-mail address or by a phone, in any spelling.
type Person struct{ email, phone string }

// ErrNobody means that a text is no address, or no phone that tells people apart.
var ErrNobody = errors.New("neither an e-mail address nor a phone with its area code")

// PersonByEmail returns whoever has the address, with its case and what address books put
// around it ignored.
func PersonByEmail(address string) (Person, error) {
	email := strings.ToLower(cleanEmail(address))
	if !isMailbox(email) {
		return Person{}, ErrNobody
	}
	return Person{email: email}, nil
}

// PersonByPhone returns whoever has the phone, with or without the prefixes of a country and
// for mobiles.
func PersonByPhone(typed string) (Person, error) {
	digits := Digits(typed)
	if len(digits) < CommonDigits || len(digits) > maxPhoneDigits || strings.ContainsFunc(ungrouped(typed), func(r rune) bool { return r < '0' || r > '9' }) {
		return Person{}, ErrNobody
	}
	return Person{phone: national(digits)}, nil
}

const maxPhoneDigits = 15 // of E.164

// national returns the digits of a phone without prefixes of a country and for mobiles.
func national(digits string) string {
	const most = 10
	return digits[max(0, len(digits)-most):]
}

// Text is what a search for their leads looks for. It finds more than these.
func (p Person) Text() string { return p.email + p.phone }

// Has reports whether the inquiry is theirs: its address or its phone is.
func (p Person) Has(q *Inquiry) bool {
	if p.email != "" {
		return strings.ToLower(cleanEmail(q.Email)) == p.email
	}
	digits := national(Digits(q.Phone))
	if len(digits) < CommonDigits {
		return false
	}
	return strings.HasSuffix(digits, p.phone) || strings.HasSuffix(p.phone, digits)
}

// BlockedFor is how long what a blocked person wrote is kept, unless the settings say
// otherwise.
const BlockedFor = 180 * 24 * time.Hour

// BlockedLead is a lead whose visitor is blocked, as it was before that.
type BlockedLead struct {
	Lead
	At, Until time.Time // it is erased then
}

// Block removes all that the visitor wrote, as [Lead.Erase] does. Whoever calls it keeps it
// apart.
func (l *Lead) Block() {
	l.Erase()
	l.Reason = ReasonBlocked
}

// IsBlocked reports whether what the visitor wrote is kept apart.
func (l *Lead) IsBlocked() bool { return l.Reason == ReasonBlocked }

// Erase removes all that the visitor wrote. The names of the form's other fields stay, and
// the lead's number, its site, its state and its times. A lead that was on its way or
// waited for a person is thrown away, because nothing is left to be sent.
func (l *Lead) Erase() {
	extra := make([]Pair, len(l.Extra))
	for i, pair := range l.Extra {
		extra[i].Name = pair.Name
	}
	l.Inquiry, l.Trace = Inquiry{Site: l.Site, Extra: extra}, ""
	if l.State == Queued || l.State == Sending || l.State == Doubtful || l.State == Failed || l.State == Quarantined {
		l.State = Discarded
	}
	l.Reason, l.DueAt = ReasonErased, time.Time{}
}

// IsErased reports whether nothing is left in the lead of what the visitor wrote. If it is
// blocked, that is kept apart.
func (l *Lead) IsErased() bool { return l.Reason == ReasonErased || l.IsBlocked() }

// IsOnItsWay reports whether EasyBroker may get the lead yet, or may have got it without our
// knowing.
func (l *Lead) IsOnItsWay() bool {
	return l.State == Queued || l.State == Sending || l.State == Doubtful
}
