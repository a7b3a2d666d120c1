package lead

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The names of context that only we set. A form's field of such a name does not
// become context.
const (
	// phoneTyped holds what was typed into the phone field if it is longer than
	// maxPhone: probably a sentence.
	phoneTyped = "phone_typed"
	// sanitized marks a lead whose message had control characters, which we removed.
	sanitized = "sanitized"
	// ambiguous marks a lead whose form named more than one property. The others are
	// in its extra fields.
	ambiguous = "ambiguous"
	// rectified names the fields that a person has changed after EasyBroker had taken the
	// lead.
	rectified = "rectified"
)

// Longer values are shortened. Both count runes.
const (
	maxPhone   = 40
	maxContext = 500
)

// clean normalizes everything that we store: each text becomes valid UTF-8 in NFC
// without control characters, so that every database takes it and no log, terminal
// or page is garbled by it. It returns an error for a field that a program reads
// (e-mail, property) and repairs what a person reads.
func clean(q *Inquiry) []FieldError {
	var wrong []FieldError
	q.cleanContext()
	if q.Ambiguous {
		q.setContext(ambiguous, string(PropertyID))
	}
	for _, f := range Fields() {
		if !q.cleanField(f) {
			wrong = append(wrong, FieldError{Field: f, Code: ControlCharacter})
		}
	}
	q.cleanExtra()
	return wrong
}

// cleanField cleans the value of a field, as one line unless it is listed here. It
// returns false if the value has what no such value has.
func (q *Inquiry) cleanField(f Field) (ok bool) {
	switch f {
	case PropertyID:
		q.PropertyID, ok = readable(strings.TrimSpace(q.PropertyID))
		return ok
	case Email:
		q.Email, ok = readable(cleanEmail(q.Email))
		return ok
	case Phone:
		q.cleanPhone()
	case Message:
		q.cleanMessage()
	default:
		typed := q.Get(f)
		q.Set(f, Line(typed))
		return !strings.ContainsRune(typed, 0)
	}
	return true
}

// readable composes the accents of a text and reports whether a program can read it
// as it is shown.
func readable(s string) (composed string, ok bool) {
	if isPlain(s, "") {
		return s, true
	}
	s = norm.NFC.String(s)
	return s, !strings.ContainsFunc(s, isInvisible) && utf8.ValidString(s)
}

// cleanPhone cleans the phone. It shortens one that is too long and puts all of it
// into the context.
func (q *Inquiry) cleanPhone() {
	q.Phone = Line(q.Phone)
	if utf8.RuneCountInString(q.Phone) > maxPhone {
		q.setContext(phoneTyped, q.Phone)
		q.Phone = strings.TrimSpace(truncate(q.Phone, maxPhone))
	}
}

// cleanMessage cleans the message. It marks the lead if it removes control
// characters, because the operator then sees less than was sent.
func (q *Inquiry) cleanMessage() {
	typed := q.Message
	q.Message = Text(typed)
	if q.Message != typed && strings.ContainsFunc(typed, isOddControl) { // most messages are unchanged, and this is not evaluated
		q.setContext(sanitized, string(Message))
	}
}

func (q *Inquiry) setContext(name, value string) {
	if q.Context == nil {
		q.Context = map[string]string{}
	}
	q.Context[name] = q.truncateContext(value)
}

// cleanContext cleans the context into a new map, so that the caller's map is not
// changed.
func (q *Inquiry) cleanContext() {
	var clean map[string]string
	for name, value := range q.Context {
		if value = q.truncateContext(Line(value)); value == "" {
			continue
		}
		if clean == nil {
			clean = make(map[string]string, len(q.Context))
		}
		clean[name] = value
	}
	q.Context = clean
}

// truncateContext shortens a value to maxContext runes and counts it if it was
// longer.
func (q *Inquiry) truncateContext(value string) string {
	before := len(value)
	if value = strings.TrimSpace(truncate(value, maxContext)); len(value) < before {
		q.LeftOut++
	}
	return value
}

// Line cleans a text of one line. It collapses runs of white space to one space.
func Line(s string) string {
	if isPlain(s, "") {
		return strings.TrimSpace(s)
	}
	return strings.Join(strings.Fields(Text(s)), " ")
}

// lineEnds replaces everything that ends a line somewhere by a line feed.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n")

// Text cleans a text of several lines. It composes accents, turns every line end
// into a line feed, and removes control characters, marks that change the writing
// direction, and zero-width spaces. It leaves the joiner that emoji are made with.
func Text(s string) string {
	if isPlain(s, "\n") {
		return strings.TrimSpace(s)
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.ContainsFunc(s, isUnwanted) { // most texts need no more than NFC
		flag := 0 // how many tag characters may still follow the flag
		s = strings.Map(func(r rune) rune {
			switch {
			case isTag(r) && flag > 0:
				flag--
			case isUnwanted(r):
				return -1
			case r == '\U0001F3F4':
				flag = maxFlagTags
			default:
				flag = 0
			}
			return r
		}, lineEnds.Replace(s))
	}
	return strings.TrimSpace(norm.NFC.String(s))
}

// Visible returns the text without the characters that [Text] removes, and changes
// nothing else in it.
func Visible(s string) string {
	if !strings.ContainsFunc(s, isUnwanted) && utf8.ValidString(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isUnwanted(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// isPlain reports whether s consists of printable ASCII, Latin letters and the
// bytes of also. If also is empty, s must not have two spaces in a row either. Most
// texts are plain and need no cleaning.
func isPlain(s, also string) bool {
	last := rune(0)
	for _, r := range s {
		switch {
		case r == ' ' && last == ' ' && also == "":
			return false
		case r >= ' ' && r < 0x7f, isLatin(r):
		case r < ' ' && strings.IndexByte(also, byte(r)) >= 0:
		default:
			return false
		}
		last = r
	}
	return true
}

// isLatin reports whether r is among the letters and signs of Latin scripts beyond
// ASCII, such as ñ and ¿. Below the first combining accent, U+0300, everything is in
// NFC. The no-break space and the soft hyphen are left out.
func isLatin(r rune) bool { return r > '\u00a0' && r < '\u0300' && r != '\u00ad' }

// maxFlagTags is how many tag characters may follow a black flag, as in the flag of
// Scotland. More could hide a text.
const maxFlagTags = 7

// isTag reports whether r is a tag character, which is invisible by itself.
func isTag(r rune) bool { return r >= 0xE0000 && r <= 0xE007F }

// isInvisible reports whether r is invisible and not expected in a visitor's text:
// a control character, a mark that changes the writing direction, a zero-width
// space, a soft hyphen, a tag, the byte order mark.
func isInvisible(r rune) bool {
	switch {
	case r >= ' ' && r < 0x7f: // most runes
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

// isUnwanted reports whether r is invisible and does not lay out lines.
func isUnwanted(r rune) bool { return r != '\n' && r != '\t' && isInvisible(r) }

// isOddControl reports whether r is a control character that no keyboard writes.
// Those that end lines or lay them out are ordinary.
func isOddControl(r rune) bool {
	return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r)
}

// truncate returns the first n runes of s.
func truncate(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
