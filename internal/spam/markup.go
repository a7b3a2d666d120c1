package spam

import (
	"slices"
	"strings"
)

var (
	tags = []string{
		"a", "b", "i", "u", "p", "br", "div", "em", "font", "form", "h1", "h2", "html", "iframe", "img", "input", "link", "meta", "object", "script", "span",
		"strong", "style", "svg", "table",
	}
	bbTags = []string{"b", "i", "u", "url", "link", "img", "color", "size", "quote"}
	// probeMarks are parts of what is thrown at forms to see what breaks. Those
	// made of words are among the pitches.
	probeMarks = []string{"${", "#{", "<%", "../..", "..\\..", "%2f..", "'1'='1", "' or 1=1", "()&%", "\"><", "alert(", "sleep(", "%0d%0a"}
)

// markup weighs HTML and BBCode, which no form of ours asks for. In a name
// any is too much; in a message a script or a link is.
func (e *evidence) markup() int {
	inName, _ := marked(e.Inquiry.Name)
	inMessage, grave := marked(e.Inquiry.Message)
	return max(when(inName || grave, enough), when(inMessage, moderate))
}

// marked reports whether there is markup, and whether it is of the kind that
// leads somewhere or runs.
func marked(s string) (found, grave bool) {
	leading := []string{"a", "iframe", "img", "link", "object", "script", "svg", "url"}
	for i := range len(s) {
		var name string
		switch s[i] {
		case '<':
			name = tagName(s[i+1:], tags)
		case '[':
			name = tagName(s[i+1:], bbTags)
		}
		found = found || name != ""
		grave = grave || slices.Contains(leading, name)
	}
	return found, grave
}

// tagName returns which of the names the tag has that goes on with s. A text
// such as "<3 cuartos" or "<ana@x.mx>" is none.
func tagName(s string, names []string) string {
	const longest = len("strong") + 1
	s = strings.TrimPrefix(s, "/")
	end := strings.IndexAny(s[:min(len(s), longest)], " />]=\n\t")
	if end < 0 {
		return ""
	}
	for _, name := range names {
		if strings.EqualFold(s[:end], name) {
			return name
		}
	}
	return ""
}

// probes weighs what scanners leave.
func (e *evidence) probes() int {
	points := min(e.pitch[probe], enough)
	for _, s := range []string{e.Inquiry.Name, e.Inquiry.Message} {
		for _, mark := range probeMarks {
			points += when(strings.Contains(s, mark), strong)
		}
		open := strings.Index(s, "{{")
		points += when(open >= 0 && strings.Contains(s[open:], "}}"), enough)
	}
	return min(points, enough)
}
