package body

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// How much is read of a list or an object in a field. Form builders need three or four
// levels. What lies deeper is kept as JSON. What is beyond maxLeaves is left out and
// counted.
const (
	maxReadDepth = 5   // levels below the outermost object
	maxLeaves    = 512 // values in all of them together
	maxPath      = 256 // bytes; each value repeats the path to it
)

// ParseNested parses a value that is itself the text of a JSON object. It returns the
// fields that there would be if the name held that object. An error is not an error of
// the body, because the caller still has the text.
func ParseNested(name, text string) ([]Field, error) {
	object := []byte(strings.TrimSpace(text))
	if !json.Valid(object) || object[0] != '{' || hasLoneSurrogate(object) {
		return nil, errNoObject
	}
	c := &cursor{json: string(object)}
	var all []Field
	err := c.value(name, 1, &all)
	if err == nil && c.leaves > maxLeaves {
		err = errManyFields
	}
	return all, err
}

// value reads the value at the cursor, at the given depth. The values in a list or an
// object become fields of their own, named as a form names them: contact[phone],
// fields[0][value].
func (c *cursor) value(path string, depth int, all *[]Field) error {
	switch kind := c.peek(); {
	case kind != '{' && kind != '[':
		p, err := c.scalar(path)
		c.add(p, depth, all)
		return err
	case depth > maxReadDepth || len(path) > maxPath:
		start := c.at
		err := c.skip(depth)
		c.add(Field{Name: path, Kind: Nested, Value: compact(c.json[start:c.at])}, depth, all)
		return err
	case kind == '[':
		c.add(Field{Name: path, Kind: Nested}, depth, all)
		return c.listFields(path, depth+1, all)
	}
	return c.objectFields(path, depth+1, all)
}

// objectFields reads an object. An empty object is a value that is not text.
func (c *cursor) objectFields(path string, depth int, all *[]Field) error {
	n := 0
	err := c.object(depth, func(name string) error {
		n++
		return c.value(path+"["+name+"]", depth, all)
	})
	if n == 0 {
		c.add(Field{Name: path, Kind: Nested}, depth-1, all)
	}
	return err
}

func (c *cursor) listFields(path string, depth int, all *[]Field) error {
	n := 0
	return c.list(depth, func() error {
		n++
		return c.value(path+"["+strconv.Itoa(n-1)+"]", depth, all)
	})
}

// add adds a field that was found at the given depth, if there is room for it.
func (c *cursor) add(p Field, depth int, all *[]Field) {
	if p.Kind == null {
		return
	}
	isBlank := strings.TrimSpace(p.Value) == ""
	switch {
	case depth > 1:
		c.leaves++
	case !isBlank:
		c.filled++
	}
	if depth == 1 && (!isBlank || len(*all) < maxBlank) || depth > 1 && c.leaves <= maxLeaves {
		*all = append(*all, p)
	} else if !isBlank {
		c.leftOut++
	}
}

// compact returns the JSON without white space, or "" for an empty list or object.
func compact(raw string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(raw)) != nil || b.Len() <= len("{}") {
		return ""
	}
	return b.String()
}
