// Package config makes one checked struct of the environment and an optional
// YAML file. It tells everything that is wrong in one run, each with its
// place, and never repeats a value: what looks like a typing error may be a
// key in the wrong variable.
package config

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/captcha"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
	"leadrelay/internal/secret"
	"leadrelay/internal/site"
)

// Config is all that an operator can set. One that came out of [Load] without
// an error is complete and valid.
type Config struct {
	Addr           string       // the public door
	OperatorAddr   string       // console, operator API, metrics
	URL            site.Address // where the public door is on the web; zero: as each request's Host says
	OperatorURL    site.Address // where people reach the console; zero: nobody has said
	OperatorToken  secret.Text
	Database       Database
	TrustedProxies []netip.Prefix
	LogLevel       zerolog.Level
	LimitAddress   Limit
	LimitSite      Limit
	Drain          time.Duration
	Courier        Courier
	Retention      Retention
	Sites          []Site // sorted by id

	// Warnings are what the operator should mend and may live with.
	Warnings []string
}

// Courier is how leads are carried to EasyBroker.
type Courier struct {
	Timeout     time.Duration   // one attempt, from dial to the end of the answer
	Settle      time.Duration   // how long EasyBroker's list may lag behind
	Schedule    []time.Duration // waits between attempts; the last one repeats
	Deadline    time.Duration   // a lead that is older and not delivered has failed
	Rate        float64         // calls per second per credential
	Concurrency int             // attempts at once per credential
	Probe       time.Duration   // how often a held credential is tried
}

// Retention is for how long leads are kept that are at their end, from when they
// came into the state; zero is for good.
type Retention struct{ Quarantined, Discarded, Confirmed Period }

// Site is one web site and the credential that its leads go out with.
type Site struct {
	site.Site
	EasyBroker easybroker.Account
	SendSource bool          // false leaves source out of the contact request
	Template   lead.Template // how its message reads

	Captcha        captcha.Provider // what its forms want; empty: none
	CaptchaSiteKey string           // what the widget shows it with
	CaptchaSecret  secret.Text
}

// Limit is a token bucket: N at once, and N again over each Per. Its zero
// value is no limit.
type Limit struct {
	N   int
	Per time.Duration
}

// Off reports whether there is no limit.
func (l Limit) Off() bool { return l.N == 0 }

// String writes the limit as the settings do: 60/m, or off.
func (l Limit) String() string {
	if l.Off() {
		return "off"
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[l.Per]
	return strconv.Itoa(l.N) + "/" + unit
}
