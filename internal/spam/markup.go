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
	// probeMarks are parts of what scanners post to see what breaks. Those made of
	// words are in pitches.txt.
	probeMarks = []string{"${", "#{", "<%", "../..", "..\\..", "%2f..", "'1'='1", "' or 1=1", "()&%", "\"><", "alert(", "sleep(", "%0d%0a"}
)

// probeSigns has at least one character of each mark. Few people write any of them.
const probeSigns = "{<%/\\'("

// weighMarkup weighs HTML and BBCode, which no form of ours asks for. A link or a
// script in a name is enough alone, and so is a link in a message. A script in a
// message may be what somebody writes about.
func (e *evidence) weighMarkup() int {
	inName, inMessage := &e.name, &e.message
	return max(when(inName.hasMarkup, strong), when(inName.tagWeight > 0, enough), inMessage.tagWeight, when(inMessage.hasMarkup, moderate))
}

// tagWeights are the weights of tags that are links or are run.
var tagWeights = map[string]int{
	"a": enough, "link": enough, "url": enough,
	"iframe": strong, "img": strong, "object": strong, "script": strong, "svg": strong,
}

// markup reports whether a text has markup, and the weight of its worst tag.
func markup(s string) (found bool, tagWeight int) {
	if strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '[') < 0 {
		return false, 0 // most texts
	}
	for i := range len(s) {
		var name string
		switch s[i] {
		case '<':
			name = tagName(s[i+1:], tags)
		case '[':
			name = tagName(s[i+1:], bbTags)
		}
		if name != "" {
			found, tagWeight = true, max(tagWeight, tagWeights[name])
		}
	}
	return found, tagWeight
}

// tagName returns which of the names the tag has whose bracket is before s, or "" if it
// is not a tag, such as "<3 cuartos" or "<ana@x.mx>".
func tagName(s string, names []string) string {
	const maxLength = len("strong") + 1
	s = strings.TrimPrefix(s, "/")
	end := strings.IndexAny(s[:min(len(s), maxLength)], " />]=\n\t")
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

// probes weighs what scanners post. A single one may be what somebody writes about.
func (e *evidence) probes() int {
	points := 0
	for _, s := range []string{e.Inquiry.Name, e.Inquiry.Message} {
		if !strings.ContainsAny(s, probeSigns) {
			continue
		}
		for _, mark := range probeMarks {
			points += when(strings.Contains(s, mark), strong)
		}
		open := strings.Index(s, "{{")
		points += when(open >= 0 && strings.Contains(s[open:], "}}"), strong)
	}
	if e.message.tagWeight > 0 {
		return 0 // a script, which weighMarkup weighs
	}
	return min(max(points, min(e.pitch[probe], moderate)), enough)
}
