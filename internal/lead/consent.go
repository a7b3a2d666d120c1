package lead

import (
	"regexp"
	"strings"
	"time"
)

// Consent is what a visitor has agreed to by sending an inquiry.
type Consent struct {
	Text   string    // word for word; a form of the agency's own may have sent no more than "on"
	Notice string    // the address of the privacy notice; empty if the text has none
	Page   string    // where it was; empty if it is not known
	At     time.Time // when the inquiry was received
}

// address finds the address of a notice, without the sign that ends a sentence.
var address = regexp.MustCompile(`https?://[^\s<>"]*[^\s<>".,;:!?)]`)

// Consent returns what the visitor has agreed to. Its text is empty if nothing is known.
func (l *Lead) Consent() Consent {
	text := l.Context["consent"]
	if text == "" {
		return Consent{}
	}
	all := address.FindAllString(text, -1)
	c := Consent{Text: text, Page: l.Context["page_url"], At: l.ReceivedAt}
	if len(all) > 0 {
		c.Notice = all[len(all)-1] // ours ends with it
	}
	return c
}

// agreesTo reports whether what the visitor has agreed to has the text, such as the address
// of a notice. Everybody agrees to the empty text.
func (l *Lead) agreesTo(notice string) bool {
	return notice == "" || strings.Contains(l.Context["consent"], notice)
}

// Matches reports whether the lead has what a filter looks for in its contents: the terms
// of its text, and its notice.
func (f *Filter) Matches(l *Lead, terms []Term) bool { return l.HasAll(terms) && l.agreesTo(f.Notice) }
