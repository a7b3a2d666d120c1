package spam

import (
	"slices"
	"strings"
	"unicode"
)

// trapped reports whether a honeypot was filled in, and not by the browser. A browser
// fills in the person's own data.
func (e *evidence) trapped() bool {
	return slices.ContainsFunc(e.Traps, func(value string) bool {
		value = strings.TrimSpace(value)
		return value != "" && !isUnchecked(value) && !e.isOwn(value)
	})
}

// isUnchecked reports whether the value is what scripts send for an empty check box.
func isUnchecked(value string) bool {
	return slices.Contains([]string{"false", "0", "off"}, strings.ToLower(value))
}

// isOwn reports whether the value is in one of the person's own fields, too.
func (e *evidence) isOwn(value string) bool {
	const maxLength = 1000 // bytes; only the message may be longer
	q := &e.Inquiry
	if len(value) > maxLength {
		return false
	}
	if strings.EqualFold(value, q.Email) || same(value, q.Name, isWritten) || same(value, q.Phone, unicode.IsDigit) {
		return true
	}
	return slices.ContainsFunc(strings.Fields(q.Name), func(part string) bool { return same(value, part, isWritten) })
}

func isWritten(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// same reports whether two values are equal in the runes that count, if there are any.
func same(a, b string, counts func(rune) bool) bool {
	only := func(s string) string {
		return strings.Map(func(r rune) rune {
			if counts(r) {
				return fold(r)
			}
			return -1
		}, s)
	}
	a = only(a)
	return a != "" && a == only(b)
}

// oddMail weighs e-mail addresses that nobody reads or nobody has.
func (e *evidence) oddMail() int {
	local, _, _ := strings.Cut(e.Inquiry.Email, "@")
	local = strings.ToLower(local)
	switch {
	case strings.HasPrefix(local, "no-reply"), strings.HasPrefix(local, "noreply"), strings.HasPrefix(local, "no.reply"):
		return some
	case isExample(e.domain):
		return some
	case contains(postOffices, e.domain):
		return 0
	}
	return when(link{host: e.domain}.isOdd(), weak)
}

// postOffices have odd domains and millions of users.
var postOffices = []string{"mail.ru", "yandex.ru", "ya.ru", "inbox.ru", "bk.ru", "list.ru", "rambler.ru"}

// isRobotPhone reports whether the phone is like those that the most common form robot
// makes up: eleven digits that begin with 8, without a blank or a plus.
func isRobotPhone(phone string) bool {
	const length = 11
	return len(phone) == length && phone[0] == '8' && strings.Trim(phone, "0123456789") == ""
}

// robotName weighs the names that the same robot makes up. Together with its phone they
// are enough.
func (e *evidence) robotName() int {
	switch {
	case !isRobotName(e.Inquiry.Name):
		return 0
	case isRobotPhone(e.Inquiry.Phone):
		return enough - some
	}
	return some
}

// isRobotName reports whether the name is an English first name with a few letters at
// its end, such as JamesTup.
func isRobotName(name string) bool {
	const minEnding, maxEnding = 2, 5
	if strings.ContainsFunc(name, isNoLetter) { // most names have a blank
		return false
	}
	for _, first := range firstNames {
		rest, ok := strings.CutPrefix(name, first)
		if ok && len(rest) >= minEnding && len(rest) <= maxEnding && !slices.Contains(nameEndings, rest) {
			return true
		}
	}
	return false
}

func isNoLetter(r rune) bool { return !unicode.IsLetter(r) }

// nameEndings make another name of a first name, as in Ericka, Brianda, Jackeline and
// Johnson.
var nameEndings = []string{
	"son", "sen", "ton", "ston", "rson", "lla", "ella", "elle", "le", "ette", "ine", "ina", "ino", "ita", "ito", "cito", "ias", "ys", "ny", "ie", "us", "ka", "da",
	"na", "roy", "lin", "lyn", "ann", "elin", "elyn", "eline", "icia", "iela", "etta", "pe", "pa",
}

var firstNames = []string{
	"Albert", "Andrew", "Anthony", "Arthur", "Benjamin", "Brandon", "Brian", "Bruce", "Charles", "Daniel", "David", "Dennis", "Donald", "Douglas",
	"Edward", "Eric", "Eugene", "Frank", "Gary", "George", "Gerald", "Gregory", "Harold", "Harry", "Henry", "Howard", "Jack", "Jacob", "James", "Jason",
	"Jeffrey", "Jeremy", "Jerry", "John", "Jonathan", "Joseph", "Joshua", "Justin", "Keith", "Kenneth", "Kevin", "Larry", "Lawrence", "Lee", "Leslie",
	"Louis", "Mark", "Matthew", "Michael", "Nicholas", "Patrick", "Paul", "Peter", "Philip", "Phillip", "Ralph", "Randy", "Raymond", "Richard", "Robert",
	"Roger", "Ronald", "Russell", "Samuel", "Scott", "Stephen", "Steven", "Thomas", "Timothy", "Walter", "Wayne", "Wendell", "William", "Willie",
}
