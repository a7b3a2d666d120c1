package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"leadrelay/internal/alerts/channel"
	"leadrelay/internal/lead"
	"leadrelay/internal/loopback"
	"leadrelay/internal/secret"
)

// Alerts has the settings of telling people of trouble.
type Alerts struct {
	To        Channels
	Locale    string      // of the messages
	Heartbeat secret.Text // address that is asked every minute while all is well inside
	Reconcile DailyTime

	Held, Down, Paused, Late, Doubtful, Failed, Missing, Twice, Refused, Silence, Flood, Drift, Hook, Clock AlertAfter

	Store StoreAlert
}

// Kinds returns the settings of all kinds.
func (a Alerts) Kinds() map[lead.AlertKind]AlertAfter {
	return map[lead.AlertKind]AlertAfter{
		lead.AlertHeld: a.Held, lead.AlertDown: a.Down, lead.AlertPaused: a.Paused, lead.AlertLate: a.Late, lead.AlertDoubtful: a.Doubtful,
		lead.AlertFailed: a.Failed, lead.AlertMissing: a.Missing, lead.AlertTwice: a.Twice, lead.AlertStore: a.Store.AlertAfter,
		lead.AlertRefused: a.Refused, lead.AlertSilence: a.Silence, lead.AlertFlood: a.Flood, lead.AlertDrift: a.Drift, lead.AlertHook: a.Hook, lead.AlertClock: a.Clock,
	}
}

// Channels are the channels that messages go to. Their addresses are not printed.
type Channels []channel.Channel

// String returns dots, or "" if there is no channel.
func (c Channels) String() string {
	if len(c) == 0 {
		return ""
	}
	return secret.Dots
}

// Names tell the channels apart by their kinds; the second of a kind has a number.
func (c Channels) Names() []string {
	names, seen := make([]string, len(c)), map[string]int{}
	for i, one := range c {
		seen[one.Kind]++
		names[i] = one.Kind
		if n := seen[one.Kind]; n > 1 {
			names[i] += "-" + strconv.Itoa(n)
		}
	}
	return names
}

// nextAddress finds where an address begins. A comma may also be in one.
var nextAddress = regexp.MustCompile(`[\s,]+[a-z][a-z0-9+]*://`)

func parseChannels(s string) (Channels, error) {
	if strings.Contains(s, secret.Dots) {
		return nil, errors.New(secret.Dots + " stands for a secret that was hidden; put the addresses themselves, or the name of their file")
	}
	var all Channels
	for s = strings.TrimSpace(s); s != ""; {
		one := s
		if next := nextAddress.FindStringIndex(s); next != nil {
			one = s[:next[0]]
		}
		c, err := channel.Parse(strings.TrimRight(one, ", \t\n"))
		if err != nil {
			return nil, err
		}
		all, s = append(all, c), strings.TrimLeft(s[len(one):], ", \t\r\n")
	}
	return all, nil
}

func parseHeartbeat(s string) (secret.Text, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback.IsHost(u.Hostname())) {
		return secret.Text{}, errors.New("wants an address such as https://hc-ping.com/…; http is for this machine only")
	}
	return secret.New(s), nil
}

// AlertAfter is for how long there must be trouble before people are told.
type AlertAfter struct {
	Off   bool
	After time.Duration
	timed bool // the setting has a time
}

// String returns the setting as it is written.
func (a AlertAfter) String() string {
	switch {
	case a.Off:
		return "off"
	case a.timed:
		return durationText(a.After)
	}
	return "on"
}

// parseAfter parses how long, or off.
func parseAfter(s string) (AlertAfter, error) {
	if s == "off" {
		return AlertAfter{Off: true}, nil
	}
	d, err := parseDuration(s)
	if err != nil {
		return AlertAfter{}, fmt.Errorf("%w, or off", err)
	}
	return AlertAfter{After: d, timed: true}, nil
}

// parseOnOff parses whether people are told at all.
func parseOnOff(s string) (AlertAfter, error) {
	if s != "on" && s != "off" {
		return AlertAfter{}, errors.New("wants on or off")
	}
	return AlertAfter{Off: s == "off"}, nil
}

