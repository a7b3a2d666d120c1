package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth  = 8
	maxNumber = 64 // bytes; JavaScript writes no number longer than 25
)

var (
	errNotUTF8   = errors.New("the JSON is not UTF-8")
	errNoObject  = errors.New("the JSON is not an object")
	errDuplicate = errors.New("the JSON has a name twice in one object")
	errDeep      = errors.New("the JSON is nested too deeply")
	errNumber    = errors.New("the JSON has a number out of range")
	errSurrogate = errors.New("the JSON has half of a surrogate pair")
)

// parseJSON parses the fields of one JSON object. The standard library lets the last of
// two equal names win, ignores the case of names, and repairs broken text, so two
// readers of one body could see two inquiries. Therefore it only checks the grammar
// here, and the cursor reads the values.
func parseJSON(body []byte) (all []Field, leftOut int, err error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	switch {
	case !utf8.Valid(body):
		return nil, 0, errNotUTF8
	case !json.Valid(body):
		return nil, 0, syntaxError(body)
	case hasLoneSurrogate(body):
		return nil, 0, errSurrogate
	}
	c := &cursor{json: string(body)}
	if c.peek() != '{' {
		return nil, 0, errNoObject
	}
	all = make([]Field, 0, 8)
	err = c.object(1, func(name string) error {
		if c.filled > maxFields {
			return errManyFields
		}
		return c.value(name, 1, &all)
	})
	return all, c.leftOut, err
}

// syntaxError tells where the grammar breaks, and not what is there.
func syntaxError(body []byte) error {
	var at *json.SyntaxError
	if err := json.Unmarshal(body, new(json.RawMessage)); errors.As(err, &at) {
		return fmt.Errorf("the JSON breaks at byte %d", at.Offset)
	}
	return errNoObject
}

// cursor moves over JSON that is known to be valid.
type cursor struct {
	json    string
	at      int
	filled  int // number of fields of the outermost object that are not blank
	leaves  int // number of values in lists and objects
	leftOut int // number of these that are more than we keep
}

// peek skips white space and returns the byte after it.
func (c *cursor) peek() byte {
	for c.json[c.at] <= ' ' {
		c.at++
	}
	return c.json[c.at]
}

// object calls each for every name, with the cursor at its value.
func (c *cursor) object(depth int, each func(name string) error) error {
	if depth > maxDepth {
		return errDeep
	}
	seen := map[string]struct{}{}
	for c.at++; c.peek() != '}'; {
		if c.json[c.at] == ',' {
			c.at++
			c.peek()
		}
		name := unquote(c.quoted())
		if _, twice := seen[name]; twice {
			return errDuplicate
		}
		seen[name] = struct{}{}
		c.peek()
		c.at++ // the colon
		if err := each(name); err != nil {
			return err
		}
	}
	c.at++
	return nil
}

// scalar reads a value that is neither a list nor an object.
func (c *cursor) scalar(name string) (Field, error) {
	p := Field{Name: name}
	switch c.peek() {
	case '"':
		p.Value = unquote(c.quoted())
	case 't', 'f':
		p.Kind, p.Value = Bool, c.plain()
	case 'n':
		p.Kind = null
		c.plain()
	default:
		p.Kind, p.Value = Number, c.plain()
		return p, checkNumber(p.Value)
	}
	return p, nil
}

// skip skips a value of any kind at the given depth.
func (c *cursor) skip(depth int) error {
	switch c.peek() {
	case '"':
		c.quoted()
	case '{':
		return c.object(depth+1, func(string) error { return c.skip(depth + 1) })
	case '[':
		return c.list(depth+1, func() error { return c.skip(depth + 1) })
	case 't', 'f', 'n':
		c.plain()
	default:
		return checkNumber(c.plain())
	}
	return nil
}

// list calls each for every element, with the cursor at it.
func (c *cursor) list(depth int, each func() error) error {
	if depth > maxDepth {
		return errDeep
	}
	for c.at++; c.peek() != ']'; {
		if c.json[c.at] == ',' {
			c.at++
		}
		if err := each(); err != nil {
			return err
		}
	}
	c.at++
	return nil
}

// quoted returns the string at the cursor, with its quotes.
func (c *cursor) quoted() string {
	start := c.at
	for c.at++; c.json[c.at] != '"'; c.at++ {
		if c.json[c.at] == '\\' {
			c.at++
		}
	}
	c.at++
	return c.json[start:c.at]
}

// plain returns the number or the word at the cursor.
func (c *cursor) plain() string {
	start := c.at
	for c.at < len(c.json) && c.json[c.at] > ' ' && strings.IndexByte(",]}", c.json[c.at]) < 0 {
		c.at++
	}
	return c.json[start:c.at]
}

// unquote returns the text of a quoted string. Most often that is a piece of the body,
// which costs no allocation.
func unquote(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	_ = json.Unmarshal([]byte(quoted), &s) // it is valid
	return s
}

// checkNumber refuses a number that other programs could not read. We keep the digits
// as they are written, and do not convert them.
func checkNumber(number string) error {
	if len(number) > maxNumber {
		return errNumber
	}
	if _, err := strconv.ParseFloat(number, 64); err != nil {
		return errNumber
	}
	return nil
}

// hasLoneSurrogate reports whether there is an escape such as \ud800 without its other
// half, which the standard library would replace by U+FFFD without an error.
func hasLoneSurrogate(body []byte) bool {
	for {
		i := bytes.IndexByte(body, '\\')
		if i < 0 {
			return false
		}
		size := 2
		if body[i+1] == 'u' {
			size = escapeSize(body[i:])
		}
		if size == 0 {
			return true
		}
		body = body[i+size:]
	}
}

// escapeSize returns the length of a \u escape, or of a pair of them. It is 0 for half a
// pair.
func escapeSize(body []byte) int {
	switch unit := codeUnit(body); {
	case unit < 0xd800 || unit > 0xdfff:
		return 6
	case unit < 0xdc00:
		if low := codeUnit(body[6:]); low >= 0xdc00 && low <= 0xdfff {
			return 12
		}
	}
	return 0
}

// codeUnit returns the value of \uXXXX, or 0 if that is not what b begins with.
func codeUnit(b []byte) uint64 {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(b[2:6]), 16, 16)
	return unit
}
