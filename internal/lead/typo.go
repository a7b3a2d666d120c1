package lead

import "strings"

// nameTypos maps mistyped names of large mail services to the right ones. None of
// them is a mail service itself: mail.com and ymail.com are not listed, because
// people have addresses there.
var nameTypos = map[string]string{
	"gmial": "gmail", "gamil": "gmail", "gmai": "gmail", "gmal": "gmail", "gmil": "gmail", "gmaill": "gmail", "gmaiil": "gmail", "gmqil": "gmail",
	"gnail": "gmail", "gmsil": "gmail", "gmali": "gmail", "gimail": "gmail", "ggmail": "gmail",
	"hotmial": "hotmail", "hotmal": "hotmail", "hotmai": "hotmail", "hotmil": "hotmail", "hotmaill": "hotmail", "hotamil": "hotmail", "hotnail": "hotmail",
	"homail": "hotmail", "hormail": "hotmail", "otmail": "hotmail", "hotmeil": "hotmail", "hotmali": "hotmail", "jotmail": "hotmail",
	"outlok": "outlook", "outloo": "outlook", "outlool": "outlook", "outlock": "outlook", "outllook": "outlook", "oulook": "outlook", "otlook": "outlook",
	"yaho": "yahoo", "yahooo": "yahoo", "yhoo": "yahoo", "yahho": "yahoo", "yhaoo": "yahoo", "yaoo": "yahoo",
	"icloid": "icloud", "iclud": "icloud", "icoud": "icloud", "iclou": "icloud", "iclould": "icloud",
}

// endTypos maps mistyped ends of such a domain to the right ones.
var endTypos = map[string]string{
	"con": "com", "cm": "com", "om": "com", "cmo": "com", "co": "com", "vom": "com", "xom": "com", "com.": "com", "con.mx": "com.mx", "cm.mx": "com.mx",
}

// MeantEmail returns the address that was probably meant, if the domain of an
// address is a mistyped well-known mail service. Otherwise it returns "". We only
// ask the visitor about it: the lead keeps what was typed.
func MeantEmail(email string) string { return correctDomain(cleanEmail(email)) }

// MeantEmail is [MeantEmail] for the lead's own address.
func (l *Lead) MeantEmail() string { return correctDomain(l.Email) }

// Corrects returns the content of the inquiry that q corrects: the same inquiry
// with the typed address. It is zero unless q has exactly the address that was meant
// by the typed one. So only somebody who knows everything that the visitor wrote can
// correct it, and can do no more than mend a typing mistake.
func (q *Inquiry) Corrects(typed string) Digest {
	if meant := MeantEmail(typed); meant == "" || meant != q.Email {
		return Digest{}
	}
	before := *q
	before.Email = cleanEmail(typed)
	return before.Content()
}

func correctDomain(email string) string {
	at := strings.LastIndexByte(email, '@')
	name, end, ok := strings.Cut(email[at+1:], ".")
	if at < 1 || !ok {
		return ""
	}
	rightName, rightEnd := name, end
	if right, ok := nameTypos[name]; ok {
		rightName = right
	}
	if right, ok := endTypos[end]; ok && isMailService(rightName) {
		rightEnd = right
	}
	if rightName != name && rightEnd == "com.mx" && isComOnly(rightName) {
		rightEnd = "com"
	}
	if (rightName == name && rightEnd == end) || !isEndOf(rightName, rightEnd) {
		return ""
	}
	return email[:at+1] + rightName + "." + rightEnd
}

func isMailService(name string) bool {
	switch name {
	case "gmail", "hotmail", "outlook", "yahoo", "icloud":
		return true
	}
	return false
}

// isComOnly reports whether the service has addresses under .com alone. gmail.hu and
// gmail.fr belong to others.
func isComOnly(name string) bool { return name == "gmail" || name == "icloud" }

// isEndOf reports whether end may follow the service's name: com, es, com.mx, co.uk.
func isEndOf(name, end string) bool {
	if end == "com" || isComOnly(name) {
		return end == "com"
	}
	country := end
	if first, rest, ok := strings.Cut(end, "."); ok && (first == "com" || first == "co") {
		country = rest
	}
	return len(country) == 2
}
