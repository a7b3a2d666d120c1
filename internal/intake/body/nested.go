package body

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// What is read of a list or an object in a field: the usual form builders need
// three or four levels. What lies deeper stays as the JSON that it is, and what
// is beyond the number is left out and counted.
const (
	deepestRead = 5   // levels below the outermost object
	maxLeaves   = 512 // values in all of them
	longestPath = 256 // bytes; each value repeats the path to it
)

// ParseNested reads a value that is itself the text of a JSON object, as the
// fields that it would be if the name held that object. What is wrong with it is
// no error of the body: the caller has the text.
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

// value reads the value under the cursor, which stands at the given depth. What
// lies in a list or an object becomes fields of their own, named as a form
// names them: contact[phone], fields[0][value].
func (c *cursor) value(path string, depth int, all *[]Field) error {
	switch kind := c.peek(); {
	case kind != '{' && kind != '[':
		p, err := c.field(path)
		c.read(p, depth, all)
		return err
	case depth > deepestRead || len(path) > longestPath:
		start := c.at
		err := c.skip(depth)
		c.read(Field{Name: path, Kind: Nested, Value: compact(c.json[start:c.at])}, depth, all)
		return err
	case kind == '[':
		c.read(Field{Name: path, Kind: Nested}, depth, all)
		return c.elements(path, depth+1, all)
	}
	return c.members(path, depth+1, all)
}

// members reads an object. One without a member is a value that is no text.
func (c *cursor) members(path string, depth int, all *[]Field) error {
	n := 0
	err := c.object(depth, func(name string) error {
		n++
		return c.value(path+"["+name+"]", depth, all)
	})
	if n == 0 {
		c.read(Field{Name: path, Kind: Nested}, depth-1, all)
	}
	return err
}

func (c *cursor) elements(path string, depth int, all *[]Field) error {
	n := 0
	return c.list(depth, func() error {
		n++
		return c.value(path+"["+strconv.Itoa(n-1)+"]", depth, all)
	})
}

// read adds what was found at the given depth, while there is room for it.
func (c *cursor) read(p Field, depth int, all *[]Field) {
	if p.Kind == null {
		return
	}
	isBlank := strings.TrimSpace(p.Value) == ""
	switch {
	case depth > 1:
		c.leaves++
	case !isBlank:
		c.said++
	}
	if depth == 1 && (!isBlank || len(*all) < maxBlank) || depth > 1 && c.leaves <= maxLeaves {
		*all = append(*all, p)
	} else if !isBlank {
		c.leftOut++
	}
}

// compact is JSON without its white space; "" for a list or an object of
// nothing.
func compact(raw string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(raw)) != nil || b.Len() <= len("{}") {
		return ""
	}
	return b.String()
}
