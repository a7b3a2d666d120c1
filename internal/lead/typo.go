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
func MeantEmail(email string) string {
	email = cleanEmail(email)
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
	if rightName == name && rightEnd == end {
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
