package easybroker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxRetryAfter = 15 * time.Minute
	maxReason     = 1 << 10
)

// refusal returns the error of an answer that is not a success.
func refusal(a Account, got answer) error {
	object, _ := readObject(got.body)
	c := readComplaint(object)
	return &StatusError{
		Status:        got.status,
		RetryAfter:    retryAfter(got.header, time.Now()),
		Reason:        readable(strings.ReplaceAll(c.text(), a.Key.Reveal(), a.Key.String())),
		NamesRemoteID: c.namesRemoteID,
		NotJSON:       object == nil,
		RequestID:     got.requestID,
	}
}

// readObject reads a body that must be one JSON object. If it is not, why says so.
func readObject(body []byte) (object map[string]any, why string) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, "the answer is empty"
	}
	if !json.Valid(body) {
		return nil, "the answer is not JSON"
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&object); err != nil || object == nil {
		return nil, "the answer is not a JSON object"
	}
	return object, ""
}

// complaint is what an answer says is wrong. Two shapes have been seen: `error`
// with a text, and `errors` with an array (ref, inova). An object from field to
// texts is accepted as well.
type complaint struct {
	found         bool
	texts         []string
	namesRemoteID bool
}

func readComplaint(object map[string]any) complaint {
	var c complaint
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !strings.EqualFold(key, "error") && !strings.EqualFold(key, "errors") {
			continue
		}
		if value, err := json.Marshal(object[key]); err != nil || !noErrors[string(value)] {
			c.found = true
		}
		c.collect("", object[key])
	}
	return c
}

// noErrors are the values that mean that there is no error.
var noErrors = map[string]bool{"null": true, "false": true, `""`: true, "[]": true, "{}": true}

func (c *complaint) collect(field string, v any) {
	switch v := v.(type) {
	case nil, bool:
	case []any:
		for _, item := range v {
			c.collect(field, item)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			c.collect(key, v[key])
		}
	default:
		text := fmt.Sprint(v)
		if field != "" {
			text = field + ": " + text
		}
		c.namesRemoteID = c.namesRemoteID || remoteIDName.MatchString(text)
		c.texts = append(c.texts, text)
	}
}

func (c *complaint) text() string { return strings.Join(c.texts, "; ") }

// remoteIDName finds the field's name and not words about it, because the texts
// depend on the language (ref). EasyBroker runs on Rails, whose full messages begin
// with the name as "Remote". Elsewhere in a text "remote" is a word, perhaps the
// visitor's.
var remoteIDName = regexp.MustCompile(`(?i:\bremote[ _-]?id\b|^remote\b)|[:;,.]\s+Remote\b`)

// readable makes a foreign text fit for an operator's screen: one line, no control
// characters, at most 1 KiB, cut between two runes.
func readable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= maxReason {
		return s
	}
	end := maxReason
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// retryAfter reads Retry-After as seconds or as a date. It compares a date with the
// answer's own Date, so that two clocks need not agree. We do not know whether
// EasyBroker sends the header at all.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