// parseOnOrAfter parses whether people are told, or after how long at the latest.
func parseOnOrAfter(s string) (AlertAfter, error) {
	if s == "on" {
		return AlertAfter{}, nil
	}
	return parseAfter(s)
}

// StoreAlert is when people are told of the database: when it cannot be written for so
// long, or when there is less space. Without a space of its own, that is 500 MB or a tenth
// of the disk.
type StoreAlert struct {
	AlertAfter

	Bytes, Percent int64 // free at least
	isDefault      bool
}

func (s StoreAlert) free() string {
	if s.Percent > 0 {
		return strconv.FormatInt(s.Percent, 10) + "%"
	}
	return strconv.FormatInt(s.Bytes/1_000_000, 10) + "MB"
}

func parseStoreAfter(s string) (StoreAlert, error) {
	after, err := parseAfter(s)
	return StoreAlert{AlertAfter: after, Bytes: 500_000_000, Percent: 10, isDefault: true}, err
}

var spaceShape = regexp.MustCompile(`^([1-9][0-9]{0,5})(MB|GB|%)$`)

// parseSpace parses how much must be free.
func parseSpace(s string) (bytes, percent int64, err error) {
	found := spaceShape.FindStringSubmatch(s)
	if found == nil {
		return 0, 0, errors.New("wants how much must be free, such as 500MB, 2GB or 10%")
	}
	n, _ := strconv.ParseInt(found[1], 10, 64)
	switch found[2] {
	case "%":
		if n > 99 {
			return 0, 0, errors.New("wants less than 100%")
		}
		return 0, n, nil
	case "GB":
		n *= 1000
	}
	return n * 1_000_000, 0, nil
}

// storeField is a time, or {after: 30s, free: 500MB}.
func storeField(at func(target) *StoreAlert) field {
	f := scalarField(parseStoreAfter, at)
	read := f.read
	f.read = func(l *loader, t target, v value) {
		if v.kind != mapping {
			read(l, t, v)
			return
		}
		for _, x := range v.items {
			switch x.name {
			case "after":
				after, err := parseAfter(x.text)
				if err != nil {
					l.add(x.place, "%v", err)
					continue
				}
				at(t).AlertAfter = after
			case "free":
				bytes, percent, err := parseSpace(x.text)
				if err != nil {
					l.add(x.place, "%v", err)
					continue
				}
				at(t).Bytes, at(t).Percent, at(t).isDefault = bytes, percent, false
			default:
				l.add(x.place, "wants {after: 30s, free: 500MB}")
			}
		}
	}
	f.show = func(t target) value {
		s := at(t)
		if s.isDefault {
			return scalarAt(Place{}, s.AlertAfter.String())
		}
		return value{kind: mapping, items: []item{{name: "after", text: s.AlertAfter.String()}, {name: "free", text: s.free()}}}
	}
	return f
}

// DailyTime is a time of each day, in the zone of the process.
type DailyTime struct {
	Off          bool
	Hour, Minute int
}

// String returns the setting as it is written.
func (d DailyTime) String() string {
	if d.Off {
		return "off"
	}
	return fmt.Sprintf("%02d:%02d", d.Hour, d.Minute)
}

// Next returns when it is the time next.
func (d DailyTime) Next(now time.Time) time.Time {
	next := time.Date(now.Year(), now.Month(), now.Day(), d.Hour, d.Minute, 0, 0, now.Location())
	if !next.After(now) {
		next = time.Date(now.Year(), now.Month(), now.Day()+1, d.Hour, d.Minute, 0, 0, now.Location())
	}
	return next
}

func parseDailyTime(s string) (DailyTime, error) {
	if s == "off" {
		return DailyTime{Off: true}, nil
	}
	at, err := time.Parse("15:04", s)
	if err != nil {
		return DailyTime{}, errors.New(`wants a time of the day, such as "03:30", or off`)
	}
	return DailyTime{Hour: at.Hour(), Minute: at.Minute()}, nil
}
