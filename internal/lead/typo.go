package lead

import "strings"

// typos are how people write the names of the large mail services when a finger
// slips. Each is nobody's name; mail.com and ymail.com are not among them,
// because people have addresses there.
var typos = map[string]string{
	"gmial": "gmail", "gamil": "gmail", "gmai": "gmail", "gmal": "gmail", "gmil": "gmail", "gmaill": "gmail", "gmaiil": "gmail", "gmqil": "gmail",
	"gnail": "gmail", "gmsil": "gmail", "gmali": "gmail", "gimail": "gmail", "ggmail": "gmail",
	"hotmial": "hotmail", "hotmal": "hotmail", "hotmai": "hotmail", "hotmil": "hotmail", "hotmaill": "hotmail", "hotamil": "hotmail", "hotnail": "hotmail",
	"homail": "hotmail", "hormail": "hotmail", "otmail": "hotmail", "hotmeil": "hotmail", "hotmali": "hotmail", "jotmail": "hotmail",
	"outlok": "outlook", "outloo": "outlook", "outlool": "outlook", "outlock": "outlook", "outllook": "outlook", "oulook": "outlook", "otlook": "outlook",
	"yaho": "yahoo", "yahooo": "yahoo", "yhoo": "yahoo", "yahho": "yahoo", "yhaoo": "yahoo", "yaoo": "yahoo",
	"icloid": "icloud", "iclud": "icloud", "icoud": "icloud", "iclou": "icloud", "iclould": "icloud",
}

// ends are slips in what follows such a name.
var ends = map[string]string{
	"con": "com", "cm": "com", "om": "com", "cmo": "com", "co": "com", "vom": "com", "xom": "com", "com.": "com", "con.mx": "com.mx", "cm.mx": "com.mx",
}

// MeantEmail is the address that was probably meant, where an address has a
// well-known service in it but for a slip; else it is empty. Nothing is decided
// by it: the lead keeps what was typed.
func MeantEmail(email string) string { return meantBy(cleanEmail(email)) }

// MeantEmail is [MeantEmail] for the lead's own address.
func (l *Lead) MeantEmail() string { return meantBy(l.Email) }

// Corrects is the content of the inquiry that came before q with the typed
// address, if q has the very address that was meant by it, and else zero. So
// whoever corrects knows all that the visitor wrote, and can do no more than
// take a slip out of it.
func (q *Inquiry) Corrects(typed string) Digest {
	if meant := MeantEmail(typed); meant == "" || meant != q.Email {
		return Digest{}
	}
	before := *q
	before.Email = cleanEmail(typed)
	return before.Content()
}

func meantBy(email string) string {
	at := strings.LastIndexByte(email, '@')
	name, end, ok := strings.Cut(email[at+1:], ".")
	if at < 1 || !ok {
		return ""
	}
	rightName, rightEnd := name, end
	if right, slipped := typos[name]; slipped {
		rightName = right
	}
	if right, slipped := ends[end]; slipped && isService(rightName) {
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

func isService(name string) bool {
	switch name {
	case "gmail", "hotmail", "outlook", "yahoo", "icloud":
		return true
	}
	return false
}

// isComOnly reports a service that is at home nowhere else: gmail.hu and
// gmail.fr are other people's.
func isComOnly(name string) bool { return name == "gmail" || name == "icloud" }

// isEndOf reports what may follow a service's name: com, es, com.mx, co.uk.
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
