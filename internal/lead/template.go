package lead

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	errBrace    = errors.New("has a { that is no field's name in braces, such as {page_url}; a brace itself is written {{")
	errMessages = errors.New("wants {message} exactly once: it is where the visitor's own words stand")
)

// Template is the text from which a site's messages to EasyBroker are made. The
// zero value gives the visitor's message alone.
type Template struct {
	text  string
	lines []templateLine
}

// templateLine is one line of a template: texts and fields in order.
type templateLine struct {
	pieces     []piece
	hasMessage bool
}

// piece is a text, or the name of a field whose value replaces it.
type piece struct{ text, field string }

// ParseTemplate parses a text with names of fields in braces: ours, names of
// context, and any other that a form may send.
func ParseTemplate(text string) (Template, error) {
	t := Template{text: Text(text)}
	messages := 0
	for line := range strings.SplitSeq(t.text, "\n") {
		pieces, err := parsePieces(line)
		if err != nil {
			return Template{}, err
		}
		n := 0
		for _, p := range pieces {
			if isMessage(p.field) {
				n++
			}
		}
		messages += n
		t.lines = append(t.lines, templateLine{pieces, n > 0})
	}
	if messages != 1 {
		return Template{}, errMessages
	}
	return t, nil
}

func parsePieces(line string) ([]piece, error) {
	var pieces []piece
	for line != "" {
		text, rest, open := strings.Cut(line, "{")
		if text = strings.ReplaceAll(text, "}}", "}"); text != "" {
			pieces = append(pieces, piece{text: text})
		}
		if !open {
			break
		}
		if brace, ok := strings.CutPrefix(rest, "{"); ok {
			pieces, line = append(pieces, piece{text: "{"}), brace
			continue
		}
		name, behind, closed := strings.Cut(rest, "}")
		name = truncateBytes(Line(name), maxExtraName) // the same as for a form's names
		if !closed || name == "" || strings.Contains(name, "{") {
			return nil, errBrace
		}
		pieces, line = append(pieces, piece{field: name}), behind
	}
	return pieces, nil
}

func isMessage(name string) bool { return strings.EqualFold(name, string(Message)) }

// String returns the text of the template.
func (t Template) String() string { return t.text }

// Fill returns the message for the inquiry. It leaves out lines whose fields all
// have no value. If the message would be too long, Fill drops lines from the end,
// but never the visitor's own message.
func (t Template) Fill(q *Inquiry) string {
	if len(t.lines) == 0 {
		return q.Message
	}
	var lines []string
	message := 0
	for _, l := range t.lines {
		text, ok := l.fill(q)
		if !ok {
			continue
		}
		if l.hasMessage {
			message = len(lines)
		}
		lines = append(lines, text)
	}
	for {
		text := strings.TrimSpace(strings.Join(lines, "\n"))
		switch {
		case utf8.RuneCountInString(text) <= maxMessage:
			return text
		case len(lines) == 1:
			return q.Message
		}
		last := len(lines) - 1
		if last == message {
			last, message = last-1, message-1
		}
		lines = slices.Delete(lines, last, last+1)
	}
}

// fill returns the line with its values. It reports false if the line has fields and
// none of them has a value.
func (l templateLine) fill(q *Inquiry) (text string, ok bool) {
	var b strings.Builder
	ok = l.hasMessage || !slices.ContainsFunc(l.pieces, func(p piece) bool { return p.field != "" })
	for _, p := range l.pieces {
		value := p.text
		switch {
		case isMessage(p.field):
			value = q.Message
		case p.field != "":
			value = q.valuesOf(p.field)
			ok = ok || value != ""
		}
		b.WriteString(value)
	}
	return b.String(), ok
}

// valuesOf returns what was sent under a name, ignoring case, on one line. If the
// form has several fields of that name, it returns all of their values.
func (q *Inquiry) valuesOf(name string) string {
	lower := strings.ToLower(name)
	if p := q.pointer(Field(lower)); p != nil {
		return Line(*p)
	}
	if value := q.Context[lower]; value != "" {
		return Line(value)
	}
	var all []string
	for _, p := range q.Extra {
		if strings.EqualFold(p.Name, name) {
			all = append(all, Line(p.Value))
		}
	}
	return strings.Join(all, ", ")
}
