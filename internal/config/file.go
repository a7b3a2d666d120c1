package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document has the contents of the file.
type document struct {
	top   layer
	sites map[string]section
}

// section has the settings of one site in the file.
type section struct {
	place Place
	layer layer
}

// readDocument walks the tree of the file instead of decoding it, because a decoder stops
// at its first error, and its errors repeat lines of the file.
func (l *loader) readDocument(name string) document {
	doc := document{top: layer{}, sites: map[string]section{}}
	if name == "" {
		return doc
	}
	variable := Place{Name: "LEADRELAY_CONFIG"}
	c := l.readOnce(name)
	if c.err != nil {
		l.unread = true
		l.addUnreadable(variable, name, c.err)
		return doc
	}
	w := &walker{loader: l, name: name, doc: &doc}
	w.file(c.data)
	if w.holdsSecret && c.mode.Perm()&readableByOthers != 0 {
		l.warn(variable, "the file holds a secret, and others on this machine can read it; chmod 600 it")
	}
	return doc
}

// walker walks the tree of one file.
type walker struct {
	*loader
	name        string
	doc         *document
	holdsSecret bool
}

func (w *walker) placeOf(t *token.Token) Place {
	if t == nil {
		return Place{Name: w.name}
	}
	return Place{Name: w.name, Line: t.Position.Line, Column: t.Position.Column}
}

func (w *walker) file(data []byte) {
	body, bad := parseYAML(data)
	if bad != nil {
		w.unread = true
		w.add(w.placeOf(bad.token), "%s", bad.text)
		return
	}
	if body != nil {
		w.section(w.doc.top, entry{place: w.placeOf(body.GetToken()), node: body}, "")
	}
}

// fileError is why a file cannot be read at all.
type fileError struct {
	token *token.Token // nil: nowhere in particular
	text  string
}

// parseYAML returns the only document of the file, or nil if the file is empty. It turns
// a panic of the parser into an error, because a strange file must not end the process.
func parseYAML(data []byte) (body ast.Node, bad *fileError) {
	defer func() {
		if recover() != nil {
			body, bad = nil, &fileError{text: "cannot be read as YAML"}
		}
	}()
	if !utf8.Valid(data) {
		return nil, &fileError{text: "is not UTF-8 text"}
	}
	tokens := lexer.Tokenize(string(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if bad := checkNesting(tokens); bad != nil {
		return nil, bad
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxError(err)
	}
	for _, d := range f.Docs {
		switch {
		case d.Body == nil:
		case body != nil:
			return nil, &fileError{d.Body.GetToken(), "one document, without directives, is all that is read"}
		default:
			body = d.Body
		}
	}
	return body, nil
}

// syntaxError returns the parser's error without what it quotes of the file.
func syntaxError(err error) *fileError {
	var bad yaml.Error
	if !errors.As(err, &bad) {
		return &fileError{text: "cannot be read as YAML"}
	}
	if strings.Contains(bad.GetMessage(), "'\t'") {
		return &fileError{bad.GetToken(), "a tab; YAML indents with spaces"}
	}
	text, _, _ := strings.Cut(bad.GetMessage(), `"`)
	return &fileError{bad.GetToken(), "not YAML: " + strings.TrimRight(text, ": ")}
}

// checkNesting refuses files with more levels and entries than any settings need. The
// parser recurses for each key of a mapping and for each level.
func checkNesting(tokens token.Tokens) *fileError {
	const maxDepth, maxEntries = 20, 10_000
	type level struct{ column, entries int }
	var blocks []level
	flows := 0
	for _, t := range tokens {
		column := t.Position.Column
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flows++
		case token.SequenceEndType, token.MappingEndType:
			flows = max(0, flows-1)
		case token.MappingValueType, token.SequenceEntryType, token.MappingKeyType:
			if flows > 0 {
				continue
			}
			if t.Type == token.MappingValueType && t.Prev != nil {
				column = t.Prev.Position.Column
			}
			for len(blocks) > 0 && blocks[len(blocks)-1].column > column {
				blocks = blocks[:len(blocks)-1]
			}
			if len(blocks) == 0 || blocks[len(blocks)-1].column < column {
				blocks = append(blocks, level{column: column})
			}
			blocks[len(blocks)-1].entries++
		}
		if len(blocks)+flows > maxDepth {
			return &fileError{t, "is nested too deeply"}
		}
		if len(blocks) > 0 && blocks[len(blocks)-1].entries > maxEntries {
			return &fileError{t, "has too many entries"}
		}
	}
	return nil
}

// entry is one key of a mapping with its value.
type entry struct {
	name  string
	place Place // of the key
	node  ast.Node
}

// entries returns the entries of a mapping. A section without a value is an empty
// mapping.
func (w *walker) entries(e entry) []entry {
	var all []entry
	switch n := w.node(e).(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode:
		seen := map[string]Place{}
		for _, v := range n.Values {
			next := entry{name: v.Key.GetToken().Value, place: w.placeOf(v.Key.GetToken()), node: v.Value}
			first, twice := seen[next.name]
			switch {
			case !isWord(v.Key):
				w.add(next.place, "wants a plain key")
			case twice:
				w.add(next.place, "is a duplicate of line %d", first.Line)
			default:
				seen[next.name] = next.place
				all = append(all, next)
			}
		}
	default:
		w.add(e.place, "wants a mapping: lines of key: value")
	}
	return all
}

func isWord(key ast.MapKeyNode) bool {
	switch key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return true
	}
	return false
}

