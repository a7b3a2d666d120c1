package spam

import (
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

// markup weighs HTML and BBCode, which no form of ours asks for. In a name a
// link or a script is too much; in a message a link is, and a script may be what
// somebody writes about.
func (e *evidence) markup() int {
	inName, inMessage := &e.name, &e.message
	return max(when(inName.marked, strong), when(inName.gravest > 0, enough), inMessage.gravest, when(inMessage.marked, moderate))
}

// grave are the tags that lead somewhere or run, and what they weigh.
var grave = map[string]int{
	"a": enough, "link": enough, "url": enough,
	"iframe": strong, "img": strong, "object": strong, "script": strong, "svg": strong,
}

// marked reports whether there is markup, and how much its gravest tag weighs.
func marked(s string) (found bool, gravest int) {
	for i := range len(s) {
		var name string
		switch s[i] {
		case '<':
			name = tagName(s[i+1:], tags)
		case '[':
			name = tagName(s[i+1:], bbTags)
		}
		if name != "" {
			found, gravest = true, max(gravest, grave[name])
		}
	}
	return found, gravest
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

// probes weighs what scanners leave. One of them alone may be what somebody
// writes about.
func (e *evidence) probes() int {
	points := 0
	for _, s := range []string{e.Inquiry.Name, e.Inquiry.Message} {
		for _, mark := range probeMarks {
			points += when(strings.Contains(s, mark), strong)
		}
		open := strings.Index(s, "{{")
		points += when(open >= 0 && strings.Contains(s[open:], "}}"), strong)
	}
	if e.message.gravest > 0 {
		return 0 // a script, which is weighed already
	}
	return min(max(points, min(e.pitch[probe], moderate)), enough)
}
