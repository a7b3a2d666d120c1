package lead

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// longestPhone is how much of a phone field goes on as the phone. What is
// longer is a sentence; it stays with the lead whole, under phoneTyped.
const (
	longestPhone   = 40
	longestContext = 500
	phoneTyped     = "phone_typed"

	// sanitized marks a lead out of whose message control characters were taken.
	// Nobody outside can set it: what a form has under this name is not context.
	sanitized = "sanitized"
	// ambiguous marks a lead whose form named more than one property; the others
	// are in its extra fields. Nobody outside can set it either.
	ambiguous = "ambiguous"
)

// clean is the one normaliser in front of all that is stored: every text is
// valid UTF-8 in NFC without control characters, so that each database takes
// the same and no log, terminal or page is bent by it. It is strict where a
// program reads (address, property) and lenient where a person does.
func clean(q *Inquiry) []FieldError {
	var wrong []FieldError
	if strings.ContainsRune(q.Name, 0) {
		wrong = append(wrong, FieldError{Field: Name, Code: ControlCharacter})
	}
	q.Name = Line(q.Name)
	q.Phone = Line(q.Phone)
	q.cleanContext()
	if q.Ambiguous {
		q.keep(ambiguous, string(PropertyID))
	}
	q.cleanMessage()
	q.cleanExtra()
	q.PropertyID = norm.NFC.String(strings.TrimSpace(q.PropertyID))
	q.Email = norm.NFC.String(cleanEmail(q.Email))
	for _, f := range []Field{PropertyID, Email} {
		if strings.ContainsFunc(q.Get(f), isInvisible) || !utf8.ValidString(q.Get(f)) {
			wrong = append(wrong, FieldError{Field: f, Code: ControlCharacter})
		}
	}
	if utf8.RuneCountInString(q.Phone) > longestPhone {
		q.keep(phoneTyped, q.Phone)
		q.Phone = strings.TrimSpace(cut(q.Phone, longestPhone))
	}
	return wrong
}

// cleanMessage leaves a mark where it takes control characters out: the visitor
// wrote, or a robot did, what nobody sees any more.
func (q *Inquiry) cleanMessage() {
	typed := q.Message
	q.Message = Text(typed)
	if q.Message != typed && strings.ContainsFunc(typed, isOddControl) { // most are as they were, and not read again
		q.keep(sanitized, string(Message))
	}
}

func (q *Inquiry) keep(name, value string) {
	if q.Context == nil {
		q.Context = map[string]string{}
	}
	q.Context[name] = q.cutContext(value)
}

// cleanContext makes a map of its own, so that the caller's stays as it was.
func (q *Inquiry) cleanContext() {
	var clean map[string]string
	for name, value := range q.Context {
		if value = q.cutContext(Line(value)); value == "" {
			continue
		}
		if clean == nil {
			clean = make(map[string]string, len(q.Context))
		}
		clean[name] = value
	}
	q.Context = clean
}

// cutContext counts what it cuts.
func (q *Inquiry) cutContext(value string) string {
	whole := len(value)
	if value = strings.TrimSpace(cut(value, longestContext)); len(value) < whole {
		q.LeftOut++
	}
	return value
}

// Line cleans a text of one line: runs of white space become one space.
func Line(s string) string {
	if isPlain(s, "") {
		return strings.TrimSpace(s)
	}
	return strings.Join(strings.Fields(Text(s)), " ")
}

// lineEnds are all that end a line somewhere.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n")

// Text cleans a text of several lines. It composes accents, makes every line
// end a line feed, and takes out control characters, marks that turn the
// writing direction, and blanks of no width. Emoji stay whole: their joiner is
// none of these.
func Text(s string) string {
	if isPlain(s, "\n") {
		return strings.TrimSpace(s)
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.ContainsFunc(s, isUnwanted) { // few are; accents alone go on as they are
		flag := 0 // how many tags still belong to the flag
		s = strings.Map(func(r rune) rune {
			switch {
			case isTag(r) && flag > 0:
				flag--
			case isUnwanted(r):
				return -1
			case r == '\U0001F3F4':
				flag = longestFlag
			default:
				flag = 0
			}
			return r
		}, lineEnds.Replace(s))
	}
	return strings.TrimSpace(norm.NFC.String(s))
}

// isPlain reports whether s is printable ASCII, or one of also, and has no
// two blanks in a row: most texts are, and need no work.
func isPlain(s, also string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && strings.IndexByte(also, c) < 0) || c >= 0x7f {
			return false
		}
		if also == "" && i > 0 && s[i] == ' ' && s[i-1] == ' ' {
			return false
		}
	}
	return true
}

// longestFlag is how many tags make a flag of a black one, such as Scotland's. More
// would hide a text.
const longestFlag = 7

// isTag reports a character that shows nothing by itself.
func isTag(r rune) bool { return r >= 0xE0000 && r <= 0xE007F }

// isInvisible reports a rune that has no place in a visitor's text: control
// characters, all that turns the writing direction, zero-width blanks, soft
// hyphens, tags, the byte order mark.
func isInvisible(r rune) bool {
	switch {
	case r >= ' ' && r < 0x7f: // most
		return false
	case r == '\u200b', r == '\u2060', r == '\ufeff', r == '\u2028', r == '\u2029':
		return true
	case r == '\u200e', r == '\u200f', r == '\u061c', r == '\u00ad', isTag(r):
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return unicode.IsControl(r)
}

// isUnwanted reports an invisible rune that does not lay out lines.
func isUnwanted(r rune) bool { return r != '\n' && r != '\t' && isInvisible(r) }

// isOddControl reports a control character that no keyboard writes. Those that
// end lines or lay them out are ordinary.
func isOddControl(r rune) bool {
	return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r)
}

// cut returns the first n runes of s.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