// node returns the entry's node. Anchors, aliases and tags are refused, so that a small
// file cannot expand into a large one. Sites share values in the sections at the top.
func (w *walker) node(e entry) ast.Node {
	switch n := e.node.(type) {
	case *ast.AnchorNode:
		w.add(w.placeOf(n.GetToken()), "anchors and aliases are not read here; easybroker: at the top is for all sites")
		return w.node(entry{node: n.Value})
	case *ast.AliasNode:
		w.add(w.placeOf(n.GetToken()), "anchors and aliases are not read here; easybroker: at the top is for all sites")
		return nil
	case *ast.TagNode:
		w.add(w.placeOf(n.GetToken()), "tags are not read here")
		return nil
	}
	return e.node
}

// section reads the settings whose keys begin with the prefix.
func (w *walker) section(into layer, e entry, prefix string) {
	for _, e := range w.entries(e) {
		s, isFile := lookUp(prefix, e.name)
		switch {
		case s != nil:
			w.setting(into, e, s, isFile)
		case prefix == "" && e.name == "sites":
			w.sites(e)
		case slices.Contains(sections(prefix), e.name):
			w.section(into, e, e.name+".")
		default:
			w.unknown(e, prefix)
		}
	}
}

func (w *walker) sites(e entry) {
	for _, e := range w.entries(e) {
		own := section{place: e.place, layer: layer{}}
		w.section(own.layer, e, perSite)
		w.doc.sites[e.name] = own
	}
}

func (w *walker) setting(into layer, e entry, s *setting, isFile bool) {
	if _, both := into[s.key]; both {
		w.add(e.place, "the secret and its file are both set; keep one")
		return
	}
	v, ok := w.value(e, s.deep)
	if !ok {
		return
	}
	v.isFile = isFile
	into[s.key] = v
	w.holdsSecret = w.holdsSecret || !isFile && s.hides(v)
}

// hides reports whether the value is to be hidden. Of a database, only an address with
// a password is.
func (s *setting) hides(v value) bool {
	isAddress := s.key == "database" && len(v.items) == 1
	return s.secret && (!isAddress || Database(v.items[0].text).hasPassword())
}

// lookUp returns a setting by its key, or by the key of the file with its secret.
func lookUp(prefix, name string) (s *setting, isFile bool) {
	for i := range settings {
		s := &settings[i]
		known, ok := s.below(prefix)
		switch {
		case ok && name == known:
			return s, false
		case ok && s.secret && name == known+"_file":
			return s, true
		}
	}
	return nil, false
}

func sections(prefix string) []string {
	switch prefix {
	case "":
		return []string{"easybroker", "courier", "retention", "alerts"}
	case perSite:
		return []string{"easybroker"}
	}
	return nil
}

// unknown reports an unknown key and lists the known ones. It repeats only a short key,
// because a longer one may be a secret with its colon in the wrong place.
func (w *walker) unknown(e entry, prefix string) {
	var known []string
	for _, s := range settings {
		if name, ok := s.below(prefix); ok {
			known = append(known, name)
		}
	}
	known = append(known, sections(prefix)...)
	if prefix == "" {
		known = append(known, "sites")
	}
	key, meant := e.quoted(), ""
	if near := nearest(e.name, known); key != "" && len(e.name) > 3 && near != "" {
		meant = " (did you mean " + near + "?)"
	}
	w.add(e.place, "unknown key%s%s; known here: %s", key, meant, strings.Join(known, ", "))
}

// quoted returns the key in quotes. It returns "" if the value is the name of a setting:
// then the two were probably swapped, and the key may be a secret.
func (e entry) quoted() string {
	if e.node != nil {
		value := e.node.GetToken().Value
		for _, s := range settings {
			last := s.key[strings.LastIndex(s.key, ".")+1:]
			if value != "" && (value == last || value == last+"_file" || value == s.env || value == s.env+"_FILE") {
				return ""
			}
		}
	}
	return quotedKey(e.name)
}

func quotedKey(key string) string {
	const maxLength = 20
	if len(key) > maxLength || !isPlain(key) {
		return ""
	}
	return fmt.Sprintf(" %q", key)
}

// value reads the value of a setting. If it is deep, there may be values inside.
func (w *walker) value(e entry, deep bool) (value, bool) {
	v := value{place: e.place}
	switch n := w.node(e).(type) {
	case nil:
		return v, false
	case *ast.SequenceNode:
		v.kind = list
		for _, x := range n.Values {
			v.items = w.item(v.items, entry{place: e.place, node: x}, deep)
		}
	case *ast.MappingNode:
		v.kind = mapping
		for _, x := range w.entries(e) {
			v.items = w.item(v.items, x, deep)
		}
	default:
		v.items = w.item(v.items, e, false)
	}
	return v, v.kind != scalar || len(v.items) == 1
}

// item appends one text to the list.
func (w *walker) item(to []item, e entry, deep bool) []item {
	x := item{name: strings.TrimSpace(e.name), place: e.place}
	switch n := w.node(e).(type) {
	case *ast.SequenceNode, *ast.MappingNode:
		if !deep {
			w.add(e.place, "wants plain values inside")
			return to
		}
		if token := n.GetToken(); e.name == "" && token != nil {
			e.place = w.placeOf(token)
			x.place = e.place
		}
		inner, _ := w.value(e, deep)
		x.inner = &inner
		return append(to, x)
	case nil:
		return to
	case *ast.LiteralNode:
		x.text = n.Value.Value
	case *ast.NullNode:
	case ast.ScalarNode:
		x.text, x.place = n.GetToken().Value, w.placeOf(n.GetToken())
	default:
		w.add(e.place, "wants plain values inside")
		return to
	}
	if x.text = strings.TrimSpace(x.text); x.text == "" {
		w.add(x.place, "has no value; take the key out for the default")
		return to
	}
	return append(to, x)
}
