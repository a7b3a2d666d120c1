// Package config reads the settings from the environment and an optional YAML file
// into one checked struct. It reports everything that is wrong in one run, with the
// place of each problem. It never repeats a value, because what looks like a typing
// error may be a key in the wrong variable.
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
	"leadrelay/internal/smtp"
)

// Config has all settings. If [Load] returned no error, it is complete and valid.
type Config struct {
	Addr           string       // the public door
	OperatorAddr   string       // console, operator API, metrics
	URL            site.Address // URL of the public door; if zero, the Host of each request is used
	OperatorURL    site.Address // URL of the operator's door, if it is set
	OperatorToken  secret.Text
	Database       Database
	Connections    int // to a database server, at most
	TrustedProxies []netip.Prefix
	Contacts       []string // URIs of those who want to hear of a hole
	LogLevel       zerolog.Level
	LimitAddress   Limit
	LimitSite      Limit
	Drain          time.Duration
	Courier        Courier
	Retention      Retention
	SMTP           smtp.Server // that mails leads
	Alerts         Alerts
	Sites          []Site // sorted by id

	// Warnings are problems that the operator should solve but that do not stop serve.
	Warnings []string
}

// Courier has the settings of sending leads to EasyBroker.
type Courier struct {
	Timeout     time.Duration   // one attempt, from dial to the end of the answer
	MaxListLag  time.Duration   // how long EasyBroker's list may lag behind
	Schedule    []time.Duration // see courier.Schedule
	Deadline    time.Duration   // a lead that is not delivered by then has failed
	Rate        float64         // calls per second per credential
	Concurrency int             // attempts at once per credential
	Probe       time.Duration   // how often a held credential is tried
}

// Retention is how long leads are kept after they came into a final state. Zero means
// forever.
type Retention struct{ Quarantined, Discarded, Confirmed, Blocked Period }

// Site is one web site with the credential that its leads are sent with.
type Site struct {
	site.Site
	EasyBroker easybroker.Account
	SendSource bool          // whether contact requests have a source
	Template   lead.Template // of its messages

	Captcha        captcha.Provider // of its forms; empty if they have none
	CaptchaSiteKey string           // with which the widget shows the captcha
	CaptchaSecret  secret.Text

	TestSecret secret.Text // makes an inquiry a test

	Webhooks []Webhook // who else is told of its leads
	Mail     Mail
}

// Limit is a token bucket of size N that is refilled over each Per. The zero value is
// no limit.
type Limit struct {
	N   int
	Per time.Duration
}

// Off reports whether there is no limit.
func (l Limit) Off() bool { return l.N == 0 }

// String returns the limit in the form of the settings: 60/m, or off.
func (l Limit) String() string {
	if l.Off() {
		return "off"
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[l.Per]
	return strconv.Itoa(l.N) + "/" + unit
}
