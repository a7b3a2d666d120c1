package courier

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// request is the lead in EasyBroker's words.
func request(l lead.Lead, r Route) easybroker.ContactRequest {
	cr := easybroker.ContactRequest{
		PropertyID: l.PropertyID,
		Name:       l.Name,
		Email:      l.Email,
		Phone:      dialable(l.Phone, r.Account.Country),
		Message:    r.Template.Fill(&l.Inquiry),
		RemoteID:   int64(l.RemoteID),
	}
	if r.SendSource {
		cr.Source = l.Source
	}
	return cr
}

// fingerprint is what an attempt for the lead writes down of what it sends: in
// a list without remote ids that is all by which it is known, and the lead or
// the template may be another one by then.
func (r Route) fingerprint(l *lead.Lead) lead.Fingerprint {
	reach := l.Email
	if reach == "" {
		reach = tail(dialable(l.Phone, r.Account.Country))
	}
	if reach == "" { // an account takes a name alone
		reach = l.Name
	}
	return lead.NewFingerprint(reach, r.Template.Fill(&l.Inquiry))
}

// remember sees to it that the claim knows what each of its attempts sent. One
// of which nothing was written down is from before there were templates.
func (r Route) remember(c *lead.Claim) {
	r.Template = lead.Template{}
	for i, f := range c.Fingerprints {
		if f.IsZero() {
			c.Fingerprints[i] = r.fingerprint(&c.Lead)
		}
	}
}

// dialable returns the phone as E.164 where it is a number of the country or
// names another, and as typed where it is anything else: a person can still
// read it.
func dialable(typed, country string) string {
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

// isMexican reports whether the number is E.164 with ten digits behind +52, none
// of whose area codes begins with 0 or 1. Most numbers are, and asking the
// library about each costs more than all else that is done to a lead here.
func isMexican(number string) bool {
	const length = len("+525512345678")
	return len(number) == length && strings.HasPrefix(number, "+52") && number[3] >= '2' && number[3] <= '9'
}

// trunkless drops what people in Mexico dialed before a number until 2019 and
// still write: 044, 045 and 01, and the 1 behind +52 that WhatsApp kept.
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
