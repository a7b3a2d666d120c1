package spam

import (
	"slices"
	"strings"

	"leadrelay/internal/lead"
)

// noMail is the sign that only the network can show: the domain of the mail
// address takes no mail. [Judge] asks nobody, so it does not weigh it.
const noMail = "no_mail"

// NoMail is what becomes of the verdict when the mail domain takes no mail. It
// is a weak sign: people mistype their addresses, too.
func (v Verdict) NoMail() Verdict {
	return Verdict{Score: v.Score + weak, Reasons: append(slices.Clip(v.Reasons), noMail)}
}

// MailInDoubt reports whether somebody should ask if the address's domain takes
// mail. Nobody need where it is well known, where the judge has weighed the
// domain already, and where a finger slipped: that is what people do.
func MailInDoubt(email string) bool {
	_, domain, ok := strings.Cut(email, "@")
	known := contains(mailServices, domain) || contains(postOffices, domain) || isDisposable(domain) || isExample(domain)
	return ok && !known && lead.MeantEmail(email) == ""
}

// mailServices are where most people of Latin America have their mail.
var mailServices = []string{
	"gmail.com", "googlemail.com", "hotmail.com", "hotmail.es", "hotmail.com.mx", "outlook.com", "outlook.es", "live.com", "live.com.mx", "msn.com",
	"yahoo.com", "yahoo.com.mx", "yahoo.es", "ymail.com", "icloud.com", "me.com", "mac.com", "aol.com", "gmx.com", "proton.me", "protonmail.com",
	"prodigy.net.mx", "zoho.com",
}
