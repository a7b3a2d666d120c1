// Package spam judges how much an inquiry looks like the work of a robot. It returns
// a score with reasons and decides nothing: a lead over the site's threshold is
// quarantined for a person to look at, never dropped.
//
// No weak sign is enough alone. People write texts that are short, rude, misspelt or
// in other languages, and none of that costs anything. What counts is what people do
// not do. A text that speaks of a property is less likely a sales
// pitch. The package does no I/O.
package spam

import (
	"time"

	"leadrelay/internal/lead"
)

// DefaultThreshold is the score from which on an inquiry is quarantined, unless its
// site has another. A sign that is enough alone has this weight.
const DefaultThreshold = 100

// Submission is an inquiry and what is known about how it came. A zero value means
// unknown, and has no weight.
type Submission struct {
	Inquiry lead.Inquiry // cleaned, as [lead.New] leaves it

	Traps  []string      // what came in the honeypots
	Filled time.Duration // from the form's signed time to its arrival

	// Repeats is how many others have sent the text to the site lately: see
	// [RepeatCounter].
	Repeats int
	// Busy is set if the sender's address posts more than a person would.
	Busy bool
	// CaptchaRefused is set if the site asks for a captcha and its token was missing or
	// wrong. It is not set if the verifier was down.
	CaptchaRefused bool
	// Hosts are the site's own hosts, such as casas.mx. Links to them and to their
	// subdomains are ordinary.
	Hosts []string
}

// Verdict is how much a submission looks like spam, and why. The reasons are among
// [Reasons], in the same order for the same submission. They hold nothing of the
// visitor's.
type Verdict struct {
	Score   int
	Reasons []string
}

// Judge weighs all signs. It is a pure function.
func Judge(s Submission) Verdict {
	e := evidence{Submission: s}
	e.gather()
	var v Verdict
	for _, sign := range signs {
		points := sign.weigh(&e)
		v.Score += points
		if points > 0 {
			v.Reasons = append(v.Reasons, sign.reason)
		}
	}
	v.Score -= e.relief()
	return v
}

// Reasons returns all the reasons that a verdict may have.
func Reasons() []string {
	all := make([]string, len(signs), len(signs)+1)
	for i, sign := range signs {
		all[i] = sign.reason
	}
	return append(all, noMail)
}
