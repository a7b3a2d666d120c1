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

// parseJSON reads the fields of one JSON object. The standard library lets the
// last of two equal names win, takes names in any case for each other, and
// mends broken text; two readers of one body could then see two inquiries. So
// it only judges the grammar here, and the walk is our own.
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
		if c.said > maxFields {
			return errManyFields
		}
		return c.value(name, 1, &all)
	})
	return all, c.leftOut, err
}

// syntaxError says where the grammar breaks, and not what stands there.
func syntaxError(body []byte) error {
	var at *json.SyntaxError
	if err := json.Unmarshal(body, new(json.RawMessage)); errors.As(err, &at) {
		return fmt.Errorf("the JSON breaks at byte %d", at.Offset)
	}
	return errNoObject
}

// cursor walks over JSON that is known to be valid.
type cursor struct {
	json    string
	at      int
	said    int // how many fields of the outermost object are not blank
	leaves  int // how many values in lists and objects have been read
	leftOut int // how many of them are beyond what is kept
}

// peek passes over white space and returns the byte behind it.
func (c *cursor) peek() byte {
	for c.json[c.at] <= ' ' {
		c.at++
	}
	return c.json[c.at]
}

// object calls each for every name, with the cursor on its value.
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

// field reads a value that is neither a list nor an object.
func (c *cursor) field(name string) (Field, error) {
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

// skip passes over a value of any kind, which stands at the given depth.
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

// list calls each with the cursor on every element.
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

// quoted returns the string under the cursor, with its quotes.
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

// plain returns the number or word under the cursor.
func (c *cursor) plain() string {
	start := c.at
	for c.at < len(c.json) && c.json[c.at] > ' ' && strings.IndexByte(",]}", c.json[c.at]) < 0 {
		c.at++
	}
	return c.json[start:c.at]
}

// unquote returns what a string stands for: most often a piece of the body.
func unquote(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	_ = json.Unmarshal([]byte(quoted), &s) // it is valid
	return s
}

// checkNumber refuses what a reader of numbers would choke on. We keep the
// digits as they are written and make no number of them.
func checkNumber(number string) error {
	if len(number) > maxNumber {
		return errNumber
	}
	if _, err := strconv.ParseFloat(number, 64); err != nil {
		return errNumber
	}
	return nil
}

// hasLoneSurrogate reports an escape such as \ud800 without its other half,
// which would be mended to U+FFFD without a word.
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

// escapeSize is the length of a \u escape, or of a pair of them; 0 for a half.
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

// codeUnit reads \uXXXX, or returns 0.
func codeUnit(b []byte) uint64 {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(b[2:6]), 16, 16)
	return unit
}
