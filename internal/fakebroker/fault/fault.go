// Package fault describes how the pretend EasyBroker misbehaves, and decides for each call
// what happens. It does not do it.
package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Faults are how the pretend EasyBroker misbehaves. The zero value means that it is
// healthy. The JSON names are those of the control route and of the command line.
type Faults struct {
	// Trouble affects single calls. The first that applies to a call is used.
	Trouble []Trouble `json:"trouble,omitempty"`

	// ListLag is how long the list does not show a contact request after it was
	// taken, or "forever".
	ListLag Duration `json:"list_lag,omitempty"`
	// ListLagCalls is for how many calls of the list it is not shown.
	ListLagCalls int `json:"list_lag_calls,omitempty"`
	// SwallowEvery answers every n-th contact request with 200 and never lists it.
	SwallowEvery int `json:"swallow_every,omitempty"`
	// SwallowProperties does so for every contact request about these properties.
	SwallowProperties []string `json:"swallow_properties,omitempty"`
	// Repeat is what happens to a contact request whose remote_id was taken before:
	// double (it is stored again; the default), ignore, update, refuse_409 or
	// refuse_422.
	Repeat string `json:"repeat,omitempty"`
	// Merge is set if an account's second contact request of the same person about
	// the same property updates the first.
	Merge bool `json:"merge,omitempty"`

	// Order of the list: desc (newest first, as when empty), asc or shuffled.
	Order string `json:"order,omitempty"`
	// MovePages swaps items across the boundary of two pages at random.
	MovePages bool `json:"move_pages,omitempty"`
	// Window says whether an item exactly at happened_after or happened_before is
	// listed: inclusive (the default) or exclusive.
	Window string `json:"window,omitempty"`
	// ClockSkew is how far the broker's clock is ahead of ours.
	ClockSkew Duration `json:"clock_skew,omitempty"`
	// Zone of happened_at: Z (as when empty) or an offset such as -06:00.
	Zone string `json:"zone,omitempty"`
	// Status in the partners' list: processed (as when empty), pending, failed
	// or absent.
	Status string `json:"status,omitempty"`
	// Pagination of the list: usual (as when empty), no_next_page (null on every
	// page, while the total says that there are more) or low_total (no more than
	// a page holds, while there is a next page).
	Pagination string `json:"pagination,omitempty"`
	// Dates says which forms of happened_after and happened_before are accepted:
	// usual (the default: also a date alone, no zone, Ruby's form, and a + that is
	// not percent-encoded) or strict (only RFC 3339).
	Dates string `json:"dates,omitempty"`
	// UnknownParameters of a list call: ignore (as when empty) or refuse.
	UnknownParameters string `json:"unknown_parameters,omitempty"`
	// RemoteIDAs is remote_id in the list: string (as when empty), number or absent.
	RemoteIDAs string `json:"remote_id_as,omitempty"`

	// RatePerSecond is how many calls a second are served. More get 429.
	RatePerSecond int `json:"rate_per_second,omitempty"`
	// RetryAfter goes with 429 and 503: none (as when empty), seconds, date or
	// absurd (a year).
	RetryAfter string `json:"retry_after,omitempty"`
	// MaxRemoteID is the highest remote_id that is taken.
	MaxRemoteID int64 `json:"max_remote_id,omitempty"`
	// Properties are the properties that exist. If empty, all do.
	Properties []string `json:"properties,omitempty"`
	// Require lists fields that must be there besides the usual ones.
	Require []string `json:"require,omitempty"`
	// MaxLength is how many characters a field may have, by its name.
	MaxLength map[string]int `json:"max_length,omitempty"`
	// Countries are those in which the integration is active. If empty, all are.
	Countries []string `json:"countries,omitempty"`
	// Answer to a contact request that was taken: usual (as when empty), 201,
	// empty, 204, html, broken or error (an error inside a 200).
	Answer string `json:"answer,omitempty"`

	// Seed of everything that happens at random.
	Seed uint64 `json:"seed,omitempty"`
}

