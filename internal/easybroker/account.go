package easybroker

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"leadrelay/internal/loopback"
	"leadrelay/internal/secret"
)

// DefaultURL is the root of EasyBroker's API. Staging is at
// https://api.stagingeb.com/v1 and needs other keys.
// Source: page; gem and its exchanges with staging (rec).
const DefaultURL = "https://api.easybroker.com/v1"

// API is the half of EasyBroker's API that a key belongs to.
type API string

const (
	// Partner is the integration partners' half:
	// /integration_partners/contact_requests, with remote_id. Source: page, ref.
	Partner API = "partner"
	// Plain is the half of an ordinary account: /contact_requests. Its list has no
	// remote_id. Source: ref, rec.
	Plain API = "account"
)

// Account is one credential: where to call, and as whom.
type Account struct {
	URL     string // root of the API, without a slash at the end
	Key     secret.Text
	Country string // two upper-case letters for the Country-Code header
	API     API

	// UsePartnerCode is for partners. It asks for the organizations that were
	// connected to the site by a partner's code. We do not know whether EasyBroker
	// uses it for contact requests. Source: gem 1.0.4.
	UsePartnerCode bool
}

// Digest names the account where others may read it. A key is random and long, so
// nobody finds it from half of a SHA-256, or by trying.
func (a Account) Digest() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %t", a.URL, a.API, a.Country, a.Key.Reveal(), a.UsePartnerCode))
	return hex.EncodeToString(sum[:len(sum)/2])
}

// Check returns an error if the account cannot be used at all. The error names
// the part that is wrong and shows neither the key nor the address.
func (a Account) Check() error {
	return errors.Join(a.checkURL(), a.checkKey(), a.checkAPI())
}

func (a Account) checkURL() error {
	u, err := url.Parse(a.URL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("easybroker: the URL must be https://host/path")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("easybroker: the URL must have no user, query or fragment")
	case u.Scheme == "https", u.Scheme == "http" && loopback.IsHost(u.Hostname()):
		return nil
	}
	return errors.New("easybroker: the URL must be https, or http on this machine")
}

// checkKey refuses a key that cannot be a header's value.
func (a Account) checkKey() error {
	key := a.Key.Reveal()
	if key == "" {
		return errors.New("easybroker: there is no API key")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("easybroker: the API key has a character that no key has, such as a space or a line end")
	}
	return nil
}

// checkAPI requires a country for partners alone, because the plain paths take no
// Country-Code. Source: gem.
func (a Account) checkAPI() error {
	switch {
	case a.API != Partner && a.API != Plain:
		return errors.New("easybroker: the API must be partner or account")
	case a.API == Plain && a.Country == "":
		return nil
	case len(a.Country) != 2 || strings.Trim(a.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return errors.New("easybroker: the country must be two upper-case letters")
	}
	return nil
}

// ContactRequests returns the address that takes and lists contact requests.
// Source: page (Partner), ref (Plain).
func (a Account) ContactRequests() string {
	root := strings.TrimRight(a.URL, "/")
	if a.API == Partner {
		return root + "/integration_partners/contact_requests"
	}
	return root + "/contact_requests"
}
