package verify

import (
	"slices"
	"strings"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// subject is a lead that is sought in a list, with all that tells it from others.
type subject struct {
	lead.Claim
	route Route
	byID  bool // the list has remote ids

	// from and to enclose when its contact request can have happened, by
	// EasyBroker's clock. Zero times enclose nothing.
	from, to time.Time
}

// subject returns the lead of the claim as one that is sought now.
func (v *Verifier) subject(c lead.Claim) subject {
	s := subject{Claim: c, route: v.Routes[c.Lead.Site], byID: v.API == easybroker.Partner}
	if !c.FirstAttempt.After(v.Clock.Read()) && v.Memory.isComplete(c.Lead.RemoteID) {
		ahead := v.reader.brokerAhead()
		s.from = c.FirstAttempt.Add(-clockSkew).Add(ahead)
		s.to = c.LastAttempt.Add(v.Timeout + v.MaxListLag + clockSkew).Add(ahead)
	}
	return s
}

// matches returns the contact requests that are the lead. It knows them by
// remote_id. Where an item has none, it knows them by what the visitor wrote and
// when.
func (s subject) matches(items []easybroker.Listed) []easybroker.Listed {
	var found []easybroker.Listed
	for _, item := range items {
		if s.byID && item.RemoteID != 0 {
			if item.RemoteID == int64(s.Lead.RemoteID) {
				found = append(found, item)
			}
		} else if item.PropertyID == s.Lead.PropertyID && s.isTimely(item) && s.looksLike(item) {
			found = append(found, item)
		}
	}
	return found
}

// isTimely reports whether the item can have come from one of the lead's
// attempts, as far as the times tell.
func (s subject) isTimely(item easybroker.Listed) bool {
	return item.HappenedAt.IsZero() || s.from.IsZero() || !item.HappenedAt.Before(s.from) && !item.HappenedAt.After(s.to)
}

// looksLike reports whether the item says all that the lead does, or that one of
// its attempts did.
func (s subject) looksLike(item easybroker.Listed) bool {
	if slices.ContainsFunc(s.Fingerprints, func(f lead.Fingerprint) bool { return reaches(f, item) && f.Says(item.Message) }) {
		return true
	}
	sent := s.route.Request(s.Lead)
	var sameVisitor bool
	switch {
	case sent.Email != "":
		sameVisitor = sameText(item.Email, sent.Email)
	case sent.Phone != "":
		sameVisitor = samePhone(item.Phone, sent.Phone)
	default: // an account takes a name alone
		sameVisitor = sent.Name != "" && sameText(item.Name, sent.Name)
	}
	return sameVisitor && sameText(item.Message, sent.Message)
}

// isSame reports whether an item with the lead's remote_id is about the same
// inquiry. One thing in common is enough, because EasyBroker may tidy up what it
// gets.
func (s subject) isSame(item easybroker.Listed) bool {
	sent := s.route.Request(s.Lead)
	return item.Email == "" && item.Phone == "" && item.Message == "" ||
		slices.ContainsFunc(s.Fingerprints, func(f lead.Fingerprint) bool { return reaches(f, item) || item.Message != "" && f.Says(item.Message) }) ||
		sent.Email != "" && sameText(item.Email, sent.Email) ||
		sent.Phone != "" && samePhone(item.Phone, sent.Phone) ||
		sent.Message != "" && sameText(item.Message, sent.Message)
}

// isAnySame reports whether one of the items with the lead's remote_id is about
// the same inquiry.
func (s subject) isAnySame(items []easybroker.Listed) bool {
	return slices.ContainsFunc(items, s.isSame)
}

// differingFields returns the fields that are listed with another value than we
// would send. Blanks, case and the way in which a phone is written make no
// difference, because EasyBroker may tidy up what it gets. Nor does a template
// that has changed since the last attempt.
func (s subject) differingFields(item easybroker.Listed) []lead.Field {
	sent := s.route.Request(s.Lead)
	said := len(s.Fingerprints) > 0 && s.Fingerprints[len(s.Fingerprints)-1].Says(item.Message)
	var fields []lead.Field
	for _, f := range []struct {
		field lead.Field
		same  bool
	}{
		{lead.PropertyID, sameText(item.PropertyID, sent.PropertyID)},
		{lead.Name, sameText(item.Name, sent.Name)},
		{lead.Email, sameText(item.Email, sent.Email)},
		{lead.Phone, samePhone(item.Phone, sent.Phone)},
		{lead.Message, said || sameText(item.Message, sent.Message)},
	} {
		if !f.same {
			fields = append(fields, f.field)
		}
	}
	return fields
}

// reaches reports whether the item has the address or the phone that an attempt
// named, or the name if it named neither.
func reaches(f lead.Fingerprint, item easybroker.Listed) bool {
	return f.Reaches(item.Email) || f.Reaches(PhoneKey(item.Phone)) || f.Reaches(item.Name)
}

func sameText(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

func samePhone(a, b string) bool { return PhoneKey(a) == PhoneKey(b) }

// PhoneKey returns the part of a phone that is the same however it is written:
// the last ten digits, which in Mexico are a number without its country. A phone
// without digits is its own key.
func PhoneKey(phone string) string {
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