// Trouble is a fault of single calls.
type Trouble struct {
	// On is the method, POST or GET. If empty, both.
	On string `json:"on,omitempty"`
	// Next is how many calls are affected. If 0, all until it is changed.
	Next int `json:"next,omitempty"`
	// Every is set to n to affect every n-th call only. If 0, every call.
	Every int `json:"every,omitempty"`
	// Chance is the probability for each call, between 0 and 1. If 0, always.
	Chance float64 `json:"chance,omitempty"`

	// Delay is how long the call waits before anything else happens.
	Delay Duration `json:"delay,omitempty"`
	// Do is status, hang, reset, redirect or huge (a body of 5 MiB). If empty, the
	// call is only delayed.
	Do string `json:"do,omitempty"`
	// After is set if the trouble comes after the call took effect, not instead.
	After bool `json:"after,omitempty"`
	// Status is the answer's status. If 0, it is 500, or 302 for a redirect.
	Status int `json:"status,omitempty"`
	// Body is the answer's body. If empty, it is an error: HTML from 500 on, else JSON.
	Body string `json:"body,omitempty"`
	// Location is where the redirect leads.
	Location string `json:"location,omitempty"`

	calls int // so far
}

// Duration is a [time.Duration] with the text form "5s".
type Duration time.Duration

// The values of Pagination besides usual.
const (
	NoNextPage = "no_next_page"
	LowTotal   = "low_total"
)

// Forever is an endless duration.
const Forever = Duration(math.MaxInt64)

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) {
	if d == Forever {
		return []byte("forever"), nil
	}
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return []byte(text), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	if string(text) == "forever" {
		*d = Forever
		return nil
	}
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as 5s, nor forever", text)
	}
	*d = Duration(v)
	return nil
}

// Check returns an error that names every invalid value.
func (f Faults) Check() error {
	errs := []error{
		checkWord("repeat", f.Repeat, "double", "ignore", "update", "refuse_409", "refuse_422"),
		checkWord("order", f.Order, "desc", "asc", "shuffled"),
		checkWord("window", f.Window, "inclusive", "exclusive"),
		checkWord("status", f.Status, "processed", "pending", "failed", "absent"),
		checkWord("remote_id_as", f.RemoteIDAs, "string", "number", "absent"),
		checkWord("pagination", f.Pagination, "usual", NoNextPage, LowTotal),
		checkWord("dates", f.Dates, "usual", "strict"),
		checkWord("unknown_parameters", f.UnknownParameters, "ignore", "refuse"),
		checkWord("retry_after", f.RetryAfter, "none", "seconds", "date", "absurd"),
		checkWord("answer", f.Answer, "usual", "201", "empty", "204", "html", "broken", "error"),
	}
	if f.ListLag < 0 || f.ListLagCalls < 0 || f.SwallowEvery < 0 || f.RatePerSecond < 0 || f.MaxRemoteID < 0 {
		errs = append(errs, errors.New("faults: a number is below zero"))
	}
	if _, err := f.Location(); err != nil {
		errs = append(errs, fmt.Errorf("faults: zone %q is neither Z nor an offset such as -06:00", f.Zone))
	}
	for _, name := range f.Require {
		errs = append(errs, checkWord("require", name, ContactFields()...))
	}
	for _, name := range slices.Sorted(maps.Keys(f.MaxLength)) {
		errs = append(errs, checkWord("max_length", name, ContactFields()...))
	}
	for _, t := range f.Trouble {
		errs = append(errs, t.check())
	}
	return errors.Join(errs...)
}

// ContactFields returns the fields of every contact request, in the order of the errors
// about them.
func ContactFields() []string {
	return []string{"property_id", "name", "email", "phone", "message", "source"}
}

func (t Trouble) check() error {
	errs := []error{
		checkWord("on", t.On, "POST", "GET"),
		checkWord("do", t.Do, "status", "hang", "reset", "redirect", "huge"),
	}
	if t.Next < 0 || t.Every < 0 || t.Delay < 0 || t.Chance < 0 || t.Chance > 1 {
		errs = append(errs, errors.New("faults: a trouble's number is out of range"))
	}
	if t.Status != 0 && (t.Status < 200 || t.Status > 999) {
		errs = append(errs, fmt.Errorf("faults: status %d is not between 200 and 999", t.Status))
	}
	return errors.Join(errs...)
}

func checkWord(name, got string, allowed ...string) error {
	if got == "" || slices.Contains(allowed, got) {
		return nil
	}
	return fmt.Errorf("faults: %s is %q, not one of %s", name, got, strings.Join(allowed, ", "))
}

// Location returns the zone of happened_at.
func (f Faults) Location() (*time.Location, error) {
	if f.Zone == "" {
		return time.UTC, nil
	}
	at, err := time.Parse("Z07:00", f.Zone)
	if err != nil {
		return nil, err
	}
	return at.Location(), nil
}

// Clone returns a deep copy.
func (f Faults) Clone() Faults {
	data, err := json.Marshal(f)
	var out Faults
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		panic(err) // every value that passes Check can be encoded
	}
	return out
}
