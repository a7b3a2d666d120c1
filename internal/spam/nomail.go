package spam

import (
	"slices"
	"strings"

	"leadrelay/internal/lead"
)

// noMail is the reason that only the network can tell: the domain of the e-mail address
// takes no mail. [Judge] does no I/O, so it does not weigh this sign.
const noMail = "no_mail"

// NoMail returns the verdict if the mail domain takes no mail. That is a weak sign,
// because people mistype their addresses, too.
func (v Verdict) NoMail() Verdict {
	return Verdict{Score: v.Score + weak, Reasons: append(slices.Clip(v.Reasons), noMail)}
}

// MailInDoubt reports whether it makes sense to look up if the address's domain takes
// mail. It returns false if the domain is well known, if Judge has weighed it, or if the
// address looks mistyped, which is what people do.
func MailInDoubt(email string) bool {
	_, domain, ok := strings.Cut(email, "@")
	known := contains(mailServices, domain) || contains(postOffices, domain) || isDisposable(domain) || isExample(domain)
	return ok && !known && lead.MeantEmail(email) == ""
}

// mailServices are the mail services of most people in Latin America.
var mailServices = []string{
	"gmail.com", "googlemail.com", "hotmail.com", "hotmail.es", "hotmail.com.mx", "outlook.com", "outlook.es", "live.com", "live.com.mx", "msn.com",
	"yahoo.com", "yahoo.com.mx", "yahoo.es", "ymail.com", "icloud.com", "me.com", "mac.com", "aol.com", "gmx.com", "proton.me", "protonmail.com",
	"prodigy.net.mx", "zoho.com",
}
