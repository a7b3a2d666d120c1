package body

import "strconv"

// What is read of a list or an object in a field. The rest is judged and
// passed over: a page may send along what it likes.
const (
	deepestRead = 2   // levels below the outermost object
	mostLeaves  = 256 // values in all of them
	longestPath = 256 // bytes; each value repeats the path to it
)

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
		c.read(Field{Name: path, Kind: Nested}, depth, all)
		return c.skip(depth)
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
	if depth > 1 {
		c.leaves++
	}
	if p.Kind != null && (depth == 1 || c.leaves <= mostLeaves) {
		*all = append(*all, p)
	}
}
