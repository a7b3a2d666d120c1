package courier

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"leadrelay/internal/courier/verify"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// Route says under which account a site's leads go to EasyBroker, and how they
// read there.
type Route struct {
	Site       string
	Account    easybroker.Account
	SendSource bool
	Template   lead.Template // of the message
}

// Request returns the lead in EasyBroker's words.
func (r Route) Request(l lead.Lead) easybroker.ContactRequest {
	cr := easybroker.ContactRequest{
		PropertyID: l.PropertyID,
		Name:       l.Name,
		Email:      l.Email,
		Phone:      Dialable(l.Phone, r.Account.Country),
		Message:    r.Template.Fill(&l.Inquiry),
		RemoteID:   int64(l.RemoteID),
	}
	if r.SendSource {
		cr.Source = l.Source
	}
	return cr
}

// fingerprint returns what an attempt for the lead writes down about what it
// sends. In a list without remote ids the lead is known by nothing else, and by
// then the lead or the template may have changed.
func (r Route) fingerprint(l *lead.Lead) lead.Fingerprint {
	reach := l.Email
	if reach == "" {
		reach = verify.PhoneKey(Dialable(l.Phone, r.Account.Country))
	}
	if reach == "" { // an account takes a name alone
		reach = l.Name
	}
	return lead.NewFingerprint(reach, r.Template.Fill(&l.Inquiry))
}

// CompleteFingerprints implements [verify.Route]. An attempt without a fingerprint
// is from before there were templates.
func (r Route) CompleteFingerprints(c *lead.Claim) {
	r.Template = lead.Template{}
	for i, f := range c.Fingerprints {
		if f.IsZero() {
			c.Fingerprints[i] = r.fingerprint(&c.Lead)
		}
	}
}

// Dialable returns the phone as E.164 if it is a number of the country or names
// another one. Otherwise it returns the phone as typed: a person can still read it.
func Dialable(typed, country string) string {
	if typed == "" {
		return ""
	}
	bare := trunkless(typed, country)
	if isMexican(bare) {
		return bare
	}
	number, err := phonenumbers.Parse(bare, country)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return typed
	}
	return phonenumbers.Format(number, phonenumbers.E164)
}

// isMexican reports whether the number is E.164 with ten digits after +52. No area
// code there begins with 0 or 1. Most numbers are Mexican, and the library takes
// longer for one of them than all else that is done to a lead here.
func isMexican(number string) bool {
	const length = len("+525512345678")
	return len(number) == length && strings.HasPrefix(number, "+52") && number[3] >= '2' && number[3] <= '9'
}

// trunkless removes the prefixes that people in Mexico dialed until 2019 and still
// write: 044, 045 and 01, and the 1 after +52 that WhatsApp kept.
func trunkless(typed, country string) string {
	if country != "MX" {
		return typed
	}
	digits := strings.Map(func(r rune) rune {
		if r == '+' || (r >= '0' && r <= '9') {
			return r
		}
		return -1
	}, typed)
	const national = 10
	if len(digits) == national && digits[0] >= '2' && digits[0] <= '9' && !strings.ContainsFunc(typed, unicode.IsLetter) {
		return "+52" + digits
	}
	for _, prefix := range []string{"044", "045", "01", "+521", "00521", "521", "+52", "0052", "52"} {
		if rest, ok := strings.CutPrefix(digits, prefix); ok && len(rest) == national {
			return "+52" + rest
		}
	}
	return typed
}
